use std::collections::BTreeSet;

use html5ever::tendril::TendrilSink;
use markup5ever_rcdom::{Handle, NodeData, RcDom};

use super::*;

fn switch(category: Option<&str>, is_on: bool, is_required: bool) -> PageSwitch {
    PageSwitch {
        switch: format!("email/{}", category.unwrap_or("*")),
        channel: Channel::Email,
        category: category.map(str::to_owned),
        is_on,
        is_required,
    }
}

fn example() -> PersonPage {
    PersonPage {
        sender: Some("Tom & <b>Co</b>".to_owned()),
        done: Some(PageDone::Saved),
        asked: switch(Some("<script>alert(1)</script>"), true, false),
        everything: true,
        channels: vec![PageChannel {
            all: switch(None, true, false),
            is_stopped: true,
            categories: vec![
                switch(Some("news"), false, false),
                switch(Some("security"), true, true),
                switch(Some("\"><img src=x>"), true, false),
            ],
        }],
        quiet: vec![PageQuiet {
            scope: "*/*".to_owned(),
            channel: None,
            category: None,
            start: Some("22:00".to_owned()),
            end: Some("07:00".to_owned()),
            days: vec!["mon"],
            zone: "Europe/Berlin".to_owned(),
        }],
    }
}

#[test]
fn every_language_has_every_text_and_every_page_is_written_in_it() {
    assert_eq!(
        LANGUAGES.keys().collect::<Vec<_>>(),
        ["de", "en", "es", "fr", "it", "nl", "pl", "pt"]
    );
    let english: BTreeSet<&String> = LANGUAGES["en"].words.keys().collect();
    for (tag, texts) in LANGUAGES.iter() {
        let words: BTreeSet<&String> = texts.words.keys().collect();
        assert_eq!(words, english, "{tag}");
        assert!(
            Channel::ALL
                .iter()
                .all(|it| texts.channels.contains_key(it))
        );
        let days = quiet_text::DAYS.map(|(word, _)| word);
        assert!(days.iter().all(|it| texts.days.contains_key(*it)), "{tag}");
        for (word, place) in [
            ("sender", "{sender}"),
            ("of_channel", "{what}"),
            ("of_channel", "{channel}"),
            ("asked_on", "{what}"),
            ("asked_off", "{what}"),
            ("asked_required", "{what}"),
            ("zone", "{zone}"),
        ] {
            assert!(texts.words[word].contains(place), "{tag}: {word}");
        }
        let shown = page(tag, &example()).unwrap();
        assert!(shown.contains(&format!("<html lang=\"{tag}\">")));
        assert!(
            !shown.contains("{what}") && !shown.contains("{zone}"),
            "{shown}"
        );
        for kind in [PageNotice::Gone, PageNotice::Busy, PageNotice::Unreadable] {
            let shown = notice(tag, kind).unwrap();
            assert!(shown.contains(kind.words().0) || shown.contains("<h1>"));
            let (title, words) = kind.words();
            assert!(!texts.words[title].is_empty() && !texts.words[words].is_empty());
        }
        for done in [PageDone::Saved, PageDone::BadHours, PageDone::Needed] {
            assert!(!texts.word(done.word()).is_empty(), "{tag}: {done:?}");
        }
    }
}

#[test]
fn what_others_wrote_is_text_and_no_markup() {
    let shown = page("en", &example()).unwrap();
    for bad in ["<script", "<b>", "<img"] {
        assert!(!shown.contains(bad), "{shown}");
    }
    assert!(shown.contains("Tom &amp; &lt;b&gt;Co"), "{shown}");
    assert!(!shown.contains("&amp;amp;"), "{shown}");
    assert!(!shown.contains(" style="), "the policy allows none");
}

#[test]
fn what_is_needed_has_no_switch_and_what_is_off_can_be_switched_on() {
    let shown = page("en", &example()).unwrap();
    assert!(!shown.contains("email/security") && shown.contains("always sent"));
    assert!(
        shown.contains("name=\"on\" value=\"email&#x2f;news\"")
            || shown.contains("name=\"on\" value=\"email/news\"")
    );
    let off = PersonPage {
        everything: false,
        asked: switch(None, false, false),
        ..example()
    };
    let shown = page("en", &off).unwrap();
    assert!(shown.contains("Everything is switched off"), "{shown}");
    assert!(!shown.contains("news"), "nothing of it could come: {shown}");
}

#[test]
fn a_page_is_in_the_first_language_that_somebody_reads_in_which_it_is_written() {
    for (read, wanted) in [
        (vec!["de-AT"], "de"),
        (vec!["fi", "nl-BE"], "nl"),
        (vec!["pt_BR"], "pt"),
        (vec!["fi"], "en"),
        (vec![], "en"),
        (vec!["nonsense tag", "*", "it"], "it"),
        (vec!["en-GB", "de"], "en"),
    ] {
        assert_eq!(language(read.clone()), wanted, "{read:?}");
    }
}

#[test]
fn the_policy_allows_the_pages_own_style_and_nothing_else() {
    let policy = content_policy();
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"));
    assert!(!policy.contains("script-src") && !policy.contains("unsafe"));
    let shown = page("en", &example()).unwrap();
    let (_, style) = shown.split_once("<style>").unwrap();
    let (style, _) = style.split_once("</style>").unwrap();
    let hash = BASE64_STANDARD.encode(Sha256::digest(style));
    assert!(policy.contains(&format!("'sha256-{hash}'")), "{policy}");
}

/// An element: its name, its attributes, its text, and the names of those around it.
#[derive(Debug)]
struct Element {
    name: String,
    attributes: BTreeMap<String, String>,
    text: String,
    around: Vec<String>,
}

/// The elements of a page, which must be HTML without a mistake.
fn elements(html: &str) -> Vec<Element> {
    let dom = html5ever::parse_document(RcDom::default(), Default::default());
    let dom = dom.one(html);
    let errors = dom.errors.borrow();
    assert!(errors.is_empty(), "{errors:?}: {html}");
    let mut found = vec![];
    collect(&dom.document, &[], &mut found);
    found
}

fn collect(node: &Handle, around: &[String], found: &mut Vec<Element>) {
    let mut inner = around.to_vec();
    if let NodeData::Element { name, attrs, .. } = &node.data {
        let name = name.local.to_string();
        let attributes = attrs.borrow();
        let attributes = attributes.iter();
        found.push(Element {
            attributes: attributes
                .map(|it| (it.name.local.to_string(), it.value.to_string()))
                .collect(),
            text: text(node),
            around: around.to_vec(),
            name: name.clone(),
        });
        inner.push(name);
    }
    for child in node.children.borrow().iter() {
        collect(child, &inner, found);
    }
}

fn text(node: &Handle) -> String {
    let own = match &node.data {
        NodeData::Text { contents } => contents.borrow().to_string(),
        _ => String::new(),
    };
    let children = node.children.borrow();
    own + &children.iter().map(text).collect::<String>()
}

#[test]
fn the_page_is_good_html_that_everybody_can_use_without_a_script() {
    for tag in LANGUAGES.keys() {
        let all = elements(&page(tag, &example()).unwrap());
        let named = |name: &'static str| all.iter().filter(move |it| it.name == name);
        assert_eq!(named("html").next().unwrap().attributes["lang"], *tag);
        assert_eq!(named("h1").count(), 1);
        assert_eq!(named("main").count(), 1);
        assert!(
            named("meta").any(|it| it.attributes.get("name").is_some_and(|it| it == "viewport"))
        );
        for element in &all {
            assert_ne!(element.name, "script");
            let handler = element.attributes.keys().find(|it| it.starts_with("on"));
            assert_eq!(handler, None, "{element:?}");
        }
        for form in named("form") {
            assert_eq!(form.attributes["method"], "post");
            assert!(!form.attributes.contains_key("action"), "to where it is");
        }
        let mut labels = BTreeSet::new();
        for button in named("button") {
            assert!(button.around.contains(&"form".to_owned()), "{button:?}");
            let value = button.attributes["value"].clone();
            let is_new = labels.insert((button.text.clone(), value));
            assert!(is_new && !button.text.trim().is_empty(), "{button:?}");
        }
        for input in named("input").filter(|it| it.attributes["type"] != "hidden") {
            assert!(input.around.contains(&"label".to_owned()), "{input:?}");
        }
        let ids = all.iter().filter_map(|it| it.attributes.get("id"));
        let ids: Vec<&String> = ids.collect();
        let unique: BTreeSet<&&String> = ids.iter().collect();
        assert_eq!(unique.len(), ids.len());
        for section in named("section") {
            assert!(ids.contains(&&section.attributes["aria-labelledby"]));
        }
        for kind in [PageNotice::Gone, PageNotice::Busy, PageNotice::Unreadable] {
            assert!(!elements(&notice(tag, kind).unwrap()).is_empty());
        }
    }
}
