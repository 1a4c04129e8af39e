//! The jobs that wait for an account: the most urgent first, tenants in turn, and nobody for ever last.
//!
//! One tenant's million does not delay another's ten. A lane is one queue in RabbitMQ, in which the ten
//! stand behind the million. So where an account is slower than what arrives, what a tenant has beyond
//! its share goes on to the database at once, to wait there for this account, and the lane moves on to
//! the others. Whoever has room at the account calls it back.

use std::time::Duration;

use uuid::Uuid;

use super::account::RateToken;
use super::batch::{Candidate, Candidates};
use super::job::{Guard, Job};
use crate::domain::Priority;
use crate::resilience::FairQueue;

/// How much work, in time, all tenants together may have waiting at an account.
const AHEAD: Duration = Duration::from_secs(5);
/// A tenant's share is never less than this.
const LEAST: usize = 16;
/// An account whose rate is not configured is believed to be slow once something has waited so long.
const SLOW: Duration = Duration::from_secs(1);
/// Requests a second that such an account is believed to take at least: a bad second says little
/// about the hours for which its jobs would be put off.
const LEAST_GUESS: f64 = 10.0;

/// Waiting jobs. Time is a duration since any fixed start.
#[derive(Debug)]
pub struct Queue<G> {
    waiting: FairQueue<Uuid, Waiting<G>>,
}

#[derive(Debug)]
struct Waiting<G> {
    since: Duration,
    job: Job<G>,
}

/// A job whose turn it is, with those behind it that can share its request and a token for each.
pub type NextBatch<G> = (Job<G>, Vec<Job<G>>, Vec<RateToken>);

impl<G: Guard> Default for Queue<G> {
    fn default() -> Self {
        Self {
            waiting: FairQueue::new(Priority::ALL.len()),
        }
    }
}

impl<G: Guard> Queue<G> {
    /// A job came.
    pub fn push(&mut self, job: Job<G>, since: Duration) {
        let (line, tenant) = place_of(&job);
        self.waiting.push(line, tenant, Waiting { since, job });
    }

    /// Puts jobs that were not asked for back to the front of their tenants' lines, in their order.
    pub fn put_back(&mut self, jobs: Vec<Job<G>>, since: Duration) {
        for job in jobs.into_iter().rev() {
            let (line, tenant) = place_of(&job);
            self.waiting
                .push_front(line, tenant, Waiting { since, job });
        }
    }

    /// The next one, and those behind it that can share its request, `most` in all.
    ///
    /// Where requests are what is scarce, they ride along at nobody's cost. Where messages are
    /// (`is_limited`), because each takes a token, they would go out of turn: there they do only while
    /// nobody else waits.
    pub fn pop_many(
        &mut self,
        most: usize,
        is_limited: bool,
        token: impl FnMut() -> Option<RateToken>,
    ) -> Option<NextBatch<G>> {
        let out_of_turn = is_limited && !self.waiting.is_of_one();
        let mut candidates = Candidates::new(token, if out_of_turn { 1 } else { most });
        let joins = |first: &Waiting<G>, next: &Waiting<G>| {
            candidates.joins(Candidate::of(&first.job), Candidate::of(&next.job))
        };
        let (first, others) = self.waiting.pop_with(joins)?;
        let others = others.into_iter().map(|waiting| waiting.job).collect();
        Some((first.job, others, candidates.into_tokens()))
    }

    /// How many wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether nobody waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Until when whoever waits for the account may sleep: not past the moment when something has waited
    /// for `patience`.
    #[must_use]
    pub fn look_again_at(&self, wait: Duration, patience: Duration, now: Duration) -> Duration {
        let until = now.saturating_add(wait);
        let oldest = self.oldest();
        oldest.map_or(until, |since| until.min(since.saturating_add(patience)))
    }

    /// Takes out what has waited for `patience` or longer.
    pub fn take_stale(&mut self, patience: Duration, now: Duration) -> Vec<Job<G>> {
        let Some(then) = now.checked_sub(patience) else {
            return vec![];
        };
        let stale = self.waiting.drain_while(|waiting| waiting.since <= then);
        stale.into_iter().map(|waiting| waiting.job).collect()
    }

    /// Takes out what somebody has called off.
    pub fn take_called_off(&mut self) -> Vec<Job<G>> {
        let called_off = |waiting: &Waiting<G>| waiting.job.claim.is_called_off();
        let taken = self.waiting.take_where(called_off);
        taken.into_iter().map(|waiting| waiting.job).collect()
    }

    /// Takes out what is beyond its tenant's share, at an account that takes messages at this rate: so
    /// many a second, and whether that is configured rather than guessed.
    pub fn spill(&mut self, rate: impl FnOnce() -> (f64, bool), now: Duration) -> Vec<Job<G>> {
        let waiting = self.len();
        if waiting <= LEAST {
            return vec![];
        }
        let (rate, is_known) = rate();
        let Some(rate) = believed(rate, is_known) else {
            return vec![];
        };
        let most = rate * AHEAD.as_secs_f64();
        let has_waited = || {
            let oldest = self.oldest();
            oldest.is_some_and(|since| now.saturating_sub(since) >= SLOW)
        };
        if waiting as f64 <= most || !(is_known || has_waited()) {
            return vec![];
        }
        let tenants = self.waiting.tenants().max(1);
        let share = ((most / tenants as f64) as usize).max(LEAST);
        let spilt = self
            .waiting
            .take_excess(share, |waiting| may_spill(&waiting.job));
        spilt.into_iter().map(|(_, waiting)| waiting.job).collect()
    }

    /// Takes out all that waits, the most urgent first.
    pub fn drain(&mut self) -> Vec<Job<G>> {
        let drained = self.waiting.drain();
        drained.into_iter().map(|waiting| waiting.job).collect()
    }

    /// Most jobs that are served before one that waits in a line of this urgency, whatever else comes.
    #[must_use]
    pub fn bound(&self, line: usize) -> u32 {
        self.waiting.bound(line)
    }

    /// Since when the one has waited that waits longest.
    fn oldest(&self) -> Option<Duration> {
        self.waiting.fronts().map(|waiting| waiting.since).min()
    }
}

fn place_of<G>(job: &Job<G>) -> (usize, Uuid) {
    let notification = &job.notification;
    (notification.lane.priority.index(), notification.tenant_id)
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
fn may_spill<G: Guard>(job: &Job<G>) -> bool {
    job.replies.is_empty() && !job.claim.has_place() && !job.claim.is_alone()
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
