//! The numbers of takes: what a run claimed, or took from the database, and when.
//!
//! A statement may run on at the server after this side has given it up. What it does then must not
//! touch what was taken again meanwhile, so a claim and a row are owned by a run and a take, not by a
//! run.

use std::sync::atomic::{AtomicU32, Ordering};

use super::lease::RunId;

/// The number of a take: no two takes have the same, whichever run's they are.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
pub struct TakeId(pub i64);

/// Counts the takes of this process.
#[derive(Debug, Default)]
pub struct Takes(AtomicU32);

/// The number of every take of a version that did not number them. Counting begins after it.
const UNNUMBERED: u32 = 0;

impl TakeId {
    /// The run in the upper half, and the number among its takes in the lower one.
    #[must_use]
    pub fn of(run: RunId, number: u32) -> Self {
        Self(i64::from(run.0) << 32 | i64::from(number))
    }

    /// What a run held whose version did not number its takes.
    #[must_use]
    pub fn unnumbered(run: RunId) -> Self {
        Self::of(run, UNNUMBERED)
    }

    /// The run that took.
    #[must_use]
    pub fn run(self) -> RunId {
        RunId(i32::try_from(self.0 >> 32).unwrap_or_default())
    }
}

impl Takes {
    /// The next take, under this run.
    pub fn next(&self, run: RunId) -> TakeId {
        let before = self.0.fetch_add(1, Ordering::Relaxed);
        TakeId::of(run, before.wrapping_add(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_takes_have_the_same_number() {
        let takes = Takes::default();
        let (one, two) = (RunId(1), RunId(2));
        let numbers = [one, one, two].map(|run| takes.next(run));
        let different: std::collections::HashSet<_> = numbers.into_iter().collect();
        assert_eq!(different.len(), 3);
        assert!(!different.contains(&TakeId::unnumbered(one)));
        assert_eq!(TakeId::of(RunId(3), 7), TakeId(3 * 4_294_967_296 + 7));
        assert_eq!(TakeId::of(RunId(3), u32::MAX).run(), RunId(3));
    }
}
