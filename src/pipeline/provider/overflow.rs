//! One tenant's million does not delay another's ten.
//!
//! A lane is one queue in RabbitMQ, in which the ten stand behind the million. So where an account
//! is slower than what arrives, what a tenant has beyond its share goes on to the database at once,
//! due when its turn will come, and the lane moves on to the others.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::super::jobs::Job;
use super::worker::waits_until;
use super::{Desk, Lines};
use crate::domain::Channel;
use crate::runtime::{Tasks, clock};
use crate::store::settle::Origin;
use crate::store::{Database, due};

/// How much work, in time, all tenants together may have waiting at an account.
const AHEAD: Duration = Duration::from_secs(5);
/// A tenant's share is never less than this.
const LEAST: usize = 16;
/// An account whose rate is not configured is believed to be slow once something has waited so long.
const SLOW: Duration = Duration::from_secs(1);
/// Requests a second that such an account is believed to take at least: a bad second says little
/// about the hours for which its jobs would be put off.
const LEAST_GUESS: f64 = 10.0;
/// An account has room when so many times as many workers as are busy could be.
const ROOM: usize = 4;

/// When the next job of each tenant is due that goes to the database.
#[derive(Debug, Default)]
pub(super) struct Slots {
    /// Whether there may be any: read without the lock by workers that find nothing to do.
    some: AtomicBool,
    turns: Mutex<Turns>,
}

#[derive(Debug, Default)]
struct Turns {
    next: HashMap<Uuid, Timestamp>,
    hastened: Option<Timestamp>,
}

impl Slots {
    /// The next free time of a tenant to which one is given every `interval`.
    fn book(&self, tenant: Uuid, interval: SignedDuration, now: Timestamp) -> Timestamp {
        let next = &mut self.turns().next;
        next.retain(|_, next| *next > now);
        let slot = next.get(&tenant).map_or(soonest(now), |next| *next);
        let following = slot.saturating_add(interval).unwrap_or(slot);
        next.insert(tenant, following);
        self.some.store(true, Ordering::Release);
        slot
    }

    /// Brings all times that are still far off nearer by a factor below one; `false` when there are
    /// none, or when they were brought nearer a moment ago.
    fn hasten(&self, factor: f64, now: Timestamp) -> bool {
        let mut turns = self.turns();
        if turns.hastened.is_some_and(|last| soonest(last) > now) {
            return false;
        }
        turns.next.retain(|_, next| *next > soonest(now));
        if turns.next.is_empty() {
            self.some.store(false, Ordering::Release);
            return false;
        }
        for next in turns.next.values_mut() {
            let nearer = next.duration_since(now).mul_f64(factor);
            *next = now.saturating_add(nearer).unwrap_or(*next);
        }
        turns.hastened = Some(now);
        true
    }

    fn turns(&self) -> MutexGuard<'_, Turns> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What goes to the database is due then at the earliest.
fn soonest(now: Timestamp) -> Timestamp {
    now.saturating_add(AHEAD).unwrap_or(now)
}

/// A worker finds nothing to do. What was put off while the account was slow comes nearer if it has
/// room now, each tenant's in its order: else nothing would call it back before its time.
pub(super) fn recall(desk: &Desk, queue: &Lines) {
    let most = desk.most_in_flight();
    let busy = queue.workers.load(Ordering::Acquire).saturating_sub(1);
    if busy * ROOM > most || !queue.slots.some.load(Ordering::Acquire) || desk.health.rate().1 {
        return;
    }
    let factor = (busy.max(1) as f64 / most as f64).min(1.0 / ROOM as f64);
    let now = clock::now();
    if !queue.slots.hasten(factor, now) {
        return;
    }
    bring_nearer(
        &desk.tasks,
        &desk.judge.database,
        (desk.account.channel, factor),
        AHEAD,
        "an account has room again",
    );
}

/// Brings what waits for a provider of a channel nearer by a factor, as far as it is due after `soon`.
/// Beside other work; `why` is for the log.
pub(in super::super) fn bring_nearer(
    tasks: &Tasks,
    database: &Database,
    (channel, factor): (Channel, f64),
    soon: Duration,
    why: &'static str,
) {
    let database = database.clone();
    tasks.spawn("hasten what waits", async move {
        let now = clock::now();
        let soon = now.saturating_add(soon).unwrap_or(now);
        match due::hasten(&database, channel, factor, now, soon).await {
            Ok(0) => {}
            Ok(count) => tracing::info!(%channel, count, why, "what waits is due earlier"),
            Err(error) => tracing::warn!(%error, %channel, why, "what waits is due as before"),
        }
    });
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
    let interval = SignedDuration::try_from_secs_f64(tenants as f64 / rate);
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
    fn far_off_times_are_brought_nearer_once_in_a_while() {
        let (slots, minute) = (Slots::default(), SignedDuration::from_mins(1));
        let now: Timestamp = "2026-03-01T12:00:00Z".parse().unwrap();
        let at = |seconds| now + SignedDuration::from_secs(seconds);
        let tenant = Uuid::from_u128(1);
        assert!(!slots.hasten(0.25, now));
        assert_eq!(slots.book(tenant, minute, now), at(5));
        assert!(slots.hasten(0.2, now));
        assert!(!slots.hasten(0.2, at(4)));
        // 65 seconds off, of which a fifth is left.
        assert_eq!(slots.book(tenant, minute, at(4)), at(13));
        assert!(!slots.hasten(0.2, at(90)), "nothing is far off any more");
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
