//! The jobs that wait for an account, behind a lock.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::health::AccountHealth;
use crate::machine::queue::{NextBatch, Queue};
use crate::runtime::clock;
use crate::work::claim_guard::ClaimGuard;
use crate::work::job::Job;

/// Waiting jobs, as [`Queue`] orders them.
#[derive(Debug)]
pub(super) struct JobQueue {
    /// The start that the queue counts from.
    origin: Instant,
    waiting: Mutex<Queue<ClaimGuard>>,
}

impl Default for JobQueue {
    fn default() -> Self {
        Self {
            origin: clock::instant(),
            waiting: Mutex::default(),
        }
    }
}

impl JobQueue {
    pub(super) fn extend(&self, jobs: Vec<Job>) {
        let since = self.now();
        let mut waiting = self.lock();
        for job in jobs {
            waiting.push(job, since);
        }
    }

    /// The next one, and those behind it that can share its request, with their tokens.
    pub(super) fn pop_many(
        &self,
        health: &AccountHealth,
        most: usize,
    ) -> Option<NextBatch<ClaimGuard>> {
        let token = || health.take_token();
        self.lock().pop_many(most, health.is_limited(), token)
    }

    /// Puts jobs that were not asked for back to the front of their tenants' lines, in their order.
    pub(super) fn put_back(&self, jobs: Vec<Job>) {
        if !jobs.is_empty() {
            self.lock().put_back(jobs, self.now());
        }
    }

    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }

    /// How long whoever waits may sleep.
    pub(super) fn look_again_at(&self, wait: Duration, patience: Duration) -> Instant {
        self.origin + self.lock().look_again_at(wait, patience, self.now())
    }

    /// Takes out what has waited for so long.
    pub(super) fn take_stale(&self, patience: Duration) -> Vec<Job> {
        self.lock().take_stale(patience, self.now())
    }

    /// Takes out what somebody has called off.
    pub(super) fn take_called_off(&self) -> Vec<Job> {
        self.lock().take_called_off()
    }

    /// Takes out what is beyond its tenant's share at this account.
    pub(super) fn spill(&self, health: &AccountHealth) -> Vec<Job> {
        self.lock().spill(|| health.rate(), self.now())
    }

    /// Takes out all that waits, the most urgent first.
    pub(super) fn drain(&self) -> Vec<Job> {
        self.lock().drain()
    }

    /// Drops what waits, which returns it; outside of the lock, since that does other work.
    pub(super) fn clear(&self) {
        let dropped = std::mem::take(&mut *self.lock());
        drop(dropped);
    }

    fn now(&self) -> Duration {
        clock::instant().saturating_duration_since(self.origin)
    }

    fn lock(&self) -> MutexGuard<'_, Queue<ClaimGuard>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
