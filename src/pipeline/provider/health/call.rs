//! One request's leave, and what its answer teaches.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;

use super::super::trouble::{Cause, Report};
use super::{AccountHealth, Inner, State};
use crate::domain::{Class, Reply};
use crate::resilience::circuit_breaker::{Answer, Change, Standing, Ticket};

/// Leave for one request. Dropped without an answer, it says that there will be none.
#[derive(Debug)]
pub(in super::super) struct Call {
    health: AccountHealth,
    ticket: Option<Ticket>,
    probe: bool,
}

impl Call {
    pub(super) const fn new(health: AccountHealth, ticket: Ticket, probe: bool) -> Self {
        Self {
            health,
            ticket: Some(ticket),
            probe,
        }
    }

    /// Whether it tries for all others.
    pub(in super::super) const fn is_probe(&self) -> bool {
        self.probe
    }

    /// The request was answered, after this long.
    pub(in super::super) fn answered(mut self, reply: &Reply, elapsed: Duration) {
        if let Some(ticket) = self.ticket.take() {
            self.health.answered(ticket, reply, elapsed);
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take()
            && self.probe
        {
            self.health.abandoned(ticket);
        }
    }
}

impl AccountHealth {
    fn answered(&self, ticket: Ticket, reply: &Reply, elapsed: Duration) {
        let answer = self.answer(reply.class, elapsed);
        let now = self.now();
        let mut state = self.state();
        match reply.class {
            Class::Throttled => {
                state.pace.throttled(now, reply.retry_after);
                if let Some(wait) = reply.retry_after {
                    self.inner
                        .reporter
                        .share_pause(wait, self.inner.tokens.limit());
                }
            }
            Class::Accepted => state.pace.succeeded(now),
            _ => {}
        }
        let change = state.breaker.report(ticket, answer, now);
        let first = answer == Answer::Good && !std::mem::replace(&mut state.proven, true);
        match change {
            Some(Change::Opened { until }) => self.opened(&mut state, until, answer, reply, now),
            Some(Change::Recovered) => self.recovered(&mut state),
            // What an earlier run, or one before a change of the account, said of it is over.
            None if first && state.cause.is_none() => {
                self.tell(Report::Closed { recovered: false })
            }
            None => {}
        }
        self.settle(&state, now);
    }

    fn answer(&self, class: Class, elapsed: Duration) -> Answer {
        match class {
            Class::Accepted | Class::Permanent | Class::Misconfigured => {
                if elapsed >= self.inner.slow_after {
                    Answer::Slow
                } else {
                    Answer::Good
                }
            }
            Class::Transient | Class::Unknown => Answer::Bad,
            Class::Throttled => Answer::Neutral,
            Class::Credentials => Answer::Refusing(self.inner.credentials_pause),
        }
    }

    fn opened(
        &self,
        state: &mut State,
        until: Duration,
        answer: Answer,
        reply: &Reply,
        now: Duration,
    ) {
        let before = state.cause;
        state.cause = match answer {
            Answer::Refusing(_) => Some(Cause::Credentials),
            Answer::Slow => Some(Cause::Slow),
            Answer::Bad => Some(Cause::Failing),
            Answer::Good | Answer::Neutral => before,
        };
        self.inner.counts_open(true);
        self.tell_channels(Some(self.inner.origin + until));
        self.tell(Report::Open {
            cause: state.cause.unwrap_or(Cause::Failing),
            again: before.is_some(),
            wait: until.saturating_sub(now),
            code: reply.code.clone(),
        });
    }

    fn recovered(&self, state: &mut State) {
        state.cause = None;
        self.inner.counts_open(false);
        self.tell_channels(None);
        self.tell(Report::Closed { recovered: true });
    }

    fn abandoned(&self, ticket: Ticket) {
        let now = self.now();
        // Locked until it is told, so that what is told last is what holds.
        let mut state = self.state();
        state.breaker.abandon(ticket, now);
        // Whoever waits for the probe's answer waits for the next one now.
        self.tell_channels(Some(self.inner.origin + now));
        self.inner.changed.notify_waiters();
    }

    fn tell_channels(&self, open_until: Option<Instant>) {
        let inner = &self.inner;
        if !inner.retired.load(Ordering::Acquire) {
            inner
                .channels
                .report(inner.channel, &inner.provider, open_until);
        }
    }

    fn tell(&self, report: Report) {
        if !self.inner.retired.load(Ordering::Acquire) {
            self.inner.reporter.tell(report);
        }
    }

    /// Keeps what is read without the lock as it is behind it, and wakes who waits if it matters.
    pub(super) fn settle(&self, state: &State, now: Duration) {
        let slowed = state.pace.is_slowed(now);
        let most = usize::try_from(state.breaker.most_in_flight()).unwrap_or(usize::MAX);
        let was_slowed = self.inner.slowed.swap(slowed, Ordering::AcqRel);
        let most_before = self.inner.most_in_flight.swap(most, Ordering::AcqRel);
        let stopped =
            state.breaker.standing(now) != Standing::Closed || state.pace.paused_for(now).is_some();
        if was_slowed != slowed || most_before != most || stopped {
            self.inner.changed.notify_waiters();
        }
    }
}

impl Inner {
    fn counts_open(&self, open: bool) {
        if !self.retired.load(Ordering::Acquire) {
            self.counts.circuit_open(open);
        }
    }
}
