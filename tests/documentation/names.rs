//! Names of metrics, settings, tests, log lines, rooms and words.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use herald::telemetry::declarations::{ALL, Kind};

use crate::deploy::{deployment, rules_and_dashboards};
use crate::figures::settings_with_defaults;
use crate::pages::{
    assert_none, code, collect, in_backticks, is_word, page, pages, prose, rows, section, words,
};

/// Names that look like metrics and are roles of the database.
const ROLES: &[&str] = &["herald_notifications", "herald_tickets"];
/// Other names that begin like metrics: what travels with a mail, and a channel of `NOTIFY`.
const OTHERS: &[&str] = &["herald_notification_id", "herald_inbox"];

#[test]
fn every_metric_is_described_as_it_is_declared() {
    let operations = page("docs/operations.md");
    let described: BTreeMap<String, (String, Vec<String>)> =
        rows(section(&operations.text, "## Metrics"))
            .iter()
            .map(|cells| {
                let labels = in_backticks(cells[2]).into_iter().map(str::to_owned);
                let name = cells[0].trim_matches('`').to_owned();
                (name, (cells[1].to_owned(), labels.collect()))
            })
            .collect();
    let declared: BTreeMap<String, (String, Vec<String>)> = ALL
        .iter()
        .map(|metric| {
            let kind = match metric.kind {
                Kind::Counter => "counter",
                Kind::Gauge => "gauge",
                Kind::Histogram => "histogram",
            };
            let labels = metric.labels.iter().map(ToString::to_string).collect();
            (metric.name.to_owned(), (kind.to_owned(), labels))
        })
        .collect();
    assert_eq!(described, declared);
}

#[test]
fn every_metric_that_is_named_exists() {
    let mut wrong = vec![];
    for page in pages().into_iter().chain(rules_and_dashboards()) {
        for word in words(&page.text, "herald_", is_word) {
            let base = ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|suffix| word.strip_suffix(suffix))
                .unwrap_or(word);
            let known = ALL
                .iter()
                .any(|metric| metric.name == word || metric.name == base);
            if !known && !ROLES.contains(&word) && !OTHERS.contains(&word) {
                wrong.push(format!("{}: {word} is no metric", page.path.display()));
            }
        }
    }
    assert_none(&wrong);
}

/// Every `section.key` of the documented defaults; `retry.default` stands for each channel too.
fn settings() -> BTreeSet<String> {
    settings_with_defaults().into_keys().collect()
}

#[test]
fn every_variable_that_is_named_sets_a_setting() {
    let settings = settings();
    assert!(settings.contains("database.url") && settings.contains("retry.default.base"));
    let mut wrong = vec![];
    for page in pages().into_iter().chain(deployment()) {
        for variable in words(&page.text, "HERALD__", is_word) {
            let path = variable["HERALD__".len()..]
                .to_lowercase()
                .replace("__", ".");
            let is_pattern = matches!(path.as_str(), "" | "section.key");
            let of_file = path.strip_suffix("_file").unwrap_or(&path);
            if !is_pattern && !settings.contains(&path) && !settings.contains(of_file) {
                wrong.push(format!("{}: {variable}", page.path.display()));
            }
        }
    }
    assert_none(&wrong);
}

#[test]
fn every_setting_that_is_named_exists() {
    let settings = settings();
    let sections: BTreeSet<&str> = settings
        .iter()
        .filter_map(|setting| setting.split('.').next())
        .collect();
    // The changelog also tells what was called what before.
    let renamed = fs::read_to_string("src/config/renamed.rs").unwrap();
    let mut wrong = vec![];
    for page in pages() {
        let tells_old_names = page.path.ends_with("CHANGELOG.md");
        for name in in_backticks(&prose(&page.text)) {
            let name = name.split(" = ").next().unwrap();
            let Some((section, key)) = name.split_once('.') else {
                continue;
            };
            let is_name = key.chars().all(|c| is_word(c) || c == '.');
            if !sections.contains(section) || !is_name || key.ends_with("rs") {
                continue;
            }
            let is_section = settings
                .iter()
                .any(|setting| setting.starts_with(&format!("{name}.")));
            let is_old = tells_old_names && renamed.contains(&format!("(\"{name}\","));
            if !settings.contains(name) && !is_section && !is_old {
                wrong.push(format!("{}: `{name}`", page.path.display()));
            }
        }
    }
    assert_none(&wrong);
}

#[test]
fn every_test_that_is_named_exists() {
    let code = code();
    let mut wrong = vec![];
    for page in pages() {
        let flat = page.text.split_whitespace().collect::<Vec<_>>().join(" ");
        for (at, _) in flat.match_indices("` (test)") {
            let name = flat[..at].rsplit('`').next().unwrap();
            // `name` stands for any test where the notation is explained.
            if name != "name" && !code.contains(&format!("fn {name}(")) {
                wrong.push(format!("{}: {name}", page.path.display()));
            }
        }
    }
    assert_none(&wrong);
}

#[test]
fn every_log_line_that_is_explained_is_written() {
    let code = code();
    let operations = page("docs/operations.md");
    let logs = section(&operations.text, "## Logs");
    let (_, explained) = logs.split_once("Lines worth knowing").unwrap();
    let lines = rows(explained);
    assert!(!lines.is_empty());
    let wrong: Vec<String> = lines
        .iter()
        .map(|cells| cells[0].trim_matches('`').to_owned())
        .filter(|line| !code.contains(line.as_str()))
        .collect();
    assert_none(&wrong);
}

/// The rooms with those that they may use, as `tests/architecture.rs` checks them.
fn rooms_as_checked() -> Vec<(String, BTreeSet<String>)> {
    let text = fs::read_to_string("tests/architecture.rs").unwrap();
    let (_, table) = text.split_once("const ROOMS").unwrap();
    let (table, _) = table.split_once("];\n").unwrap();
    let mut texts = table.split('"').skip(1).step_by(2);
    let entries = std::iter::from_fn(|| Some((texts.next()?, texts.next()?)));
    entries
        .map(|(room, uses)| {
            // A long list goes on in the next line, after a backslash.
            let used = uses.split_whitespace().filter(|room| *room != "\\");
            (room.to_owned(), used.map(str::to_owned).collect())
        })
        .collect()
}

#[test]
fn the_rooms_are_those_that_are_checked() {
    let architecture = page("docs/architecture.md");
    let mut described: Vec<(String, BTreeSet<String>)> = vec![];
    for cells in rows(section(&architecture.text, "## Rooms")) {
        let named = in_backticks(cells[2]).into_iter().map(str::to_owned);
        let named: BTreeSet<String> = named.collect();
        let used = if cells[2].starts_with("everything above") {
            let above = described.iter().map(|(room, _)| room.clone());
            above.filter(|room| !named.contains(room)).collect()
        } else {
            named
        };
        described.push((cells[0].trim_matches('`').to_owned(), used));
    }
    assert_eq!(described, rooms_as_checked());
}

/// The engine's own code.
fn engine() -> String {
    let mut files = vec![];
    collect(Path::new("src"), "rs", &mut files);
    let texts = files.iter().map(|file| fs::read_to_string(file).unwrap());
    texts.collect()
}

/// The names that code declares: what stands behind the word of a kind.
fn declared(code: &str) -> BTreeSet<&str> {
    let kinds = ["struct", "enum", "trait", "type", "mod", "fn", "const"];
    let mut words = code.split([' ', '\n']).peekable();
    let mut names = BTreeSet::new();
    while let Some(word) = words.next() {
        if let Some(next) = words.peek().filter(|_| kinds.contains(&word)) {
            let name = next.split(['(', '<', ';', ':']).next();
            names.extend(name.filter(|name| name.chars().all(is_word)));
        }
    }
    names
}

#[test]
fn every_path_of_code_in_the_architecture_is_declared() {
    let (code, architecture) = (engine(), page("docs/architecture.md"));
    let declared = declared(&code);
    let paths = in_backticks(&architecture.text);
    let paths = paths.into_iter().filter(|path| path.contains("::"));
    let paths: Vec<&str> = paths
        .filter(|path| path.split("::").all(|it| it.chars().all(is_word)))
        .collect();
    assert!(paths.len() > 10, "{paths:?}");
    let outside = ["tokio", "std", "actix", "actix_rt"];
    let wrong = paths.into_iter().filter(|path| {
        let mut parts = path.split("::").peekable();
        let is_ours = parts.peek().is_some_and(|first| !outside.contains(first));
        is_ours && !parts.all(|part| declared.contains(part))
    });
    let wrong: Vec<String> = wrong
        .map(|path| format!("docs/architecture.md: {path}"))
        .collect();
    assert_none(&wrong);
}

#[test]
fn every_word_of_the_glossary_is_a_name_in_the_code() {
    let concepts = page("docs/concepts.md");
    let code = engine();
    let declared = declared(&code);
    let glossary = section(&concepts.text, "## Glossary");
    let rows: Vec<&str> = glossary
        .lines()
        .filter(|line| line.starts_with("| **"))
        .collect();
    assert!(rows.len() >= 25);
    let wrong: Vec<String> = rows
        .iter()
        .filter_map(|row| in_backticks(row).pop())
        .filter(|name| !declared.contains(*name))
        .map(|name| format!("docs/concepts.md: nothing in src is called `{name}`"))
        .collect();
    assert_none(&wrong);
}
