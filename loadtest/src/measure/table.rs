//! Figures over several rounds, and their ratios to the first subject's within each round.

use serde::Serialize;

use super::spread::Spread;

/// A figure with its name, how to read it, and how many decimals are worth showing.
pub(super) type Column<F> = (&'static str, fn(&F) -> f64, usize);

/// One figure of one subject.
#[derive(Clone, Debug, Serialize)]
pub struct Line {
    /// What was measured: a variant, a point of an axis.
    pub subject: String,
    /// Which figure.
    pub figure: &'static str,
    /// How much.
    pub value: Spread,
    /// The same divided by the first subject's, round by round.
    pub ratio: Spread,
    #[serde(skip)]
    pub(super) decimals: usize,
}

/// Sums up. Of each subject there is one value a round, or none where it could not be measured.
pub(super) fn lines<F>(subjects: &[(String, Vec<Option<&F>>)], columns: &[Column<F>]) -> Vec<Line> {
    let line = |(subject, rounds): &(String, Vec<Option<&F>>), column: &Column<F>| {
        let (figure, read, decimals) = *column;
        let values = |rounds: &[Option<&F>]| -> Vec<f64> {
            let value = |round: &Option<&F>| round.map_or(f64::NAN, read);
            rounds.iter().map(value).collect()
        };
        let (own, first) = (values(rounds), subjects.first());
        let first = first.map_or(Vec::new(), |(_, rounds)| values(rounds));
        Line {
            subject: subject.clone(),
            figure,
            ratio: Spread::of_ratios(&own, &first),
            value: Spread::of(own),
            decimals,
        }
    };
    let of = |subject| columns.iter().map(move |column| line(subject, column));
    subjects.iter().flat_map(of).collect()
}
