//! A page about a run for people to look at: one file, without network, light and dark, readable on
//! a phone. Nothing is computed by the page itself but what the pointer shows.

use std::fmt::Write as _;
use std::path::Path;

use crate::evidence::{Evidence, Verdict, Word, number};

mod axis;
mod chart;
mod charts;
mod grid;
mod machine;
mod summary;

pub use machine::machine;

const STYLE: &str = include_str!("page/style.css");
const HOVER: &str = include_str!("page/hover.js");

/// What the page shows.
#[derive(Debug)]
pub struct Page<'a> {
    /// What was run.
    pub title: String,
    /// What it shows, in a sentence.
    pub about: String,
    /// How it was run, by name.
    pub settings: Vec<(String, String)>,
    /// Where it was run, by name.
    pub machine: Vec<(String, String)>,
    /// Whether everything came before patience ended.
    pub settled: bool,
    /// The verdicts; none when nothing was asked.
    pub verdicts: &'a [Verdict],
    /// What is shown over time.
    pub evidence: &'a Evidence,
}

/// Writes the page, and prints where it is.
///
/// # Errors
/// When the file cannot be written.
pub fn write(page: &Page<'_>, path: &Path) -> Result<(), String> {
    let named = |error: std::io::Error| format!("writing {}: {error}", path.display());
    std::fs::write(path, page.html()).map_err(named)?;
    let shown = std::path::absolute(path).map_err(named)?;
    println!("\nthe page: file://{}", shown.display());
    Ok(())
}

impl Page<'_> {
    /// The whole page.
    #[must_use]
    pub fn html(&self) -> String {
        let mut html = format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n\
             <title>Herald, load test: {title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n\
             <header><p class=\"kind\">Herald load test</p><h1>{title}</h1><p>{about}</p></header>\n",
            title = escaped(&self.title),
            about = escaped(&self.about),
        );
        self.write_verdict(&mut html);
        html.push_str(&summary::tiles(self.evidence));
        self.write_table(&mut html);
        html.push_str(&charts::all(self.evidence));
        html.push_str(&summary::latencies(self.evidence));
        html.push_str(&summary::rows(self.evidence));
        write_pairs(&mut html, "How it was run", &self.settings);
        write_pairs(&mut html, "Where it was run", &self.machine);
        let _ = write!(
            html,
            "</main>\n<script>\n{HOVER}</script>\n</body>\n</html>\n"
        );
        html
    }

    fn write_verdict(&self, html: &mut String) {
        let missed = self
            .verdicts
            .iter()
            .filter(|verdict| verdict.word == Word::Missed)
            .count();
        let (class, words) = match (missed, self.verdicts.len()) {
            (0, 0) if self.settled => ("good", "Everything that was expected came.".to_owned()),
            (0, all) if all > 0 => (
                "good",
                format!("All {all} figures lie within their intervals or were not judged."),
            ),
            (missed, all) if all > 0 => (
                "bad",
                format!("{missed} of {all} figures lie outside of their intervals."),
            ),
            _ => ("bad", "Not everything that was expected came.".to_owned()),
        };
        let mark = if class == "good" { "✓" } else { "✗" };
        let _ = writeln!(
            html,
            "<p class=\"verdict {class}\"><b>{mark}</b> {words}</p>"
        );
        if !self.settled && !self.verdicts.is_empty() {
            html.push_str("<p>Acceptances were still expected when patience ended.</p>\n");
        }
    }

    fn write_table(&self, html: &mut String) {
        if self.verdicts.is_empty() {
            return;
        }
        html.push_str(
            "<section><h2>Verdicts</h2><div class=\"wide\"><table>\n<thead><tr><th>Verdict</th>\
             <th>Figure</th><th class=\"n\">Measured</th><th>Wanted</th></tr></thead>\n<tbody>\n",
        );
        for verdict in self.verdicts {
            let class = match verdict.word {
                Word::Ok => "good",
                Word::Missed => "bad",
                Word::NotJudged => "open",
            };
            let _ = writeln!(
                html,
                "<tr><td class=\"{class}\">{}</td><td>{}</td><td class=\"n\">{}</td><td>{}</td></tr>",
                verdict.word.name(),
                escaped(&verdict.what),
                verdict.shown(),
                escaped(&verdict.interval),
            );
        }
        html.push_str("</tbody></table></div></section>\n");
    }
}

fn write_pairs(html: &mut String, heading: &str, pairs: &[(String, String)]) {
    if pairs.is_empty() {
        return;
    }
    let _ = write!(html, "<section><h2>{heading}</h2><dl>");
    for (name, value) in pairs {
        let _ = write!(
            html,
            "<dt>{}</dt><dd>{}</dd>",
            escaped(name),
            escaped(value)
        );
    }
    html.push_str("</dl></section>\n");
}

/// Text that a page may hold, in attributes too.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// A figure with what it counts.
fn with_unit(value: Option<f64>, unit: &str) -> String {
    value.map_or_else(
        || "–".to_owned(),
        |value| format!("{} {unit}", number(value)).trim_end().to_owned(),
    )
}

#[cfg(test)]
mod tests;
