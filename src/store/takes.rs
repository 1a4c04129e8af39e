//! The numbers of takes: what a run claimed, or took from the database, and when.
//!
//! A statement may run on at the server after this side has given it up. What it does then must not
//! touch what was taken again meanwhile, so a claim and a row are owned by a run and a take, not by a
//! run.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::domain::RunId;
pub use crate::domain::TakeId;

/// Counts the takes of this process.
#[derive(Debug, Default)]
pub struct Takes(AtomicU32);

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
