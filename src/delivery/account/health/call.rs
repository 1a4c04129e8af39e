//! One request's leave, and who is told what its answer teaches.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use super::super::trouble::HealthReport;
use super::{AccountHealth, AccountHealthInner};
use crate::domain::Reply;
use crate::machine::AccountState;
use crate::machine::account::{CallPermit, CircuitNews, Taught};

/// Leave for one request. Dropped without an answer, it says that there will be none.
#[derive(Debug)]
pub(in super::super) struct Call {
    health: AccountHealth,
    permit: Option<CallPermit>,
}

impl Call {
    /// Whether it tries for all others.
    pub(in super::super) fn is_probe(&self) -> bool {
        self.permit.is_some_and(|permit| permit.is_probe)
    }

    /// The request was answered, after this long. `to` is the message and its address, if it was for
    /// one. Gives back what the answer is, with all that this account has been told.
    pub(in super::super) fn answered(
        mut self,
        reply: Reply,
        to: Option<(Uuid, &str)>,
        elapsed: Duration,
    ) -> Reply {
        match self.permit.take() {
            Some(permit) => self.health.answered(permit, reply, to, elapsed),
            None => reply,
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if let Some(permit) = self.permit.take() {
            self.health.abandoned(permit);
        }
    }
}

impl AccountHealth {
    /// Makes sure that leave which was given is used, or given back.
    pub(in super::super) fn call(&self, permit: CallPermit) -> Call {
        Call {
            health: self.clone(),
            permit: Some(permit),
        }
    }

    fn answered(
        &self,
        permit: CallPermit,
        reply: Reply,
        to: Option<(Uuid, &str)>,
        elapsed: Duration,
    ) -> Reply {
        let now = self.now();
        // Locked until it is told, so that what is told last is what holds.
        let mut state = self.state();
        let taught = state.answered(permit, reply, to, elapsed, now);
        self.tell_of(&taught, &state, now);
        self.settle(&state, now);
        taught.reply
    }

    fn tell_of(&self, taught: &Taught, state: &AccountState, now: Duration) {
        let inner = &self.inner;
        if let Some(wait) = taught.pause {
            inner.reporter.share_pause(wait, state.rate_limit());
        }
        if inner.retired.load(Ordering::Acquire) {
            return;
        }
        if let Some(change) = taught.dead_addresses {
            inner.reporter.tell_of_dead_addresses(change);
        }
        if let Some(refused) = taught.platform_refuses {
            inner.reporter.tell_of_platform(refused);
        }
        match taught.circuit.clone() {
            Some(CircuitNews::Opened {
                until,
                cause,
                again,
                words,
            }) => {
                inner.counts.circuit_open(true);
                inner.tell_channels(Some(inner.origin + until));
                inner.reporter.tell(HealthReport::Open {
                    cause,
                    again,
                    wait: until.saturating_sub(now),
                    code: taught.reply.code.clone(),
                    said: words,
                });
            }
            Some(CircuitNews::Recovered) => {
                inner.counts.circuit_open(false);
                inner.tell_channels(None);
                inner
                    .reporter
                    .tell(HealthReport::Closed { recovered: true });
            }
            Some(CircuitNews::Works) => inner
                .reporter
                .tell(HealthReport::Closed { recovered: false }),
            None => {}
        }
    }

    fn abandoned(&self, permit: CallPermit) {
        let now = self.now();
        // Locked until it is told, so that what is told last is what holds.
        let mut state = self.state();
        if !state.abandon(permit, now) {
            return;
        }
        // Whoever waits for the probe's answer waits for the next one now.
        if !self.inner.retired.load(Ordering::Acquire) {
            self.inner.tell_channels(Some(self.inner.origin + now));
        }
        self.inner.changed.notify_waiters();
    }

    /// Keeps what is read without the lock as it is behind it, and wakes who waits if it matters.
    pub(super) fn settle(&self, state: &AccountState, now: Duration) {
        let (slowed, most) = (state.is_slowed(now), state.most_in_flight());
        let was_slowed = self.inner.slowed.swap(slowed, Ordering::AcqRel);
        let most_before = self.inner.most_in_flight.swap(most, Ordering::AcqRel);
        if was_slowed != slowed || most_before != most || state.is_stopped(now) {
            self.inner.changed.notify_waiters();
        }
    }
}

impl AccountHealthInner {
    fn tell_channels(&self, open_until: Option<Instant>) {
        self.channels
            .report(self.channel, &self.provider, open_until);
    }
}
