mod link;
mod names;
mod values;
mod work;

use serde_json::json;

use super::*;

const TENANT: Uuid = Uuid::from_u128(1);

fn source(body: &str) -> TemplateSource {
    TemplateSource {
        tenant_id: TENANT,
        name: "order-shipped".to_owned(),
        channel: Channel::Email,
        locale: "en".to_owned(),
        version: 3,
        subject: None,
        title: None,
        body: Some(body.to_owned()),
        html: None,
        variables: Vec::new(),
        trouble: None,
    }
}

fn library(sources: &[TemplateSource]) -> Library {
    Library::compile(sources, Limits::default())
}

fn render(source: TemplateSource, variables: Json) -> Result<Rendered, TemplateError> {
    let Json::Object(variables) = variables else {
        panic!("variables are an object");
    };
    let limits = Limits {
        max_output_bytes: 10_000,
        ..Limits::default()
    };
    let (name, channel) = (source.name.clone(), source.channel);
    Library::compile(&[source], limits).render(
        TENANT,
        channel,
        &name,
        LocaleHints::default(),
        &variables,
        None,
    )
}

fn body(text: &str, variables: Json) -> Result<String, TemplateError> {
    render(source(text), variables).map(|rendered| rendered.content.body.unwrap())
}

fn failure(text: &str, variables: Json) -> TemplateError {
    body(text, variables).unwrap_err()
}

#[test]
fn every_part_is_filled_and_only_html_is_escaped() {
    let template = TemplateSource {
        subject: Some("Order {{ order }}\r\n for {{ name }}\n".to_owned()),
        html: Some("<p>Hello {{ name }}</p>".to_owned()),
        ..source("Hello {{ name }}")
    };
    let variables = json!({ "name": "<Ana> & Co", "order": "A-17\nBcc: x" });
    let rendered = render(template, variables).unwrap();
    assert_eq!(rendered.version, 3);
    insta::assert_json_snapshot!(rendered.content, @r#"
        {
          "subject": "Order A-17 Bcc: x  for <Ana> & Co",
          "body": "Hello <Ana> & Co",
          "html": "<p>Hello &lt;Ana&gt; &amp; Co</p>"
        }
    "#);
}

#[test]
fn values_of_every_kind_are_printed() {
    let text = "{{ n }} {{ big }} {{ f }} {{ b }} [{{ nothing }}] {{ list|join(', ') }} \
                {{ deep.er[0].name }} {% for k, v in deep|items %}{{ k }}{% endfor %}";
    let variables = json!({
        "n": -3, "big": u64::MAX, "f": 2.5, "b": true, "nothing": null,
        "list": ["a", 1], "deep": { "er": [{ "name": "x" }] },
    });
    let printed = "-3 18446744073709551615 2.5 True [] a, 1 x er";
    assert_eq!(body(text, variables).unwrap(), printed);
}

#[test]
fn missing_variables_are_all_named() {
    let template = TemplateSource {
        variables: vec!["order".to_owned(), "name".to_owned(), "given".to_owned()],
        ..source("Hello")
    };
    let error = render(template, json!({ "given": "secret" })).unwrap_err();
    assert_eq!(error.kind, ErrorKind::MissingVariables);
    insta::assert_snapshot!(error, @"template `order-shipped` for email in `en`: missing variables: `order`, `name`");
}

#[test]
fn a_variable_that_may_be_left_out_is_undefined_and_prints_nothing() {
    let template = |text: &str| TemplateSource {
        variables: vec!["name".to_owned(), "nick?".to_owned()],
        html: Some(text.to_owned()),
        ..source(text)
    };
    for (text, without, with) in [
        (
            "Hello {{ name }}{{ nick }}!",
            "Hello Ana!",
            "Hello AnaAnni!",
        ),
        (
            "{% if nick %}{{ nick }}{% else %}{{ name }}{% endif %}",
            "Ana",
            "Anni",
        ),
        ("{{ nick|default(name) }}", "Ana", "Anni"),
        ("{{ nick is defined }}", "False", "True"),
        ("{{ nick|upper }}", "", "ANNI"),
        ("{{ name ~ nick }}", "Ana", "AnaAnni"),
    ] {
        for (variables, right) in [
            (json!({ "name": "Ana" }), without),
            (json!({ "name": "Ana", "nick": null }), without),
            (json!({ "name": "Ana", "nick": "Anni", "more": 1 }), with),
        ] {
            let content = render(template(text), variables).unwrap().content;
            assert_eq!(content.body.as_deref(), Some(right), "{text}");
            assert_eq!(content.html.as_deref(), Some(right), "{text}");
        }
    }
    let error = render(template("{{ nick }}"), json!({ "nick": "Anni" })).unwrap_err();
    assert!(error.message.contains("`name`"), "{error}");
}

#[test]
fn an_undeclared_variable_that_is_missing_is_named_with_its_line() {
    for (text, named) in [
        ("Hello\n{{ name }}", "`name` is missing"),
        ("\n{{ order.id }}", "`order.id` is missing"),
        ("\n{{ gone.id }}", "`gone` is missing"),
        ("\n{{ name|upper }}", "`name` is missing"),
        ("\n{{ 'x' ~ name }}", "`name` is missing"),
        ("\n{% for x in xs %}{% endfor %}", "`xs` is missing"),
    ] {
        let error = failure(text, json!({ "order": { "secret": "value" } }));
        assert_eq!(error.kind, ErrorKind::Undefined, "{text}: {error}");
        assert_eq!(error.line, Some(2), "{text}");
        assert_eq!(error.message, named, "{text}");
    }
    let asked = "{% if name %}{{ name }}{% else %}friend{% endif %}, {{ title|default('Dr.') }}";
    assert_eq!(body(asked, json!({})).unwrap(), "friend, Dr.");
}

#[test]
fn errors_never_show_a_value() {
    for text in [
        "{{ email|round }}",
        "{{ email + 1 }}",
        "{{ email.domain.name }}",
        "{{ email|int }}",
        "{{ (email ~ 'x')() }}",
        "{{ email * email }}",
        "{% for a, b in [email] %}{% endfor %}",
        "{{ range(email) }}",
        "{{ [email]|sum }}",
        "{{ email|map(email) }}",
        "{{ email is divisibleby(email) }}",
        "{{ [1]|first(email) }}",
        "{{ 'a'|replace(email) }}",
    ] {
        if let Err(error) = body(text, json!({ "email": "ana@example.com" })) {
            assert!(
                !format!("{error} {error:?}").contains("ana@"),
                "{text}: {error}"
            );
        }
    }
}

#[test]
fn a_template_that_does_not_compile_fails_alone() {
    let broken = TemplateSource {
        name: "broken".to_owned(),
        subject: Some("fine".to_owned()),
        ..source("one\n{% if x %}")
    };
    let library = library(&[broken.clone(), source("fine")]);
    assert_eq!(library.len(), 2);
    let render = |name| {
        library.render(
            TENANT,
            Channel::Email,
            name,
            LocaleHints::default(),
            &Map::new(),
            None,
        )
    };
    assert!(render("order-shipped").is_ok());
    insta::assert_snapshot!(render("broken").unwrap_err(), @"template `broken` for email in `en`, body, line 2: does not compile: unexpected end of input, expected end of block");
    assert_eq!(Library::check(&broken).unwrap_err().len(), 1);
}

#[test]
fn an_unknown_template_is_told_apart() {
    let library = library(&[source("x")]);
    let none = Map::new();
    let by = |tenant, channel, name| {
        library.render(tenant, channel, name, LocaleHints::default(), &none, None)
    };
    for unknown in [
        by(TENANT, Channel::Email, "order-shiped"),
        by(TENANT, Channel::Sms, "order-shipped"),
        by(Uuid::from_u128(2), Channel::Email, "order-shipped"),
    ] {
        assert_eq!(unknown.unwrap_err().kind, ErrorKind::Unknown);
    }
    assert!(library.has(TENANT, Channel::Email, "order-shipped"));
    assert!(!library.has(TENANT, Channel::Push, "order-shipped"));
}

#[test]
fn the_language_of_the_person_is_taken_and_the_newest_version_counts() {
    let in_language = |locale: &str, version, body: &str| TemplateSource {
        locale: locale.to_owned(),
        version,
        ..source(body)
    };
    let library = library(&[
        in_language("de", 2, "neu"),
        in_language("de", 1, "alt"),
        in_language("en", 1, "old"),
        in_language("en", 4, "new"),
    ]);
    let render = |locale| {
        let (name, none) = ("order-shipped", Map::new());
        let rendered = library.render(
            TENANT,
            Channel::Email,
            name,
            LocaleHints {
                recipient: locale,
                tenant: None,
            },
            &none,
            None,
        );
        rendered.unwrap().content.body.unwrap()
    };
    assert_eq!(render(Some("de-AT")), "neu");
    assert_eq!(render(Some("fr")), "new");
    assert_eq!(render(None), "new");
}

#[test]
fn expensive_template_is_stopped() {
    let long = "x".repeat(3_000);
    for text in [
        "{% for a in range(3000) %}{% for b in range(3000) %}{% endfor %}{% endfor %}",
        "{% for a in range(3000) %}{{ x }}{% endfor %}",
        "{{ x|replace('x', x) }}",
        "{{ range(9000)|join(x) }}",
        "{{ [x, x, x, x]|join }}",
        "{{ x * 100000000 }}",
        "{{ 'x' * 200000000 }}",
        "{{ x * 4 }}",
    ] {
        let error = failure(text, json!({ "x": long }));
        assert_eq!(error.kind, ErrorKind::Limit, "{text}: {error}");
    }
}

#[test]
fn a_template_cannot_reach_another_or_build_one() {
    for text in [
        "{% include '0.body.txt' %}",
        "{% extends '0.body.txt' %}",
        "{% import '0.body.txt' as x %}",
        "{% macro m(x) %}{{ m(x) }}{% endmacro %}{{ m(1) }}",
        "{% block x %}{% endblock %}",
        "{% set x %}{{ y }}{% endset %}",
    ] {
        assert_eq!(failure(text, json!({})).kind, ErrorKind::Syntax, "{text}");
    }
    for text in [
        "{{ '%0999999999d'|format(1) }}",
        "{{ namespace(a=1) }}",
        "{{ debug() }}",
        "{{ x|tojson }}",
    ] {
        let error = failure(text, json!({ "x": 1 }));
        assert_eq!(error.kind, ErrorKind::Failed, "{text}: {error}");
    }
}

#[test]
fn deep_nesting_is_refused_without_overflowing_the_stack() {
    let deep = format!("{{{{ {}1{} }}}}", "(".repeat(10_000), ")".repeat(10_000));
    assert_eq!(failure(&deep, json!({})).kind, ErrorKind::Syntax);
    let ifs = format!(
        "{}{}",
        "{% if 1 %}".repeat(5_000),
        "{% endif %}".repeat(5_000)
    );
    assert_eq!(failure(&ifs, json!({})).kind, ErrorKind::Syntax);
}

#[test]
fn undeclared_variables_are_reported_at_apply() {
    let template = TemplateSource {
        subject: Some("{{ order.id }} {{ name }}".to_owned()),
        variables: vec!["name?".to_owned(), "more".to_owned()],
        ..source("{% for n in range(3) %}{{ n }}{{ city }}{% endfor %}")
    };
    assert_eq!(
        Library::check(&template),
        Ok(Variables {
            undeclared: vec!["city".to_owned(), "order".to_owned()],
            unused: vec!["more".to_owned()],
        })
    );
}

#[test]
fn a_change_compiles_what_changed_and_shares_the_rest() {
    let other = Uuid::from_u128(2);
    let named = |tenant_id, name: &str, body: &str| TemplateSource {
        tenant_id,
        name: name.to_owned(),
        ..source(body)
    };
    let (a, b) = (named(TENANT, "a", "1"), named(TENANT, "b", "1"));
    let before = library(&[a.clone(), b, named(other, "a", "1")]);
    let after = before.changed(&[a.key()], &[named(TENANT, "a", "2")]);
    let print = |library: &Library, tenant, name| {
        let rendered = library.render(
            tenant,
            Channel::Email,
            name,
            LocaleHints::default(),
            &Map::new(),
            None,
        );
        rendered.map(|rendered| rendered.content.body.unwrap())
    };
    assert_eq!(print(&before, TENANT, "a").unwrap(), "1");
    assert_eq!(print(&after, TENANT, "a").unwrap(), "2");
    assert!(Arc::ptr_eq(&before.tenants[&other], &after.tenants[&other]));
    let entry = |library: &Library, name| {
        let (_, entry, _) = library
            .find(TENANT, Channel::Email, name, LocaleHints::default())
            .unwrap();
        std::ptr::from_ref(entry)
    };
    assert_eq!(entry(&before, "b"), entry(&after, "b"));

    let without = after.changed(&[a.key()], &[]);
    let gone = print(&without, TENANT, "a").unwrap_err();
    assert_eq!((gone.kind, without.len()), (ErrorKind::Unknown, 2));
}

#[test]
fn unreadable_template_fails_alone_and_says_why() {
    let unreadable = TemplateSource {
        name: "odd".to_owned(),
        trouble: Some("variables are not a list of names".to_owned()),
        ..source("Hello")
    };
    let library = library(&[unreadable, source("Hello")]);
    let render = |name| {
        library.render(
            TENANT,
            Channel::Email,
            name,
            LocaleHints::default(),
            &Map::new(),
            None,
        )
    };
    assert!(library.has(TENANT, Channel::Email, "odd"));
    let error = render("odd").unwrap_err().to_string();
    assert!(
        error.ends_with("cannot be read: variables are not a list of names"),
        "{error}"
    );
    assert!(render("order-shipped").is_ok());
}
