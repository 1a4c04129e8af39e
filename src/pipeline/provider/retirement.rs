//! An account that is no longer in use, or is configured otherwise by now: nothing more is asked of
//! it, and what waited for it goes where the present accounts are.
//!
//! An operator who switches an account off means at once, not after its queue.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::super::directory::AccountEntry;
use super::super::jobs::{Deliver, Job};
use super::{Desk, worker};
use crate::runtime::{clock, mailbox};

/// Whether an account is out of use, as its workers knew it. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Retirement(Arc<AtomicBool>);

impl Retirement {
    /// It is out of use from now on; there is no way back.
    pub fn retire(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether it is out of use.
    #[must_use]
    pub fn is_retired(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// Sends on what waited for a retired account. Of what nobody was asked in this pass, everything is
/// decided anew. The rest keeps its pass, in which nobody is asked twice: it goes to what took the
/// account's place, or to the next of its route.
pub(super) fn hand_back(desk: &Desk, jobs: Vec<Job>) {
    let (untouched, asked): (Vec<Job>, Vec<Job>) =
        jobs.into_iter().partition(|job| job.replies.is_empty());
    if !untouched.is_empty() {
        desk.dispatchers.dispatch(untouched);
    }
    if asked.is_empty() {
        return;
    }
    let account = &desk.account;
    match desk.directory.named(account.channel, &account.name) {
        Some(successor) => mailbox::post(&successor.actor, Deliver(asked)),
        None => {
            let now = clock::now();
            for job in asked {
                worker::move_on(desk, job, now);
            }
        }
    }
}

/// The next of a job's route that is in use, as it is configured by now.
pub(super) fn next_account(desk: &Desk, job: &mut Job) -> Option<Arc<AccountEntry>> {
    while let Some(next) = job.route.pop_front() {
        if let Some(current) = desk.directory.current(&next) {
            return Some(current);
        }
    }
    None
}

/// Whether [`next_account`] would find one.
pub(super) fn has_next(desk: &Desk, job: &Job) -> bool {
    let mut route = job.route.iter();
    route.any(|next| desk.directory.current(next).is_some())
}
