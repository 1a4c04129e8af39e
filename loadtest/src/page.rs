//! A page about a run for people to look at: one file, without network, light and dark, readable on a
//! phone. All figures are computed here; the page shows them, and draws the charts with uPlot, which
//! it carries.

use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;

use crate::evidence::{Evidence, Verdict, Word, number};

mod charts;
mod grid;
mod machine;
mod summary;

pub use machine::machine;

const PAGE: &str = include_str!("page/page.html");
const PARTS: [(&str, &str); 4] = [
    ("UPLOT_STYLE", include_str!("page/uplot.min.css")),
    ("STYLE", include_str!("page/style.css")),
    ("UPLOT", include_str!("page/uplot.min.js")),
    ("SCRIPT", include_str!("page/page.js")),
];

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

/// The same as the page's script reads it.
#[derive(Serialize)]
struct Data<'a> {
    title: &'a str,
    about: &'a str,
    good: bool,
    summary: String,
    settled: bool,
    tiles: Vec<(&'static str, String)>,
    verdicts: Vec<[&'a str; 4]>,
    charts: charts::Charts<'a>,
    latencies: Vec<Vec<String>>,
    rows: Vec<(&'a str, &'a str, u64)>,
    settings: &'a [(String, String)],
    machine: &'a [(String, String)],
}

/// Writes the page, and prints where it is.
///
/// # Errors
/// When the file cannot be written.
pub fn write(page: &Page<'_>, path: &Path) -> Result<()> {
    let named = || format!("writing {}", path.display());
    std::fs::write(path, page.html()).with_context(named)?;
    let shown = std::path::absolute(path).with_context(named)?;
    println!("\nthe page: file://{}", shown.display());
    Ok(())
}

impl Page<'_> {
    /// The whole page.
    #[must_use]
    pub fn html(&self) -> String {
        let shown: Vec<String> = self.verdicts.iter().map(Verdict::shown).collect();
        let (good, summary) = self.summary();
        let data = Data {
            title: &self.title,
            about: &self.about,
            good,
            summary,
            settled: self.settled,
            tiles: summary::tiles(self.evidence),
            verdicts: self
                .verdicts
                .iter()
                .zip(&shown)
                .map(|(one, shown)| [one.word.name(), &one.what, shown, &one.interval])
                .collect(),
            charts: charts::all(self.evidence),
            latencies: summary::latencies(self.evidence),
            rows: summary::rows(self.evidence),
            settings: &self.settings,
            machine: &self.machine,
        };
        // A script ends at the first "</", wherever that stands.
        let json = serde_json::to_string(&data).unwrap_or_default();
        let html = PARTS.iter().fold(PAGE.to_owned(), |html, (name, part)| {
            html.replace(&format!("/*{name}*/"), part)
        });
        // Last of all: what it holds is nobody's placeholder.
        html.replace("/*DATA*/", &json.replace("</", "<\\/"))
    }

    fn summary(&self) -> (bool, String) {
        let is_missed = |verdict: &&Verdict| verdict.word == Word::Missed;
        let missed = self.verdicts.iter().filter(is_missed).count();
        match (missed, self.verdicts.len()) {
            (0, 0) if self.settled => (true, "Everything that was expected came.".to_owned()),
            (_, 0) => (false, "Not everything that was expected came.".to_owned()),
            (0, all) => (
                true,
                format!("All {all} figures lie within their intervals or were not judged."),
            ),
            (missed, all) => (
                false,
                format!("{missed} of {all} figures lie outside of their intervals."),
            ),
        }
    }
}

/// A figure with what it counts.
fn with_unit(value: Option<f64>, unit: &str) -> String {
    value.map_or_else(
        || "–".to_owned(),
        |value| format!("{} {unit}", number(value)).trim_end().to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::Mark;
    use crate::ledger::Moment;
    use crate::simulator::Provider;
    use crate::watch::{Glimpse, Timeline};

    fn page(evidence: &Evidence, verdicts: &[Verdict]) -> String {
        Page {
            title: "steady <1>".to_owned(),
            about: "It is steady.".to_owned(),
            settings: vec![("seed".to_owned(), "7".to_owned())],
            machine: machine(),
            settled: true,
            verdicts,
            evidence,
        }
        .html()
    }

    fn evidence() -> Evidence {
        let moment = |number: u64| Moment {
            sequence: number,
            at_micros: number * 10_000,
            latency_micros: 5_000 + number,
            recipient: number,
            provider: Provider::SendGrid,
        };
        let glimpse = |number: u64| Glimpse {
            at_micros: number * 500_000,
            published: number * 50,
            ..Glimpse::default()
        };
        Evidence {
            moments: (0..500).map(moment).collect(),
            marks: vec![Mark {
                at_micros: 2_000_000,
                what: "node </script> & b is killed".to_owned(),
            }],
            timeline: Timeline {
                glimpses: (0..10).map(glimpse).collect(),
                ..Timeline::default()
            },
            ..Evidence::default()
        }
    }

    #[test]
    fn a_page_needs_nothing_from_elsewhere_and_shows_what_there_is() {
        let html = page(&evidence(), &[]);
        for foreign in [
            "http://",
            "src=",
            "@import",
            "url(",
            "/*DATA*/",
            "/*SCRIPT*/",
        ] {
            assert!(!html.contains(foreign), "{foreign}");
        }
        for shown in [
            "steady <1>",
            "\"Throughput\"",
            "Publish to acceptance",
            "is killed",
        ] {
            assert!(html.contains(shown), "{shown}");
        }
        // What was not measured has no chart.
        assert!(!html.contains("\"What waits\""));
        assert_eq!(
            html.matches("<script").count(),
            html.matches("</script>").count()
        );
    }

    #[test]
    fn a_missed_interval_is_seen_at_once() {
        let verdict = Verdict {
            word: Word::Missed,
            what: "p99_ms of urgent".to_owned(),
            figure: Some(120.0),
            interval: "at most 100".to_owned(),
        };
        let html = page(&evidence(), &[verdict]);
        assert!(html.contains("1 of 1 figures lie outside"), "{html}");
        assert!(html.contains(r#"["MISSED","p99_ms of urgent","120","at most 100"]"#));
    }

    #[test]
    fn an_empty_run_makes_a_page_too() {
        assert!(page(&Evidence::default(), &[]).contains("</html>"));
    }
}
