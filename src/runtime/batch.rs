//! Batches that form by size or by age.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// How long a small batch waits for one that is being worked on: much longer than any lasts, unless
/// something blocks it.
const BESIDE: Duration = Duration::from_millis(100);

/// Items in order of arrival, handed out in batches of at most `size`; a smaller batch is handed
/// out once its oldest item has waited for `linger`.
#[derive(Debug)]
pub struct Batch<T> {
    items: VecDeque<T>,
    oldest: Option<Instant>,
    size: usize,
    linger: Duration,
}

impl<T> Batch<T> {
    /// An empty batch.
    #[must_use]
    pub const fn new(size: usize, linger: Duration) -> Self {
        Self {
            items: VecDeque::new(),
            oldest: None,
            size,
            linger,
        }
    }

    /// Adds items that arrived at `now`.
    pub fn extend(&mut self, items: impl IntoIterator<Item = T>, now: Instant) {
        self.items.extend(items);
        if self.oldest.is_none() && !self.items.is_empty() {
            self.oldest = Some(now);
        }
    }

    /// Takes a batch if one is full, or old enough at `now`. Beside `running` others a small one has
    /// to be older by a tenth of a second: it is cheaper in one with what comes until they have ended.
    pub fn take_ready(&mut self, now: Instant, running: usize) -> Option<Vec<T>> {
        let full = self.items.len() >= self.size;
        let ready = full || self.due(running).is_some_and(|due| due <= now);
        ready.then(|| self.take(now))
    }

    /// When what is waiting becomes old enough beside `running` others; `None` when nothing waits.
    #[must_use]
    pub fn due(&self, running: usize) -> Option<Instant> {
        let beside = if running > 0 { BESIDE } else { Duration::ZERO };
        self.oldest.map(|oldest| oldest + self.linger + beside)
    }

    /// Takes up to `size` of what is waiting, ready or not.
    pub fn take(&mut self, now: Instant) -> Vec<T> {
        let count = self.items.len().min(self.size);
        let batch = self.items.drain(..count).collect();
        self.oldest = (!self.items.is_empty()).then_some(now);
        batch
    }

    /// How many wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::clock;

    const LINGER: Duration = Duration::from_millis(3);

    #[test]
    fn a_full_batch_is_ready_at_once_and_a_small_one_after_its_linger() {
        let start = clock::instant();
        let mut batch = Batch::new(2, LINGER);
        batch.extend([1, 2, 3], start);
        assert_eq!(batch.take_ready(start, 0), Some(vec![1, 2]));
        assert_eq!(batch.take_ready(start, 0), None);
        assert_eq!(batch.due(0), Some(start + LINGER));
        assert_eq!(batch.take_ready(start + LINGER, 0), Some(vec![3]));
        assert_eq!((batch.due(0), batch.is_empty()), (None, true));
    }

    #[test]
    fn beside_another_only_a_full_batch_is_ready_or_one_that_has_waited_in_vain() {
        let start = clock::instant();
        let mut batch = Batch::new(2, LINGER);
        batch.extend([1, 2, 3], start);
        assert_eq!(batch.take_ready(start, 1), Some(vec![1, 2]));
        assert_eq!(batch.take_ready(start + LINGER, 1), None);
        assert_eq!(batch.due(1), Some(start + LINGER + BESIDE));
        assert_eq!(batch.take_ready(start + LINGER + BESIDE, 1), Some(vec![3]));
    }
}
