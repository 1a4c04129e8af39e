//! How many workers a queue has at the moment.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts workers in, up to a number, and out again.
#[derive(Debug, Default)]
pub struct WorkerCount(AtomicUsize);

impl WorkerCount {
    /// How many there are.
    #[must_use]
    pub fn get(&self) -> usize {
        self.0.load(Ordering::Acquire)
    }

    /// Counts one more in, if there may be one more; whether it did.
    #[must_use]
    pub fn try_add(&self, most: usize) -> bool {
        let more = |workers: usize| (workers < most).then_some(workers + 1);
        self.0
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, more)
            .is_ok()
    }

    /// Counts one out that was counted in, when dropped: however it ends.
    pub fn leaves(&self) -> impl Drop {
        scopeguard::guard(&self.0, |count| {
            count.fetch_sub(1, Ordering::AcqRel);
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_come_as_may_and_one_more_when_one_has_left() {
        let count = WorkerCount::default();
        assert!(count.try_add(2) && count.try_add(2));
        assert!(!count.try_add(2));
        drop(count.leaves());
        assert_eq!(count.get(), 1);
        assert!(count.try_add(2));
    }
}
