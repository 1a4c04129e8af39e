//! The pages and how they are read.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

pub(crate) struct Page {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

pub(crate) fn pages() -> Vec<Page> {
    let top = ["README", "CHANGELOG", "CONTRIBUTING", "SECURITY"];
    let mut paths: Vec<PathBuf> = top.map(|name| format!("{name}.md").into()).into();
    for folder in ["docs", "examples", ".github"] {
        collect(Path::new(folder), "md", &mut paths);
    }
    paths.into_iter().map(page).collect()
}

pub(crate) fn page(path: impl Into<PathBuf>) -> Page {
    let path = path.into();
    let text = fs::read_to_string(&path).unwrap();
    Page { path, text }
}

pub(crate) fn collect(folder: &Path, extension: &str, files: &mut Vec<PathBuf>) {
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
pub(crate) fn code() -> String {
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
pub(crate) fn words<'a>(
    text: &'a str,
    prefix: &str,
    belongs: fn(char) -> bool,
) -> BTreeSet<&'a str> {
    let words = text.match_indices(prefix).filter_map(|(at, _)| {
        let starts = !text[..at].ends_with(belongs);
        let end = text[at..].find(|c| !belongs(c)).unwrap_or(text.len() - at);
        starts.then(|| &text[at..at + end])
    });
    words.collect()
}

pub(crate) fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// The part of a page below a heading, up to the next one of the same level.
pub(crate) fn section<'a>(text: &'a str, heading: &str) -> &'a str {
    let (_, below) = text.split_once(&format!("\n{heading}\n")).unwrap();
    below.split("\n## ").next().unwrap()
}

/// The cells of each row of a table whose first cell begins with a name in backticks.
pub(crate) fn rows(text: &str) -> Vec<Vec<&str>> {
    let named = text.lines().filter(|line| line.starts_with("| `"));
    named
        .map(|line| line.split('|').map(str::trim).skip(1).collect())
        .collect()
}

pub(crate) fn in_backticks(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

pub(crate) fn assert_none(wrong: &[String]) {
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A page without its blocks of code, in which backticks mean something else.
pub(crate) fn prose(text: &str) -> String {
    let outside = text.split("```").step_by(2);
    outside.collect::<Vec<_>>().join("\n")
}
