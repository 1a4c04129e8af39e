//! The documentation names what exists: metrics, settings, files, headings, tests, log lines, rooms.

#![expect(
    clippy::unwrap_used,
    reason = "clippy takes only `#[test]` functions for tests, not what they call"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use herald::telemetry::declarations::{ALL, Kind};

/// Names that look like metrics and are roles of the database.
const ROLES: &[&str] = &["herald_notifications", "herald_tickets"];

struct Page {
    path: PathBuf,
    text: String,
}

fn pages() -> Vec<Page> {
    let mut paths = vec![PathBuf::from("README.md")];
    collect(Path::new("docs"), "md", &mut paths);
    paths.into_iter().map(page).collect()
}

fn page(path: impl Into<PathBuf>) -> Page {
    let path = path.into();
    let text = fs::read_to_string(&path).unwrap();
    Page { path, text }
}

fn collect(folder: &Path, extension: &str, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, extension, files);
        } else if path.extension().is_some_and(|found| found == extension) {
            files.push(path);
        }
    }
}

/// The code of the engine, of the instrument and of the tests, in one text.
fn code() -> String {
    let mut files = vec![];
    for folder in ["src", "loadtest/src", "fuzz", "tests"] {
        collect(Path::new(folder), "rs", &mut files);
    }
    let texts: Vec<String> = files
        .iter()
        .map(|file| fs::read_to_string(file).unwrap())
        .collect();
    texts.join("\n")
}

/// The words of `text` that begin with `prefix` and go on as long as `belongs` says.
fn words<'a>(text: &'a str, prefix: &str, belongs: fn(char) -> bool) -> BTreeSet<&'a str> {
    let words = text.match_indices(prefix).filter_map(|(at, _)| {
        let starts = !text[..at].ends_with(belongs);
        let end = text[at..].find(|c| !belongs(c)).unwrap_or(text.len() - at);
        starts.then(|| &text[at..at + end])
    });
    words.collect()
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// The part of a page below a heading, up to the next one of the same level.
fn section<'a>(text: &'a str, heading: &str) -> &'a str {
    let (_, below) = text.split_once(&format!("\n{heading}\n")).unwrap();
    below.split("\n## ").next().unwrap()
}

/// The cells of each row of a table whose first cell begins with a name in backticks.
fn rows(text: &str) -> Vec<Vec<&str>> {
    let named = text.lines().filter(|line| line.starts_with("| `"));
    named
        .map(|line| line.split('|').map(str::trim).skip(1).collect())
        .collect()
}

fn in_backticks(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

fn assert_none(wrong: &[String]) {
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

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
    for page in pages() {
        for word in words(&page.text, "herald_", is_word) {
            let base = ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|suffix| word.strip_suffix(suffix))
                .unwrap_or(word);
            let known = ALL
                .iter()
                .any(|metric| metric.name == word || metric.name == base);
            if !known && !ROLES.contains(&word) {
                wrong.push(format!("{}: {word} is no metric", page.path.display()));
            }
        }
    }
    assert_none(&wrong);
}

/// Every `section.key` of the documented defaults; `retry.default` stands for each channel too.
fn settings() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut section = String::new();
    for line in herald::config::DEFAULTS.lines() {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']').to_owned();
        } else if let Some((key, _)) = line.split_once(" = ")
            && key.chars().all(is_word)
        {
            found.insert(format!("{section}.{key}"));
        }
    }
    found
}

#[test]
fn every_variable_that_is_named_sets_a_setting() {
    let settings = settings();
    assert!(settings.contains("database.url") && settings.contains("retry.default.base"));
    let mut wrong = vec![];
    for page in pages() {
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
    let mut wrong = vec![];
    for page in pages() {
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
            if !settings.contains(name) && !is_section {
                wrong.push(format!("{}: `{name}`", page.path.display()));
            }
        }
    }
    assert_none(&wrong);
}

/// A page without its blocks of code, in which backticks mean something else.
fn prose(text: &str) -> String {
    let outside = text.split("```").step_by(2);
    outside.collect::<Vec<_>>().join("\n")
}

/// The target of each link and picture of a page.
fn links(text: &str) -> Vec<String> {
    let text = prose(text);
    text.match_indices("](")
        .filter_map(|(at, _)| text[at + 2..].split_once(')'))
        .map(|(target, _)| target.to_owned())
        .filter(|target| !target.contains("://"))
        .collect()
}

/// The anchors of a page's headings, as GitHub makes them.
fn anchors(text: &str) -> BTreeSet<String> {
    let text = prose(text);
    let headings = text.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|line| {
            let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
            let title = line.trim_start_matches('#').trim().to_lowercase();
            title
                .chars()
                .filter(kept)
                .collect::<String>()
                .replace(' ', "-")
        })
        .collect()
}

#[test]
fn every_link_leads_somewhere() {
    let mut wrong = vec![];
    for page in pages() {
        for link in links(&page.text) {
            let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = match file {
                "" => page.path.clone(),
                _ => page.path.parent().unwrap().join(file),
            };
            let leads = match fs::read_to_string(&target) {
                Ok(text) => anchor.is_empty() || anchors(&text).contains(anchor),
                Err(_) => anchor.is_empty() && target.is_dir(),
            };
            if !leads {
                wrong.push(format!("{}: {link}", page.path.display()));
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
    // rustfmt breaks long entries over lines.
    let table: String = table.split_whitespace().collect();
    let table = table.replace("],)", "])");
    let quoted = |text: &str| -> Vec<String> {
        let parts = text.split('"').skip(1).step_by(2);
        parts.map(str::to_owned).collect()
    };
    let entries = table.split_once('=').unwrap().1.split("])");
    entries
        .map(quoted)
        .flat_map(|names| match names.split_first() {
            Some((room, used)) => vec![(room.clone(), used.iter().cloned().collect())],
            None => vec![],
        })
        .collect()
}

#[test]
fn the_rooms_are_those_that_are_checked() {
    let architecture = page("docs/architecture.md");
    let mut described: Vec<(String, BTreeSet<String>)> = vec![];
    for cells in rows(section(&architecture.text, "## Rooms")) {
        let used = match cells[2] {
            "everything above" => described.iter().map(|(room, _)| room.clone()).collect(),
            listed => in_backticks(listed)
                .into_iter()
                .map(str::to_owned)
                .collect(),
        };
        described.push((cells[0].trim_matches('`').to_owned(), used));
    }
    assert_eq!(described, rooms_as_checked());
}
