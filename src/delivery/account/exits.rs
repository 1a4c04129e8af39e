//! The ways out of an account: to the recorder, to another account, back to the dispatcher.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use super::AccountContext;
use crate::delivery::registry::AccountEntry;
use crate::machine::Exit;
use crate::machine::delivery::{self, DeliveryContext};
use crate::runtime::tasks::panic_text;
use crate::runtime::{clock, failpoint, mailbox};
use crate::work::job::{Deliver, Job};

/// Sends a job on its way.
pub(super) fn leave(account: &AccountContext, mut job: Job, mut exit: Exit) {
    loop {
        if matches!(exit, Exit::PassOn | Exit::RouteAnew | Exit::HandOver) {
            job.claim.gate().rest();
        }
        exit = match exit {
            Exit::Store(disposition) => {
                return account
                    .node
                    .settle_queue
                    .push(job.settle(disposition, clock::now()));
            }
            Exit::Conclude => decide(account, &mut job, |job, _, context| {
                delivery::conclude(job, context)
            }),
            Exit::GiveBack => return drop(job),
            Exit::RouteAnew => return account.dispatchers.dispatch(vec![job]),
            Exit::PassOn => match next_account(account, &mut job) {
                Some(next) => return mailbox::post_to(&next.deliver, Deliver(vec![job])),
                None => unavailable(account, &mut job),
            },
            Exit::HandOver => match successor(account) {
                Some(successor) => return mailbox::post_to(&successor.deliver, Deliver(vec![job])),
                None => delivery::skipped(&mut job),
            },
        };
    }
}

/// Sends on what has waited here for too long.
pub(super) fn give_up(account: &AccountContext, mut job: Job) {
    let exit = unavailable(account, &mut job);
    leave(account, job, exit);
}

fn unavailable(account: &AccountContext, job: &mut Job) -> Exit {
    decide(account, job, |job, has_next, context| {
        let available_at = account.health.available_at(context.now);
        delivery::unavailable(job, available_at, has_next, context)
    })
}

/// Decides on a job, given whether its route has a further account; if deciding on answers panics, an
/// acceptance is still an acceptance.
pub(super) fn decide(
    account: &AccountContext,
    job: &mut Job,
    how: impl FnOnce(&mut Job, bool, &DeliveryContext<'_>) -> Exit,
) -> Exit {
    let is_answered = !job.replies.is_empty();
    let decided = catch_unwind(AssertUnwindSafe(|| {
        if is_answered {
            failpoint::hit("provider.decide");
        }
        let has_next = is_answered && has_next(account, job);
        how(job, has_next, &account.context())
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
pub(super) fn hand_back(account: &AccountContext, jobs: Vec<Job>) {
    let mut untouched = vec![];
    for job in jobs {
        match delivery::retired(&job) {
            Exit::RouteAnew => untouched.push(job),
            exit => leave(account, job, exit),
        }
    }
    if !untouched.is_empty() {
        account.dispatchers.dispatch(untouched);
    }
}

/// What took the account's place.
fn successor(account: &AccountContext) -> Option<Arc<AccountEntry>> {
    account
        .node
        .registry
        .named(account.account.channel, &account.account.name)
}

/// The next of a job's route that is in use, as it is configured by now.
fn next_account(account: &AccountContext, job: &mut Job) -> Option<Arc<AccountEntry>> {
    let channel = account.account.channel;
    while let Some(next) = job.route.pop_front() {
        if let Some(current) = account.node.registry.named(channel, &next) {
            return Some(current);
        }
    }
    None
}

/// Whether [`next_account`] would find one.
fn has_next(account: &AccountContext, job: &Job) -> bool {
    let channel = account.account.channel;
    let mut route = job.route.iter();
    route.any(|next| account.node.registry.named(channel, next).is_some())
}
