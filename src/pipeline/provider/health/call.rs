//! One request's leave, and what its answer teaches.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use super::super::trouble::{Cause, Report};
use super::{AccountHealth, Inner, State, number_of};
use crate::domain::{AccountFault, Class, Reason, Reply, Subject};
use crate::resilience::circuit_breaker::{Answer, Change, Standing, Ticket};

/// Longest that an account is left alone that several were refused by, in words that do not say whose
/// fault it is: the next one may be told something else.
const SUSPECTED: Duration = Duration::from_secs(15);

/// So long after the last refusal of a platform's key it is taken for mended: what waits for it is tried
/// every ten minutes or so.
const PLATFORM_QUIET: Duration = Duration::from_secs(3_600);

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

    /// The request was answered, after this long. `to` is the message and its address, if it was for
    /// one. Gives back what the answer is, with all that this account has been told.
    pub(in super::super) fn answered(
        mut self,
        reply: Reply,
        to: Option<(Uuid, &str)>,
        elapsed: Duration,
    ) -> Reply {
        match self.ticket.take() {
            Some(ticket) => self.health.answered(ticket, reply, to, elapsed),
            None => reply,
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
    fn answered(
        &self,
        ticket: Ticket,
        reply: Reply,
        to: Option<(Uuid, &str)>,
        elapsed: Duration,
    ) -> Reply {
        let now = self.now();
        let mut state = self.state();
        let reply = self.seen_together(&mut state, reply, to);
        let subject = throttled_subject(&mut state, &reply, to.map(|(_, address)| address), now);
        let answer = self.answer(&reply, subject, elapsed);
        match (reply.class, subject) {
            (Class::Throttled, Subject::Account) => {
                state.pace.throttled(now, reply.retry_after);
                if let Some(wait) = reply.retry_after {
                    self.inner
                        .reporter
                        .share_pause(wait, self.inner.tokens.limit());
                }
            }
            (Class::Accepted, _) => state.pace.succeeded(now),
            _ => {}
        }
        // Who opts out is alive.
        let is_dead = reply.dead_address && reply.reason != Some(Reason::OptedOut);
        if let Some(change) = state.dead.count(is_dead, now)
            && !self.inner.retired.load(Ordering::Acquire)
        {
            self.inner.reporter.tell_of_dead_addresses(change);
        }
        self.watch_platforms(&mut state, &reply, now);
        if matches!(answer, Answer::Good | Answer::Slow) {
            state.suspicion.is_refuted();
        }
        let change = state.breaker.report(ticket, answer, now);
        let first = answer == Answer::Good && !std::mem::replace(&mut state.proven, true);
        match change {
            Some(Change::Opened { until }) => self.opened(&mut state, until, answer, &reply, now),
            Some(Change::Recovered) => self.recovered(&mut state),
            // What an earlier run, or one before a change of the account, said of it is over.
            None if first && state.cause.is_none() => {
                self.tell(Report::Closed { recovered: false })
            }
            None => {}
        }
        self.settle(&state, now);
        reply
    }

    /// Operators are told that one platform refuses the account's key for it, and that it has not for a
    /// while. The account itself works for all others.
    fn watch_platforms(&self, state: &mut State, reply: &Reply, now: Duration) {
        let is_refused = reply.fault.is_some() && reply.class == Class::Throttled;
        let since = state.platform_refused.map(|at| now.saturating_sub(at));
        let is_over = since.is_some_and(|since| since > PLATFORM_QUIET);
        let refused = match (is_refused, reply.class) {
            (true, _) if since.is_none_or(|since| since > PLATFORM_QUIET / 6) => true,
            (false, Class::Accepted) if is_over => false,
            _ => return,
        };
        state.platform_refused = refused.then_some(now);
        if !self.inner.retired.load(Ordering::Acquire) {
            self.inner.reporter.tell_of_platform(refused);
        }
    }

    /// What several are told one after the other, though each may be to blame, is about the account.
    fn seen_together(&self, state: &mut State, reply: Reply, to: Option<(Uuid, &str)>) -> Reply {
        let (Some(fault), Some((message, address))) = (reply.suspicion, to) else {
            return reply;
        };
        let refusal = number_of((&reply.code, fault));
        match state
            .suspicion
            .refused(refusal, number_of(message), number_of(address))
        {
            true => {
                let pause = self.inner.refused_pause.min(SUSPECTED);
                reply.of_account(fault).with_retry_after(Some(pause))
            }
            false => reply,
        }
    }

    /// What an answer says of the account: one about an address or a message says that it works, unless
    /// it may be about the account.
    fn answer(&self, reply: &Reply, subject: Subject, elapsed: Duration) -> Answer {
        let (pause, least) = (self.inner.refused_pause, Duration::from_secs(1));
        match (reply.class, subject) {
            (Class::AccountRefused, _) => {
                Answer::Refusing(reply.retry_after.map_or(pause, |wait| wait.max(least)))
            }
            (Class::Unknown, _) | (Class::Transient, Subject::Account) => Answer::Bad,
            (Class::Throttled, Subject::Account) | (_, Subject::Node) => Answer::Neutral,
            _ if reply.suspicion.is_some() => Answer::Neutral,
            _ if elapsed >= self.inner.slow_after => Answer::Slow,
            _ => Answer::Good,
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
            Answer::Refusing(_) => Some(Cause::Refused(
                reply.fault.unwrap_or(AccountFault::Settings),
            )),
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

/// About whom an answer is, as far as this account knows: what several addresses are told at once is
/// about the account.
fn throttled_subject(
    state: &mut State,
    reply: &Reply,
    address: Option<&str>,
    now: Duration,
) -> Subject {
    let Some(address) = address.filter(|_| reply.class == Class::Throttled) else {
        return reply.subject;
    };
    if reply.subject != Subject::Address {
        return reply.subject;
    }
    match state
        .throttled
        .throttled(number_of(address), now, reply.retry_after)
    {
        true => Subject::Account,
        false => Subject::Address,
    }
}
