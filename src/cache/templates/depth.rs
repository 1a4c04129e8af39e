//! What goes deep is refused before it can exhaust a stack, and what is allowed fits one of two megabytes.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::domain::Channel;
use crate::templates::{
    Library, Limits, LocaleHints, MOST_BLOCKS, MOST_STEPS, MOST_VALUES, TemplateSource,
};

/// What threads have by default.
const STACK: usize = 2 << 20;

fn source(body: &str) -> TemplateSource {
    TemplateSource {
        tenant_id: Uuid::nil(),
        name: "order-shipped".to_owned(),
        channel: Channel::Email,
        locale: "en".to_owned(),
        version: 1,
        subject: None,
        title: None,
        body: Some(body.to_owned()),
        html: None,
        variables: vec![],
        trouble: None,
    }
}

fn render(source: TemplateSource, variables: Value) -> Option<String> {
    let variables: Map<String, Value> = serde_json::from_value(variables).unwrap();
    let library = Library::compile(&[source], Limits::default());
    let reader = LocaleHints::default();
    let rendered = library.render(
        Uuid::nil(),
        Channel::Email,
        "order-shipped",
        reader,
        &variables,
        None,
    );
    rendered.ok()?.content.body
}

/// On a thread with an ordinary stack: compiled, checked, rendered and dropped.
fn refusal(text: &str) -> Option<String> {
    let checked = source(text);
    let work = move || {
        let refused = Library::check(&checked)
            .err()
            .map(|errors| errors[0].to_string());
        let deep = (0..100).fold(json!(1), |inner, _| json!([inner]));
        let _ = render(checked, json!({ "x": deep, "y": deep, "z": 1 }));
        refused.filter(|why| why.contains("within each other") || why.contains("into each other"))
    };
    let thread = std::thread::Builder::new().stack_size(STACK);
    thread.spawn(work).unwrap().join().unwrap()
}

/// A chain of so many links: what begins it, a link, and what ends it.
fn chain((start, link, end): (&str, &str, &str), links: usize) -> String {
    let end = end.replace('…', &"]".repeat(links));
    format!("{start}{}{end}", link.repeat(links))
}

#[test]
fn a_chain_of_operators_is_refused_over_the_limit_and_safe_within_it() {
    for (template, steps, values) in [
        (("{{ ", "-", "z }}"), 1, 0),
        (("{{ ", "- ", "z }}"), 1, 0),
        (("{{ ", "not ", "z }}"), 1, 0),
        (("{{ z", ".a", " }}"), 1, 0),
        (("{{ z", "[0]", " }}"), 1, 0),
        (("{{ x", "[0:]", " }}"), 1, 1),
        (("{{ z", "()", " }}"), 1, 0),
        (("{{ z", "|e", " }}"), 1, 0),
        (("{{ z", "|default(z)", " }}"), 2, 0),
        (("{{ z", " is defined", " }}"), 1, 0),
        (("{{ z", " is not defined", " }}"), 2, 0),
        (("{{ z", " + z", " }}"), 1, 1),
        (("{{ z", " ~ z", " }}"), 1, 0),
        (("{{ z", " ** z", " }}"), 2, 2),
        (("{{ z", " // z", " }}"), 2, 0),
        (("{{ z", " and z", " }}"), 1, 0),
        (("{{ z", " or z", " }}"), 1, 0),
        (("{{ z", " < z", " }}"), 1, 0),
        (("{{ z", " == z", " }}"), 2, 0),
        (("{{ z", " not in z", " }}"), 2, 0),
        (("{{ z", " if z else z", " }}"), 2, 0),
        (("{{ z", " if z", " }}"), 1, 0),
        (("{% if z", ".a|e", " %}{% endif %}"), 2, 0),
        (("{% for z in z", ".a|e", " %}{% endfor %}"), 2, 0),
        (("{% set a = z", "|e", " %}"), 1, 0),
        (("{{ ", "[", "z… }}"), 1, 1),
        (("{{ x == ", "[", "z… }}"), 1, 1),
    ] {
        let most = (MOST_STEPS / steps).min(MOST_VALUES.checked_div(values).unwrap_or(MOST_STEPS));
        assert_eq!(refusal(&chain(template, most - 5)), None, "{template:?}");
        for over in [most + 1, 5_000, 20_000] {
            let why = refusal(&chain(template, over)).unwrap_or_default();
            assert!(why.contains("order-shipped"), "{template:?}: {why}");
            assert!(why.contains(", body, line 1: does not compile"), "{why}");
            assert!(why.contains("more than"), "{why}");
        }
    }
    // Side by side they are no chain.
    let flat = format!("{{% set xs = [{}1] %}}", "-1, ".repeat(1_000));
    assert_eq!(refusal(&flat), None);
}

#[test]
fn blocks_are_refused_over_the_limit_and_safe_within_it() {
    let long = chain(("", " and z", ""), MOST_STEPS - 5);
    for (start, link, end) in [
        ("{% if z %}", "{% elif 0 %}", "{% endif %}"),
        ("{% if z %}", "{% if z %}", "!endif"),
        ("{% if z %}", "{% for i in [1] %}", "!endfor"),
        ("{% if z %}", "{% with a = 1 %}", "!endwith"),
    ] {
        let blocks = |links: usize| {
            let ends = end.strip_prefix('!').map_or(end.to_owned(), |word| {
                format!("{{% {word} %}}").repeat(links) + "{% endif %}"
            });
            let last = format!("{{{{ z{long} }}}}");
            format!("{start}{}{last}{ends}", link.repeat(links))
        };
        assert_eq!(refusal(&blocks(MOST_BLOCKS - 1)), None, "{link}");
        for over in [MOST_BLOCKS, 5_000] {
            assert!(refusal(&blocks(over)).is_some(), "{link}");
        }
    }
    let siblings = "{% if z %}{% elif 0 %}{% endif %}".repeat(2_000);
    assert_eq!(refusal(&siblings), None);
}

#[test]
fn values_within_values_are_refused_over_the_limit_and_safe_within_it() {
    let uses = "{{ x }}{{ x == y }}{{ x < y }}{{ x|string|length }}{{ y in x }}{{ x|join }}";
    for (link, values) in [
        ("{% set x = [x] %}", 1),
        ("{% set x = (x,) %}", 1),
        ("{% set x = {'a': x} %}", 2),
        ("{% set x = dict(a=x) %}", 1),
        ("{% set x = x[0:] %}", 1),
        ("{% set x = x|chain([1]) %}", 2),
        ("{% set x = x|zip %}", 1),
        ("{% set x = x|items %}", 1),
        ("{% set x = x|map('list') %}", 1),
    ] {
        let links = MOST_VALUES / values;
        assert_eq!(refusal(&format!("{}{uses}", link.repeat(links))), None);
        for over in [links + 1, 20_000] {
            assert!(refusal(&link.repeat(over)).is_some(), "{link}");
        }
    }
    let half = MOST_VALUES / 2;
    let both = ["{% set x = [x] %}", "{% set y = [y] %}"].map(|link| link.repeat(half));
    assert_eq!(refusal(&format!("{}{uses}", both.concat())), None);
    let with = vec!["x = [x]"; MOST_VALUES + 1].join(", ");
    assert!(refusal(&format!("{{% with {with} %}}{{% endwith %}}")).is_some());
    // What takes out, or makes a text, nests nothing.
    let flat = "{% set x = y.a[0]|default('b')|upper %}".repeat(1_000);
    assert_eq!(refusal(&flat), None);
}

#[test]
fn a_loop_nests_nothing_from_turn_to_turn() {
    let looped = "{% for i in range(9000) %}{% set x = [x] %}{{ x if loop.last }}{% endfor %}";
    let printed = render(source(looped), json!({ "x": 1 }));
    assert_eq!(printed.as_deref(), Some("[1]"));
}

#[test]
fn a_template_that_is_too_large_is_refused() {
    let error = Library::check(&source(&"x".repeat(1_100_000))).unwrap_err();
    assert!(error[0].message.contains("1048576 bytes"), "{}", error[0]);
}
