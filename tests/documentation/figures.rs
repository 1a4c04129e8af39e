//! Figures stand in one place, and defaults are the defaults.

use std::collections::BTreeMap;

use crate::pages::{assert_none, is_word, page, pages};

#[test]
fn measured_figures_stand_on_the_pages_of_measurements_only() {
    let measured = ["docs/performance.md", "docs/growth.md", "docs/faults.md"];
    let pages = pages().into_iter().filter(|page| {
        let path = page.path.to_str().unwrap();
        !measured.contains(&path) && !path.starts_with("docs/decisions")
    });
    let mut wrong = vec![];
    for page in pages {
        for unit in [" µs", "/s ", " MiB", " MB resident"] {
            let figures = page.text.match_indices(unit);
            let figures =
                figures.filter(|(at, _)| page.text[..*at].ends_with(|c: char| c.is_ascii_digit()));
            wrong.extend(figures.map(|(at, _)| {
                let line = page.text[..at].lines().count();
                format!("{}:{line}: a figure in{unit}", page.path.display())
            }));
        }
    }
    assert_none(&wrong);
}

/// The default of a setting as a page writes it: `5 s`, `256 KiB`, `20,000`.
fn as_prose(default: &str) -> String {
    let bare = default.trim_matches('"');
    let digits = bare
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(bare.len());
    match (bare[..digits].parse::<u64>(), &bare[digits..]) {
        (Ok(bytes), "") if bytes >= 1024 && bytes % 1024 == 0 && bytes > 70_000 => {
            format!("{} KiB", bytes / 1024)
        }
        (Ok(number), "") if number >= 1_000 => {
            format!("{},{:03}", number / 1_000, number % 1_000)
        }
        (Ok(number), unit) if !unit.is_empty() => format!("{number} {unit}"),
        _ => bare.to_owned(),
    }
}

#[test]
fn every_default_that_is_written_out_is_the_default() {
    let defaults: BTreeMap<String, String> = settings_with_defaults();
    let (mut found, mut wrong) = (0, vec![]);
    for page in pages() {
        for (setting, default) in &defaults {
            let named = format!(" (`{setting}`)");
            for (at, _) in page.text.match_indices(&named) {
                let before: Vec<&str> = page.text[..at].split_whitespace().rev().take(2).collect();
                let is_number = |word: &&&str| word.starts_with(|c: char| c.is_ascii_digit());
                let written = match before.as_slice() {
                    [number, ..] if is_number(&number) => (*number).to_owned(),
                    [unit, number] if is_number(&number) => format!("{number} {unit}"),
                    _ => continue,
                };
                found += 1;
                if written != as_prose(default) {
                    let page = page.path.display();
                    wrong.push(format!(
                        "{page}: {written} (`{setting}`), but it is {default}"
                    ));
                }
            }
        }
    }
    assert_none(&wrong);
    assert!(found >= 2, "{found} defaults are written out");
}

pub(crate) fn settings_with_defaults() -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut section = "";
    for line in herald::config::DEFAULTS.lines() {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']');
        } else if let Some((key, default)) = line.split_once(" = ")
            && key.chars().all(is_word)
        {
            found.insert(format!("{section}.{key}"), default.to_owned());
        }
    }
    found
}

#[test]
fn readme_is_short_and_no_line_is_long() {
    let readme = page("README.md");
    let lines = readme.text.lines().count();
    assert!(lines <= 150, "README.md has {lines} lines");
    let mut wrong = vec![];
    for page in pages() {
        let lines = page.text.lines().enumerate();
        let long = lines.filter(|(_, line)| line.chars().count() > 200);
        wrong.extend(long.map(|(at, _)| format!("{}:{}", page.path.display(), at + 1)));
    }
    assert_none(&wrong);
}
