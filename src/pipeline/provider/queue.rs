//! The jobs that wait for an account.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;
use uuid::Uuid;

use super::super::jobs::Job;
use super::mates::{Mate, Mates};
use super::tokens::{Token, Tokens};
use crate::domain::Priority;
use crate::resilience::FairQueue;
use crate::runtime::clock;

/// Waiting jobs: the most urgent first, tenants in turn, and nobody for ever last.
#[derive(Debug)]
pub(super) struct JobQueue {
    waiting: Mutex<FairQueue<Uuid, Waiting>>,
}

#[derive(Debug)]
struct Waiting {
    since: Instant,
    job: Job,
}

impl Default for JobQueue {
    fn default() -> Self {
        Self {
            waiting: Mutex::new(empty()),
        }
    }
}

impl JobQueue {
    pub(super) fn extend(&self, jobs: Vec<Job>) {
        let since = clock::instant();
        let mut waiting = self.lock();
        for job in jobs {
            let notification = &job.notification;
            let (line, tenant) = (notification.lane.priority.index(), notification.tenant_id);
            waiting.push(line, tenant, Waiting { since, job });
        }
    }

    /// The next one, and those behind it that can share its request, with their tokens.
    ///
    /// Where requests are what is scarce, they ride along at nobody's cost. Where messages are, because
    /// each takes a token, they would go out of turn: there they do only while nobody else waits.
    pub(super) fn pop_many(
        &self,
        tokens: &Tokens,
        most: usize,
    ) -> Option<(Job, Vec<Job>, Vec<Token>)> {
        let mut waiting = self.lock();
        let out_of_turn = tokens.limit().is_some() && !waiting.is_of_one();
        let mut mates = Mates::new(tokens, if out_of_turn { 1 } else { most });
        let (first, others) = waiting
            .pop_with(|first, next| mates.joins(Mate::of(&first.job), Mate::of(&next.job)))?;
        let others = others.into_iter().map(|waiting| waiting.job).collect();
        Some((first.job, others, mates.into_tokens()))
    }

    /// Puts jobs that were not asked for back to the front of their tenants' lines, in their order.
    pub(super) fn put_back(&self, jobs: Vec<Job>) {
        let since = clock::instant();
        let mut waiting = self.lock();
        for job in jobs.into_iter().rev() {
            let notification = &job.notification;
            let (line, tenant) = (notification.lane.priority.index(), notification.tenant_id);
            waiting.push_front(line, tenant, Waiting { since, job });
        }
    }

    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }

    /// Since when the one has waited that waits longest.
    pub(super) fn oldest(&self) -> Option<Instant> {
        self.lock().fronts().map(|waiting| waiting.since).min()
    }

    /// Takes out what has waited since then or longer.
    pub(super) fn waiting_since(&self, then: Instant) -> Vec<Job> {
        let stale = self.lock().drain_while(|waiting| waiting.since <= then);
        stale.into_iter().map(|waiting| waiting.job).collect()
    }

    /// How many tenants wait.
    pub(super) fn tenants(&self) -> usize {
        self.lock().tenants()
    }

    /// Takes out what tenants have beyond `keep` each, as far as it may go.
    pub(super) fn shed(&self, keep: usize, may_go: impl Fn(&Job) -> bool) -> Vec<(Uuid, Job)> {
        let shed = self.lock().shed(keep, |waiting| may_go(&waiting.job));
        shed.into_iter()
            .map(|(tenant, waiting)| (tenant, waiting.job))
            .collect()
    }

    /// Takes out all that waits, the most urgent first.
    pub(super) fn drain(&self) -> Vec<Job> {
        let drained = self.lock().drain();
        drained.into_iter().map(|waiting| waiting.job).collect()
    }

    /// Drops what waits, which returns it; outside of the lock, since that does other work.
    pub(super) fn clear(&self) {
        let dropped = std::mem::replace(&mut *self.lock(), empty());
        drop(dropped);
    }

    fn lock(&self) -> MutexGuard<'_, FairQueue<Uuid, Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn empty() -> FairQueue<Uuid, Waiting> {
    FairQueue::new(Priority::ALL.len())
}
