//! One tenant's million does not delay another's ten.
//!
//! A lane is one queue in RabbitMQ, in which the ten stand behind the million. So where an account
//! is slower than what arrives, what a tenant has beyond its share goes on to the database at once,
//! due when its turn will come, and the lane moves on to the others.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::super::jobs::Job;
use super::worker::waits_until;
use super::{Desk, Lines};
use crate::runtime::clock;
use crate::store::settle::Origin;

/// How much work, in time, all tenants together may have waiting at an account.
const AHEAD: Duration = Duration::from_secs(5);
/// A tenant's share is never less than this.
const LEAST: usize = 16;
/// An account whose rate is not configured is believed to be slow once something has waited so long.
const SLOW: Duration = Duration::from_secs(1);
/// Requests a second that such an account is believed to take at least: a bad second says little
/// about the hours for which its jobs would be put off.
const LEAST_GUESS: f64 = 10.0;
/// Requests a second with which the turns of its jobs are planned, if it does not take more already.
/// It may be quick again in a moment, and nothing would call back what is due in an hour. What is due
/// before there is room for it waits all the same, in its order: the scheduler takes what it has
/// permits for.
const HOPED_FOR: f64 = 1_000.0;

/// When the next job of each tenant is due that goes to the database.
#[derive(Debug, Default)]
pub(super) struct Slots {
    next: Mutex<HashMap<Uuid, Timestamp>>,
}

impl Slots {
    /// The next free time of a tenant to which one is given every `interval`.
    fn book(&self, tenant: Uuid, interval: SignedDuration, now: Timestamp) -> Timestamp {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        next.retain(|_, next| *next > now);
        let ahead = SignedDuration::try_from(AHEAD).unwrap_or(SignedDuration::ZERO);
        let soonest = now.saturating_add(ahead).unwrap_or(now);
        let slot = next.get(&tenant).map_or(soonest, |next| *next);
        let following = slot.saturating_add(interval).unwrap_or(slot);
        next.insert(tenant, following);
        slot
    }
}

/// Sends on what is beyond its tenant's share.
pub(super) fn relieve(desk: &Desk, queue: &Lines) {
    let waiting = queue.jobs.len();
    if waiting <= LEAST {
        return;
    }
    let (rate, is_known) = desk.health.rate();
    let Some(rate) = believed(rate, is_known) else {
        return;
    };
    let most = rate * AHEAD.as_secs_f64();
    if waiting as f64 <= most || !(is_known || has_waited(queue)) {
        return;
    }
    let tenants = queue.jobs.tenants().max(1);
    let share = ((most / tenants as f64) as usize).max(LEAST);
    let interval = SignedDuration::try_from_secs_f64(tenants as f64 / planned(rate, is_known));
    let interval = interval.unwrap_or(SignedDuration::from_secs(60));
    let now = clock::now();
    for (tenant, job) in queue.jobs.shed(share, may_go) {
        let due = queue.slots.book(tenant, interval, now);
        desk.outbox.push(waits_until(job, due, now));
    }
}

/// The rate to plan with. When requests hang, or the process stood still, nothing was asked lately:
/// that is no rate, and what waits stays where it is and goes when they have ended.
fn believed(rate: f64, is_known: bool) -> Option<f64> {
    if is_known {
        return Some(rate.max(1.0 / 60.0));
    }
    (rate > 0.0).then(|| rate.max(LEAST_GUESS))
}

/// The rate by which turns follow each other.
fn planned(believed: f64, is_known: bool) -> f64 {
    if is_known {
        believed
    } else {
        believed.max(HOPED_FOR)
    }
}

/// What came from the database holds one of the scheduler's permits, which are bounded already; and
/// what was asked of another account in this pass is not to wait from the start.
fn may_go(job: &Job) -> bool {
    job.hold.origin() == Origin::Broker && job.replies.is_empty()
}

fn has_waited(queue: &Lines) -> bool {
    let oldest = queue.jobs.oldest();
    oldest.is_some_and(|since| clock::instant().saturating_duration_since(since) >= SLOW)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_no_rate_and_a_guess_is_not_a_crawl() {
        let known = [0.0, 0.5, 40.0].map(|rate| believed(rate, true));
        assert_eq!(known, [Some(1.0 / 60.0), Some(0.5), Some(40.0)]);
        let guessed = [0.0, 0.5, 40.0].map(|rate| believed(rate, false));
        assert_eq!(guessed, [None, Some(10.0), Some(40.0)]);
    }

    #[test]
    fn only_a_limit_puts_turns_far_off() {
        assert!((planned(10.0, true) - 10.0).abs() < f64::EPSILON);
        assert!((planned(10.0, false) - HOPED_FOR).abs() < f64::EPSILON);
        assert!((planned(3_000.0, false) - 3_000.0).abs() < f64::EPSILON);
    }

    #[test]
    fn each_tenant_has_its_own_times_one_after_the_other() {
        let (slots, second) = (Slots::default(), SignedDuration::from_secs(1));
        let now: Timestamp = "2026-03-01T12:00:00Z".parse().unwrap();
        let book = |tenant, now| slots.book(Uuid::from_u128(tenant), second, now);
        let at = |seconds| now + SignedDuration::from_secs(seconds);
        assert_eq!(
            [book(1, now), book(1, now), book(1, now)],
            [at(5), at(6), at(7)]
        );
        assert_eq!(book(2, now), at(5));
        // What is past is forgotten.
        assert_eq!(book(1, at(60)), at(65));
    }
}
