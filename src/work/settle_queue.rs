//! Outcomes that wait for the recorder. They live outside of the actor: an outcome that a provider has
//! accepted must survive the recorder's panic, or it would be sent again.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::recorder_wake::RecorderWake;
use crate::runtime::{Batch, clock};
use crate::work::job::Outcome;

/// Outcomes, waiting for the recorder. Clones share it.
#[derive(Clone)]
pub struct SettleQueue {
    inner: Arc<SettleQueueInner>,
}

struct SettleQueueInner {
    outcomes: Mutex<Batch<Outcome>>,
    batch: usize,
    wake: RecorderWake,
}

impl fmt::Debug for SettleQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SettleQueue")
            .field("outcomes", &self.lock().len())
            .finish_non_exhaustive()
    }
}

impl SettleQueue {
    /// An empty settle queue that hands out batches of at most `batch`, smaller ones after `linger`.
    #[must_use]
    pub fn new(batch: usize, linger: Duration, wake: RecorderWake) -> Self {
        let inner = SettleQueueInner {
            outcomes: Mutex::new(Batch::new(batch, linger)),
            batch,
            wake,
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Adds an outcome; wakes the recorder when it is the first or fills a batch.
    pub fn push(&self, outcome: Outcome) {
        let waiting = {
            let mut outcomes = self.lock();
            outcomes.extend([outcome], clock::instant());
            outcomes.len()
        };
        if waiting == 1 || waiting == self.inner.batch {
            self.inner.wake.wake();
        }
    }

    /// Puts back what could not be stored.
    pub fn put_back(&self, outcomes: Vec<Outcome>) {
        self.lock().extend(outcomes, clock::instant());
        self.inner.wake.wake();
    }

    /// Takes a batch that is full, or old enough beside `running` others.
    #[must_use]
    pub fn take_ready(&self, now: Instant, running: usize) -> Option<Vec<Outcome>> {
        self.lock().take_ready(now, running)
    }

    /// When what waits becomes old enough to be taken beside `running` others.
    #[must_use]
    pub fn due(&self, running: usize) -> Option<Instant> {
        self.lock().due(running)
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Batch<Outcome>> {
        self.inner
            .outcomes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
