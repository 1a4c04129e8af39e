//! Which notifications may have been sent more than once.

use std::collections::HashMap;

/// How often each notification may have been sent beyond the once.
#[derive(Debug, Default)]
pub(super) struct Excuses(HashMap<String, u32>);

impl Excuses {
    /// What was in flight at a fault may be sent once more.
    pub(super) fn add(&mut self, ids: Vec<String>) {
        for id in ids {
            *self.0.entry(id).or_default() += 1;
        }
    }

    /// How often this one may have been repeated.
    pub(super) fn of(&self, id: &str) -> u32 {
        self.0.get(id).copied().unwrap_or(0)
    }

    /// How many were in flight, over all faults.
    pub(super) fn total(&self) -> u64 {
        self.0.values().copied().map(u64::from).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_excuses_one_repetition_of_what_was_in_flight() {
        let mut excuses = Excuses::default();
        excuses.add(vec!["a".into(), "b".into()]);
        excuses.add(vec!["a".into()]);
        assert_eq!(
            (excuses.of("a"), excuses.of("b"), excuses.of("c")),
            (2, 1, 0)
        );
        assert_eq!(excuses.total(), 3);
    }
}
