//! The documentation names what exists: metrics, settings, files, headings, tests, log lines, rooms, words.

#![expect(
    clippy::unwrap_used,
    reason = "clippy takes only `#[test]` functions for tests, not what they call"
)]

mod deploy;
mod figures;
mod links;
mod names;
mod pages;
mod words;
