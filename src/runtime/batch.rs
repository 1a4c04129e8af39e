//! Batches that form by size or by age.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

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

    /// Takes a batch if one is full, or old enough at `now`.
    pub fn take_ready(&mut self, now: Instant) -> Option<Vec<T>> {
        let ready = self.items.len() >= self.size || self.due().is_some_and(|due| due <= now);
        ready.then(|| self.take(now))
    }

    /// When what is waiting becomes old enough; `None` when nothing waits.
    #[must_use]
    pub fn due(&self) -> Option<Instant> {
        self.oldest.map(|oldest| oldest + self.linger)
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
        assert_eq!(batch.take_ready(start), Some(vec![1, 2]));
        assert_eq!(batch.take_ready(start), None);
        assert_eq!(batch.due(), Some(start + LINGER));
        assert_eq!(batch.take_ready(start + LINGER), Some(vec![3]));
        assert_eq!((batch.due(), batch.is_empty()), (None, true));
    }
}
