//! Whether figures lie within their intervals.

use std::fmt;

use serde::Serialize;

use super::Evidence;
use crate::scenario::Expect;

/// What is said about a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Word {
    /// It lies within its interval.
    Ok,
    /// It does not, or could not be measured.
    Missed,
    /// The run was too short to judge it.
    NotJudged,
}

/// A figure, its interval, and the word about it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verdict {
    /// The word.
    pub word: Word,
    /// What was measured, in words.
    pub what: String,
    /// The figure; `None` when it could not be measured.
    pub figure: Option<f64>,
    /// The interval in words.
    pub interval: String,
}

/// The verdicts on a run at this scale.
#[must_use]
pub fn judge(evidence: &Evidence, expects: &[Expect], scale: f64) -> Vec<Verdict> {
    expects
        .iter()
        .map(|expect| verdict(evidence, expect, scale))
        .collect()
}

fn verdict(evidence: &Evidence, expect: &Expect, scale: f64) -> Verdict {
    let own = evidence.figure(expect, expect.phase.as_deref());
    let figure = match &expect.against {
        Some(phase) => own
            .zip(evidence.figure(expect, Some(phase)))
            .map(|(own, other)| own / other)
            .filter(|ratio| ratio.is_finite()),
        None => own,
    };
    // A sum of nothing is -0.
    let figure = figure.map(|figure| figure + 0.0);
    let word = match figure {
        _ if expect.from_scale.is_some_and(|least| scale < least) => Word::NotJudged,
        Some(figure) if expect.allows(figure) => Word::Ok,
        _ => Word::Missed,
    };
    Verdict {
        word,
        what: expect.to_string(),
        figure,
        interval: expect.interval(),
    }
}

impl Word {
    /// As it is printed.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Missed => "MISSED",
            Self::NotJudged => "not judged",
        }
    }
}

impl Verdict {
    /// The figure in words.
    #[must_use]
    pub fn shown(&self) -> String {
        self.figure
            .map_or_else(|| "not measured".to_owned(), number)
    }
}

/// Three digits that mean something, and no more.
#[must_use]
pub fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 || value.fract() == 0.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 0.1 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:<10} {:<52} {:>12}   ({})",
            self.word.name(),
            self.what,
            self.shown(),
            self.interval
        )
    }
}
