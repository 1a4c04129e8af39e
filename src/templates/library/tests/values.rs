//! What a variable's value becomes where it is printed.

use super::*;

fn written(text: &str, variables: &str) -> String {
    let read = crate::domain::spelling::for_reading(variables);
    let variables = read.unwrap_or_else(|| variables.to_owned());
    body(text, serde_json::from_str(&variables).unwrap()).unwrap()
}

#[test]
fn a_loop_knows_its_length() {
    let text = "{% for x in xs %}{{ loop.index }}/{{ loop.length }}{{ '.' if loop.last else ',' }}{% endfor %}";
    for over in [
        "xs",
        "xs|list",
        "xs|sort",
        "xs|reverse",
        "xs|map('upper')",
        "range(3)",
        "object",
        "object|items",
        "'a b c'|split",
    ] {
        let text = text.replace("in xs", &format!("in {over}"));
        let variables = r#"{"xs": ["a", "b", "c"], "object": {"a": 1, "b": 2, "c": 3}}"#;
        assert_eq!(written(&text, variables), "1/3,2/3,3/3.", "{over}");
    }
}

#[test]
fn a_number_is_printed_as_it_was_written() {
    let long = "9".repeat(60);
    for number in [
        "89490200001234567890",
        "-170141183460469231731687303715884105728",
        "340282366920938463463374607431768211455",
        &long,
        "1.10",
        "1.0",
        "1e400",
        "1E5",
        "2.50e-7",
        "-0",
        "-0.0",
        "0.1",
        "12345678901234567890.12",
    ] {
        let variables = format!(r#"{{"n": {number}, "deep": {{"list": [{number}]}}}}"#);
        let text = "{{ n }} {{ deep.list[0] }} {% for x in deep.list %}{{ x }}{% endfor %}";
        assert_eq!(written(text, &variables), [number; 3].join(" "));
    }
    // Also within what is printed whole.
    let list = r#"{"xs": [1, 2.50, {"a": 1e5, "b": "x", "c": true}, [-0, 1.0]]}"#;
    let printed = "[1, 2.50, {'a': 1e5, 'b': 'x', 'c': True}, [-0, 1.0]]";
    assert_eq!(written("{{ xs }}", list), printed);
    assert_eq!(written("{{ xs ~ '' }}", list), printed);
    assert_eq!(written("{{ [xs] }}", list), format!("[{printed}]"));
    assert_eq!(written("{{ xs|reverse|list|reverse }}", list), printed);
    // Two spellings of one value stay two.
    let prices = r#"{"a": 1.1, "b": 1.10, "c": 1.100}"#;
    assert_eq!(written("{{ a }} {{ b }} {{ c }}", prices), "1.1 1.10 1.100");
}

#[test]
fn a_number_counts_all_the_same() {
    let variables = r#"{"price": 1.10, "count": 3, "big": 89490200001234567890,
                        "number spellings": "mine"}"#;
    for (text, printed) in [
        ("{{ (price * count)|round(2) }}", "3.3"),
        ("{{ big + 1 }}", "89490200001234567891"),
        ("{% if price > 1 and price == 1.1 %}yes{% endif %}", "yes"),
        ("{{ count / 2 }} {{ count // 2 }}", "1.5 1"),
    ] {
        assert_eq!(written(text, variables), printed, "{text}");
    }
}

#[test]
fn each_channel_has_its_own_escape_and_safe_is_markup_in_all() {
    let text = "*Hi* <https://example.com|{{ name }}> {{ name|safe }} {{ n }} {{ name ~ '&' }} \
                {{ [name, '<b>'|safe]|join(' ') }} {{ name|upper }}";
    let variables = json!({ "name": "<!channel> & co", "n": 1.5 });
    let printed = |channel| {
        let template = TemplateSource {
            channel,
            title: Some("{{ name }}\u{2028}{{ name }}".to_owned()),
            ..source(text)
        };
        let content = render(template, variables.clone()).unwrap().content;
        (content.title.unwrap(), content.body.unwrap())
    };
    let escaped = "&lt;!channel&gt; &amp; co";
    let plain = "<!channel> & co";
    let (title, body) = printed(Channel::Chat);
    assert_eq!(title, format!("{escaped} {escaped}"));
    assert_eq!(
        body,
        format!(
            "*Hi* <https://example.com|{escaped}> {plain} 1.5 {escaped}&amp; {escaped} <b> {}",
            "&lt;!CHANNEL&gt; &amp; CO"
        )
    );
    for channel in [Channel::Sms, Channel::Push, Channel::Email, Channel::InApp] {
        let (title, body) = printed(channel);
        assert_eq!(title, format!("{plain} {plain}"), "{channel}");
        assert!(body.starts_with(&format!("*Hi* <https://example.com|{plain}> {plain} 1.5")));
    }
}

#[test]
fn a_null_prints_nothing_wherever_it_stands() {
    for (text, printed) in [
        ("[{{ last }}]", "[]"),
        ("{{ first ~ ' ' ~ last }}|", "Ana |"),
        ("{{ [first, last]|join('-') }}", "Ana-"),
        (
            "{{ deep.last }}{% if last %}yes{% else %}no{% endif %}",
            "no",
        ),
        (
            "{% if last is none and first is not none %}yes{% endif %}",
            "yes",
        ),
        ("{{ last|default('friend', true) }}", "friend"),
        ("{% if last is defined %}yes{% endif %}", "yes"),
    ] {
        let variables = json!({ "first": "Ana", "last": null, "deep": { "last": null } });
        assert_eq!(body(text, variables).unwrap(), printed, "{text}");
    }
}
