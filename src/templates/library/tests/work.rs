//! What walks through values costs by their length.

use super::*;

fn failed(text: &str, fuel: u64) -> Option<TemplateError> {
    let limits = Limits {
        fuel,
        ..Limits::default()
    };
    let numbers: Vec<u32> = (0..20_000).map(|n| n * 7 % 1_000).collect();
    let variables = json!({ "xs": numbers, "ys": numbers, "text": "word ".repeat(20_000) });
    let variables: Map<String, Json> = serde_json::from_value(variables).unwrap();
    let name = "order-shipped";
    let library = Library::compile(&[source(text)], limits);
    let reader = LocaleHints::default();
    let rendered = library.render(TENANT, Channel::Email, name, reader, &variables, None);
    rendered.err()
}

#[test]
fn walking_again_and_again_through_much_is_stopped() {
    for walk in [
        "xs|sort|length",
        "xs|sum",
        "xs|unique|list",
        "xs|map('upper')|list",
        "xs|join",
        "xs == ys",
        "xs < ys",
        "1000 in xs",
        "(xs ~ '') == ''",
        "xs|string",
        "text|upper",
        "text|replace('a', 'b')",
        "text|split|length",
        "range(9000)|sum",
    ] {
        let text = format!("{{% for i in range(9000) %}}{{{{ '' if {walk} }}}}{{% endfor %}}");
        let error = failed(&text, 20_000).unwrap();
        assert_eq!(error.kind, ErrorKind::Limit, "{walk}: {error}");
        assert!(error.message.contains("again and again"), "{walk}: {error}");
    }
    // What a filter has made costs as well.
    for kept in ["xs|list", "xs|sort", "range(9000)", "text|split"] {
        let text = format!(
            "{{% set zs = {kept} %}}{{% for i in range(2000) %}}{{{{ '' if 'x' in zs }}}}{{% endfor %}}"
        );
        let error = failed(&text, 40_000).unwrap();
        assert!(error.message.contains("again and again"), "{kept}: {error}");
    }
}

#[test]
fn ordinary_use_of_much_goes_on() {
    for text in [
        "{{ xs|sort|unique|length }} {{ xs|sum }} {{ xs|max }} {{ text|upper|length }}",
        "{% for x in xs %}{% if x > 998 %}{{ x }}{% endif %}{% endfor %}",
        "{% for i in range(100) %}{{ xs|first }}{{ xs|length }}{{ xs[i] }}{% endfor %}",
    ] {
        assert_eq!(failed(text, 200_000), None, "{text}");
    }
}
