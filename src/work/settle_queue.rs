//! Outcomes that wait for the recorder. They live outside of the actor: an outcome that a provider has
//! accepted must survive the recorder's panic, or it would be sent again.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::recorder_wake::RecorderWake;
use crate::domain::{Reason, Status};
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

    /// Adds an outcome: it can be called off no more. Wakes the recorder when it is the first or fills a
    /// batch.
    pub fn push(&self, mut outcome: Outcome) {
        decide(&mut outcome);
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

/// What somebody has called off in time is cancelled, whatever else was to become of it; but for what a provider
/// has accepted, of which nobody can call off the rest alone.
fn decide(outcome: &mut Outcome) {
    let Some(line) = outcome.claim.gate().decide() else {
        return;
    };
    let settlement = &mut outcome.settlement;
    if settlement.status == Status::Sent || settlement.notification.is_partly_accepted() {
        return;
    }
    settlement.status = Status::Cancelled;
    settlement.reason = Some(Reason::CancelledByUser);
    settlement.error_message = None;
    (settlement.due_at, settlement.waits_for) = (None, None);
    settlement.notification.attempts.push(line);
}
