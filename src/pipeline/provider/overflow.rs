//! One tenant's million does not delay another's ten.
//!
//! A lane is one queue in RabbitMQ, in which the ten stand behind the million. So where an account
//! is slower than what arrives, what a tenant has beyond its share goes on to the database at once,
//! to wait there for this account, and the lane moves on to the others. Whoever has room at the account
//! calls it back.

use std::time::Duration;

use jiff::SignedDuration;

use super::super::jobs::Job;
use super::{Desk, Lines};
use crate::policy::routing;
use crate::runtime::clock;

/// How much work, in time, all tenants together may have waiting at an account.
const AHEAD: Duration = Duration::from_secs(5);
/// A tenant's share is never less than this.
const LEAST: usize = 16;
/// An account whose rate is not configured is believed to be slow once something has waited so long.
const SLOW: Duration = Duration::from_secs(1);
/// Requests a second that such an account is believed to take at least: a bad second says little
/// about the hours for which its jobs would be put off.
const LEAST_GUESS: f64 = 10.0;
/// What waits for an account comes up after that and up to half as much more, should nobody have called
/// it back: it is decided on anew, and waits again.
pub const LATEST: SignedDuration = SignedDuration::from_hours(6);

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
    let now = clock::now();
    for (_, job) in queue.jobs.shed(share, may_go) {
        let latest = now.saturating_add(LATEST).unwrap_or(now);
        let latest = routing::spread(now, latest, rand::random());
        desk.outbox
            .push(job.wait_for(&desk.account.name, latest, now));
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

/// What was called back has its place here, a suspect is worked alone, and what was asked of another
/// account in this pass is not to wait from the start. All else may go, also what was due: it would keep
/// permits from what is due for other accounts.
fn may_go(job: &Job) -> bool {
    job.replies.is_empty() && job.place.is_none() && !job.hold.is_alone()
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
}
