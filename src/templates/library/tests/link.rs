//! The link by which a person unsubscribes: every template has it, and no message must bring it.

use super::*;

const URL: &str = "https://herald.example.com/u/abc_-1";

fn filled(template: TemplateSource, variables: Json, link: Option<&str>) -> Content {
    let Json::Object(variables) = variables else {
        panic!("variables are an object");
    };
    let (name, channel) = (template.name.clone(), template.channel);
    let library = library(&[template]);
    let hints = LocaleHints::default();
    let rendered = library.render(TENANT, channel, &name, hints, &variables, link);
    rendered.unwrap().content
}

#[test]
fn every_template_has_the_link_and_a_message_may_bring_its_own() {
    let text = "{% if unsubscribe_url %}Stop: {{ unsubscribe_url }}{% else %}none{% endif %}";
    let printed = |variables: Json, link| filled(source(text), variables, link).body.unwrap();
    assert_eq!(printed(json!({}), Some(URL)), format!("Stop: {URL}"));
    assert_eq!(printed(json!({}), None), "none");
    let own = json!({ "unsubscribe_url": "https://shop.example.com/stop" });
    assert_eq!(
        printed(own, Some(URL)),
        "Stop: https://shop.example.com/stop"
    );
    let bare = filled(source("[{{ unsubscribe_url }}]"), json!({}), None);
    assert_eq!(bare.body.unwrap(), "[]", "a mail goes without it");
}

#[test]
fn a_template_that_uses_or_declares_the_link_asks_nothing_of_a_message() {
    for declared in [vec![], vec!["unsubscribe_url"], vec!["unsubscribe_url?"]] {
        let template = TemplateSource {
            html: Some("<a href=\"{{ unsubscribe_url }}\">stop</a>".to_owned()),
            variables: declared.iter().map(ToString::to_string).collect(),
            ..source("{{ unsubscribe_url }}")
        };
        let variables = Library::check(&template).unwrap();
        assert_eq!((variables.undeclared, variables.unused), (vec![], vec![]));
        let preview = library(std::slice::from_ref(&template));
        let preview = preview.preview(
            TENANT,
            Channel::Email,
            "order-shipped",
            LocaleHints::default(),
            &Map::new(),
        );
        let preview = preview.unwrap();
        assert_eq!(preview.missing, Vec::<String>::new());
        let content = preview.content.unwrap();
        assert!(content.body.unwrap().ends_with("/u/example"));
        let html = filled(template, json!({}), Some(URL)).html.unwrap();
        let html = html.replace("&#x2f;", "/");
        assert_eq!(html, format!("<a href=\"{URL}\">stop</a>"));
    }
}
