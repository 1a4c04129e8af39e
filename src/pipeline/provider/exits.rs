//! The ways out of an account: to the recorder, to another account, back to the dispatcher.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use super::super::directory::AccountEntry;
use super::super::jobs::{Deliver, Job};
use super::Desk;
use crate::machine::Exit;
use crate::machine::delivery::{self, DeliveryContext};
use crate::runtime::tasks::panic_text;
use crate::runtime::{clock, failpoint, mailbox};

/// Sends a job on its way.
pub(super) fn leave(desk: &Desk, mut job: Job, mut exit: Exit) {
    loop {
        exit = match exit {
            Exit::Store(disposition) => {
                return desk.outbox.push(job.settle(disposition, clock::now()));
            }
            Exit::Conclude => decide(desk, &mut job, |job, _, context| {
                delivery::conclude(job, context)
            }),
            Exit::GiveBack => return drop(job),
            Exit::RouteAnew => return desk.dispatchers.dispatch(vec![job]),
            Exit::PassOn => match next_account(desk, &mut job) {
                Some(next) => return mailbox::post(&next.actor, Deliver(vec![job])),
                None => unavailable(desk, &mut job),
            },
            Exit::HandOver => match successor(desk) {
                Some(successor) => return mailbox::post(&successor.actor, Deliver(vec![job])),
                None => delivery::skipped(&mut job),
            },
        };
    }
}

/// Sends on what has waited here for too long.
pub(super) fn give_up(desk: &Desk, mut job: Job) {
    let exit = unavailable(desk, &mut job);
    leave(desk, job, exit);
}

fn unavailable(desk: &Desk, job: &mut Job) -> Exit {
    decide(desk, job, |job, has_next, context| {
        let available_at = desk.health.available_at(context.now);
        delivery::unavailable(job, available_at, has_next, context)
    })
}

/// Decides on a job, given whether its route has a further account; if deciding on answers panics, an
/// acceptance is still an acceptance.
pub(super) fn decide(
    desk: &Desk,
    job: &mut Job,
    how: impl FnOnce(&mut Job, bool, &DeliveryContext<'_>) -> Exit,
) -> Exit {
    let is_answered = !job.replies.is_empty();
    let decided = catch_unwind(AssertUnwindSafe(|| {
        if is_answered {
            failpoint::hit("provider.decide");
        }
        let has_next = is_answered && has_next(desk, job);
        how(job, has_next, &desk.context())
    }));
    match decided {
        Ok(exit) => exit,
        Err(panic) if is_answered => {
            let panic = panic_text(&*panic);
            tracing::error!(notification_id = %job.notification.id, panic, "deciding on an answer panicked");
            delivery::undecided(job, clock::now())
        }
        Err(panic) => resume_unwind(panic),
    }
}

/// Sends on what waited for a retired account.
pub(super) fn hand_back(desk: &Desk, jobs: Vec<Job>) {
    let mut untouched = vec![];
    for job in jobs {
        match delivery::retired(&job) {
            Exit::RouteAnew => untouched.push(job),
            exit => leave(desk, job, exit),
        }
    }
    if !untouched.is_empty() {
        desk.dispatchers.dispatch(untouched);
    }
}

/// What took the account's place.
fn successor(desk: &Desk) -> Option<Arc<AccountEntry>> {
    desk.directory
        .named(desk.account.channel, &desk.account.name)
}

/// The next of a job's route that is in use, as it is configured by now.
fn next_account(desk: &Desk, job: &mut Job) -> Option<Arc<AccountEntry>> {
    let channel = desk.account.channel;
    while let Some(next) = job.route.pop_front() {
        if let Some(current) = desk.directory.named(channel, &next) {
            return Some(current);
        }
    }
    None
}

/// Whether [`next_account`] would find one.
fn has_next(desk: &Desk, job: &Job) -> bool {
    let channel = desk.account.channel;
    let mut route = job.route.iter();
    route.any(|next| desk.directory.named(channel, next).is_some())
}
