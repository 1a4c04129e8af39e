//! One job at one account: each event leads to the next action. One function an event.

mod answered;
mod recheck;

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::account::{AccountState, CallPermit, RateToken};
use super::job::{Disposition, Guard, Job};
use crate::domain::{GlobalPolicy, Reason};
use crate::policy::{expiry, routing};
use crate::resilience::Backoff;

pub use answered::{CallResult, answered, asked, came_too_late, note, undecided};
pub use recheck::{rechecked, unread};

/// What waits for an account comes up after that and up to half as much more, should nobody have called
/// it back: it is decided on anew, and waits again.
pub const LATEST: SignedDuration = SignedDuration::from_hours(6);

/// What is to be done next with a job at an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NextAction {
    /// Look up again who it is for, and ask policy anew: it has waited, and a preference may have changed.
    Recheck,
    /// Wait for a token.
    AwaitToken,
    /// Ask for its addresses, with leave for one request.
    Call(CallPermit),
    /// It goes elsewhere.
    Leave(Exit),
}

/// Where a job goes that leaves an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exit {
    /// To the next account of its route.
    PassOn,
    /// To the dispatcher, to be routed anew: the account is out of use, and nobody was asked in this pass.
    RouteAnew,
    /// To what took the account's place: others were asked in this pass, in which nobody is asked twice.
    HandOver,
    /// Nowhere else: its answers are [decided on](conclude) as they are.
    Conclude,
    /// Into the database.
    Store(Disposition),
    /// It is dropped, and returns to where it came from.
    GiveBack,
}

/// What holds around a job at an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conditions {
    /// Whether the run that took it on holds its lease.
    pub holds_lease: bool,
    /// Whether no request is started any more.
    pub is_stopping: bool,
    /// Whether the account is out of use, as it is known here.
    pub is_retired: bool,
}

/// What is fixed about an account.
#[derive(Debug, Clone)]
pub struct AccountTerms {
    /// The row's id.
    pub id: Uuid,
    /// Its name.
    pub name: Arc<str>,
    /// Its channel's back-off.
    pub backoff: Backoff,
    /// Shortest wait before it may be asked again after a transient failure.
    pub minimum_delay: Duration,
    /// Time since the first failure after which it wants no further retry.
    pub retry_window: Option<Duration>,
}

/// What a decision rests on, beside the event.
#[derive(Debug, Clone, Copy)]
pub struct DeliveryContext<'a> {
    /// The account.
    pub account: &'a AccountTerms,
    /// What the operator says for everybody.
    pub global: &'a GlobalPolicy,
    /// The time.
    pub now: Timestamp,
    /// A number in `[0, 1)` for the jitter.
    pub jitter: f64,
}

/// It came, a token came or is not to be had, it was rechecked, time passed, the lease was lost, the
/// engine stops: what holds now is looked at. `at` is the time for the account's state.
#[must_use]
pub fn look<G: Guard>(
    job: &mut Job<G>,
    (account, at): (&mut AccountState, Duration),
    token: RateToken,
    conditions: Conditions,
    now: Timestamp,
) -> NextAction {
    if let Some(exit) = leaves(job, conditions, now) {
        return NextAction::Leave(exit);
    }
    if !job.is_decided(now) {
        return NextAction::Recheck;
    }
    if !token.is_valid(at) && account.refused_for(at).is_none() {
        return NextAction::AwaitToken;
    }
    let permit = token.is_valid(at).then(|| account.admit(1, at)).flatten();
    permit.map_or_else(|| NextAction::Leave(skipped(job)), NextAction::Call)
}

/// What ends a job's stay at an account, whatever else is known: the run that took it on has lost its
/// lease, or the engine stops; somebody called it off; it is too late; or the account is out of use.
#[must_use]
pub fn leaves<G: Guard>(job: &Job<G>, conditions: Conditions, now: Timestamp) -> Option<Exit> {
    if !conditions.holds_lease || conditions.is_stopping {
        return Some(put_aside(job));
    }
    if job.claim.is_called_off() {
        return Some(called_off(job));
    }
    if let Some(expired) = expiry::expired(&job.notification, now) {
        return Some(Exit::Store(too_late(job, expired)));
    }
    conditions.is_retired.then(|| retired(job))
}

/// What becomes of a job whose account is out of use. Of what nobody was asked in this pass, everything
/// is decided anew.
#[must_use]
pub fn retired<G>(job: &Job<G>) -> Exit {
    match job.replies.is_empty() {
        true => Exit::RouteAnew,
        false => Exit::HandOver,
    }
}

/// What becomes of a job that somebody has called off.
#[must_use]
pub fn called_off<G>(job: &Job<G>) -> Exit {
    Exit::Store(too_late(job, Reason::CancelledByUser))
}

/// Puts a job off until this account has room for it.
#[must_use]
pub fn wait_for_room(context: &DeliveryContext<'_>) -> Disposition {
    let now = context.now;
    let latest = now.saturating_add(LATEST).unwrap_or(now);
    Disposition::WaitsFor {
        account: Arc::clone(&context.account.name),
        latest: routing::spread(now, latest, context.jitter),
    }
}

/// The account is not to be asked for it: the next of the route is, and no attempt is used up. What
/// others have answered in this pass is decided on when nobody is left to be asked.
pub fn skipped<G>(job: &mut Job<G>) -> Exit {
    job.left_out = true;
    Exit::PassOn
}

/// The engine stops, or lost the lease under which it took the job on, so that another run may
/// have it by now. What has not been asked of anybody returns to where it came from; what has is
/// stored with its answers: it was an attempt, and what was asked for (`Retry-After`) holds.
fn put_aside<G>(job: &Job<G>) -> Exit {
    match job.replies.is_empty() {
        true => Exit::GiveBack,
        false => Exit::Conclude,
    }
}

/// Nobody else is asked in this pass: decides on what has been answered.
#[must_use]
pub fn conclude<G: Guard>(job: &mut Job<G>, context: &DeliveryContext<'_>) -> Exit {
    job.left_out = true;
    let asked = std::mem::take(&mut job.targets);
    answered(job, &asked, false, context)
}

/// It has waited here for too long, or nobody is left in its route: nobody can be asked for it now. It waits in the database, its attempts unused, for about as long as
/// the account is not asked, which is until `available_at`.
#[must_use]
pub fn unavailable<G: Guard>(
    job: &mut Job<G>,
    available_at: Option<Timestamp>,
    has_next: bool,
    context: &DeliveryContext<'_>,
) -> Exit {
    job.left_out = true;
    if !job.replies.is_empty() {
        let asked = std::mem::take(&mut job.targets);
        return answered(job, &asked, has_next, context);
    }
    let Some(available_at) = available_at else {
        // It is only slow.
        return Exit::Store(wait_for_room(context));
    };
    let now = context.now;
    let until = routing::wait(&job.notification, now, Some(available_at));
    let until = routing::spread(now, until, context.jitter);
    Exit::Store(Disposition::Deferred {
        reason: Reason::WaitingForProvider,
        until: expiry::wait(&job.notification, until),
    })
}

/// What a device accepted is sent; all else is too late.
fn too_late<G>(job: &Job<G>, expired: Reason) -> Disposition {
    match job.notification.is_partly_accepted() {
        true => Disposition::Sent,
        false => Disposition::Ended(expired),
    }
}
