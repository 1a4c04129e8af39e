//! The vocabularies, the envelope and the settings of accounts are described whole.

use std::collections::BTreeSet;
use std::fs;

use herald::domain::{Class, Reason, Rejection, Rule, Status};

use crate::pages::{Page, assert_none, in_backticks, page, rows, section};

#[test]
fn readme_shows_the_message_that_its_script_publishes() {
    let readme = page("README.md");
    let message = fs::read_to_string("examples/first.json").unwrap();
    assert!(readme.text.contains(&format!("```json\n{message}```")));
    assert!(readme.text.contains("herald publish examples/first.json"));
}

/// What stands in backticks in the rows of the tables of a section.
fn words_of_tables(page: &Page, heading: &str) -> BTreeSet<String> {
    let tables = section(&page.text, heading).lines();
    let rows = tables.filter(|line| line.starts_with('|'));
    rows.flat_map(in_backticks).map(str::to_owned).collect()
}

fn assert_all_in(page: &Page, heading: &str, words: &[&str]) {
    let described = words_of_tables(page, heading);
    let missing: Vec<String> = words
        .iter()
        .filter(|word| !described.contains(**word))
        .map(|word| format!("{}, {heading}: `{word}` is missing", page.path.display()))
        .collect();
    assert_none(&missing);
}

#[test]
fn every_status_reason_class_and_rejection_is_described() {
    let concepts = page("docs/concepts.md");
    let statuses: Vec<&str> = Status::ALL.iter().map(|word| word.as_str()).collect();
    assert_all_in(&concepts, "## Statuses and reasons", &statuses);
    // Only the HTTP API, which is not here yet, cancels so.
    let reasons = Reason::ALL
        .iter()
        .filter(|reason| **reason != Reason::CancelledByUser);
    let reasons: Vec<&str> = reasons.map(|word| word.as_str()).collect();
    assert_all_in(&concepts, "## Statuses and reasons", &reasons);
    let classes: Vec<&str> = Class::ALL.iter().map(|word| word.as_str()).collect();
    assert_all_in(&concepts, "## The timeline", &classes);
    let rejections: Vec<&str> = Rejection::ALL.iter().map(|word| word.as_str()).collect();
    let publishing = page("docs/publishing.md");
    assert_all_in(&publishing, "## Rejected messages", &rejections);
    let rules = section(&concepts.text, "## Order of the rules");
    let listed = rules
        .lines()
        .filter(|line| line.starts_with(|c: char| c.is_ascii_digit()));
    assert_eq!(listed.count(), Rule::ALL.len());
}

#[test]
fn every_field_of_the_envelope_is_described() {
    let source = fs::read_to_string("src/broker/envelope/wire.rs").unwrap();
    let (_, wire) = source.split_once("struct WireEnvelope {").unwrap();
    let (wire, _) = wire.split_once("\n}").unwrap();
    let fields: Vec<&str> = wire
        .lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(name, _)| name.trim().trim_start_matches("pub(super) "))
        .collect();
    assert!(fields.contains(&"idempotency_key"));
    assert_all_in(&page("docs/publishing.md"), "## The envelope", &fields);
}

/// The keys that an account of a kind may have in its `config`, as its settings read them.
fn config_keys(kind: &str) -> BTreeSet<String> {
    let source = fs::read_to_string(format!("src/providers/{kind}/settings.rs")).unwrap();
    let list = [
        "const ALLOWED: &[&str] = &[",
        "const KEYS: [&str; 10] = [",
        "Fields::of(account, &[",
    ]
    .iter()
    .find_map(|start| source.split_once(start))
    .unwrap();
    let (list, _) = list.1.split_once(']').unwrap();
    let quoted = list.split('"').skip(1).step_by(2);
    quoted.map(str::to_owned).collect()
}

#[test]
fn every_key_of_an_accounts_config_is_described() {
    let providers = page("docs/providers.md");
    for (kind, heading) in [
        ("sendgrid", "## SendGrid"),
        ("smtp", "## SMTP"),
        ("twilio", "## Twilio"),
        ("fcm", "## FCM"),
        ("slack", "## Slack"),
    ] {
        let described: BTreeSet<String> = rows(section(&providers.text, heading))
            .iter()
            .map(|cells| cells[0].trim_matches('`').to_owned())
            .collect();
        assert_eq!(described, config_keys(kind), "{heading}");
    }
}
