//! What a template calls by name.

use super::*;

#[test]
fn what_is_called_and_does_not_exist_is_named_before_a_message_comes() {
    for (text, problem) in [
        (
            "{{ x|uper }}",
            "there is no filter `uper`; did you mean `upper`?",
        ),
        (
            "{% if 0 %}{{ x|uper }}{% endif %}",
            "there is no filter `uper`; did you mean `upper`?",
        ),
        (
            "{% for y in x|srot %}{% endfor %}",
            "there is no filter `srot`; did you mean `sort`?",
        ),
        (
            "{{ x is defind }}",
            "there is no test `defind`; did you mean `defined`?",
        ),
        (
            "{{ x is not defind }}",
            "there is no test `defind`; did you mean `defined`?",
        ),
        (
            "{% if (rnage(3)) %}{% endif %}",
            "there is no function `rnage`; did you mean `range`?",
        ),
        (
            "{{ namespace(a=1) }}",
            "there is no function `namespace`; there are dict, range",
        ),
        (
            "{{ x.upper() }}",
            "values have no method `upper`; write `|upper`",
        ),
        ("{{ x.strftime('%d') }}", "values have no method `strftime`"),
    ] {
        let errors = Library::check(&source(&format!("one\n{text}"))).unwrap_err();
        let found: Vec<_> = errors
            .iter()
            .map(|error| (error.line, &*error.message))
            .collect();
        assert_eq!(found, [(Some(2), problem)], "{text}");
    }
    let json = Library::check(&source("{{ x|tojson }}")).unwrap_err();
    assert!(
        json[0].message.starts_with("there is no filter `tojson`"),
        "{}",
        json[0]
    );
    for text in [
        "{{ x.is.defind }}{{ x.filter }}{{ '|uper' }}{# x|uper #}{% raw %}{{ x|uper }}{% endraw %}",
        "{% if not (x) and (y) or (z) in (a) %}{% elif (x) %}{% endif %}",
        "{% for a, b in (c) if (d) %}{{ loop.cycle(1, 2) }}{{ loop.changed(a) }}{% endfor %}",
        "{{ x is not divisibleby(3) }}{{ x is divisibleby 3 }}{{ not x }}{{ (x)|default(not (y)) }}",
        "{% set (a, b) = (c) %}{% with (d) = (e) %}{% endwith %}",
    ] {
        assert!(Library::check(&source(text)).is_ok(), "{text}");
    }
}

/// The lists of names are the engine's.
#[test]
fn the_names_that_are_known_are_those_that_there_are() {
    use crate::templates::names::{FILTERS, FUNCTIONS, TESTS};
    let printed = |text: String| body(&text, json!({})).unwrap();
    for name in FILTERS {
        assert_eq!(
            printed(format!("{{{{ '{name}' is filter }}}}")),
            "True",
            "{name}"
        );
    }
    for name in TESTS {
        assert_eq!(
            printed(format!("{{{{ '{name}' is test }}}}")),
            "True",
            "{name}"
        );
    }
    let library = Library::default();
    let globals = library.environment.globals().map(|(name, _)| name);
    assert_eq!(
        globals.collect::<BTreeSet<_>>(),
        FUNCTIONS.iter().copied().collect()
    );
}
