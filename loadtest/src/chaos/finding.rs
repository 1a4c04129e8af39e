//! What came of a round, and of all rounds of a row.

use std::collections::BTreeSet;
use std::time::Duration;

use super::row::Row;

/// What came of one round.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Finding {
    /// Messages that the broker confirmed.
    pub published: u64,
    /// Of these, how many did not reach everybody they were for.
    pub lost: u64,
    /// Sent beyond the first time.
    pub twice: u64,
    /// How many of these the fault excuses at most: in flight at that moment, or their answer lost.
    pub allowed: u64,
    /// From the moment when the cause was over to the next acceptance.
    pub recovered: Option<Duration>,
    /// What must not be: each one fails the row.
    pub exceptions: Vec<String>,
    /// How the fault was injected where it could not be made as named, and the like.
    pub notes: BTreeSet<String>,
}

impl Finding {
    /// Writes down something that must not be.
    pub(super) fn except(&mut self, what: impl Into<String>) {
        self.exceptions.push(what.into());
    }

    /// Writes down what `good` says must not be otherwise.
    pub(super) fn must(&mut self, good: bool, otherwise: impl FnOnce() -> String) {
        if !good {
            self.except(otherwise());
        }
    }

    pub(super) fn note(&mut self, what: impl Into<String>) {
        self.notes.insert(what.into());
    }

    /// The longest recovery counts.
    pub(super) fn recovered_in(&mut self, time: Duration) {
        self.recovered = self.recovered.max(Some(time));
    }

    fn add(&mut self, other: Self) {
        self.published += other.published;
        self.lost += other.lost;
        self.twice += other.twice;
        self.allowed += other.allowed;
        self.recovered = self.recovered.max(other.recovered);
        self.exceptions.extend(other.exceptions);
        self.notes.extend(other.notes);
    }
}

/// All rounds of one row.
#[derive(Clone, Debug)]
pub struct Result {
    /// Which row.
    pub row: Row,
    /// How many rounds.
    pub rounds: u32,
    /// Their sums; of the recoveries the longest.
    pub sum: Finding,
}

impl Result {
    pub(super) fn new(row: Row) -> Self {
        Self {
            row,
            rounds: 0,
            sum: Finding::default(),
        }
    }

    pub(super) fn add(&mut self, finding: Finding) {
        self.rounds += 1;
        self.sum.add(finding);
    }

    /// Whether nothing happened that must not.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.sum.exceptions.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_are_added_up_and_the_longest_recovery_is_kept() {
        let mut result = Result::new(Row::EngineKilled);
        for (recovered, lost) in [(3, 0), (1, 2)] {
            let mut finding = Finding {
                published: 10,
                lost,
                ..Finding::default()
            };
            finding.recovered_in(Duration::from_secs(recovered));
            finding.must(lost == 0, || "lost".into());
            result.add(finding);
        }
        assert_eq!((result.rounds, result.sum.published), (2, 20));
        assert_eq!(result.sum.recovered, Some(Duration::from_secs(3)));
        assert!(!result.is_good());
    }
}
