//! What one node knows of one account: as `pipeline::provider::health` does it.

use std::time::Duration;

use herald::domain::{Class, Reply};
use herald::resilience::circuit_breaker::{Admission, Answer, Change, Standing, Ticket};
use herald::resilience::{CircuitBreaker, Pace};

const REFUSED_PAUSE: Duration = Duration::from_secs(60);
const SLOW_AFTER: Duration = Duration::from_secs(3);
const AFTER_PROBE: Duration = Duration::from_secs(1);
pub(crate) const LONG_PAUSE: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(crate) struct Health {
    pub(crate) breaker: CircuitBreaker,
    pub(crate) pace: Pace,
    pub(crate) concurrency: u32,
}

/// Leave for one request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call {
    pub(crate) ticket: Ticket,
    pub(crate) probe: bool,
}

impl Health {
    pub(crate) fn admit(&mut self, now: Duration) -> Option<Call> {
        if self.pace.paused_for(now).is_some() {
            return None;
        }
        let (ticket, probe) = match self.breaker.admit(now) {
            Admission::Pass(ticket) => (ticket, false),
            Admission::Probe(ticket) => (ticket, true),
            Admission::Refused { .. } => return None,
        };
        self.pace.sent(now);
        Some(Call { ticket, probe })
    }

    pub(crate) fn refused_for(&self, now: Duration) -> Option<Duration> {
        let pause = self.pace.paused_for(now).filter(|wait| *wait >= LONG_PAUSE);
        let circuit = match self.breaker.standing(now) {
            Standing::Closed | Standing::HalfOpen { probing: false } => None,
            Standing::Open { until } => Some(until.saturating_sub(now)),
            Standing::HalfOpen { probing: true } => Some(AFTER_PROBE),
        };
        pause.max(circuit)
    }

    pub(crate) fn answered(
        &mut self,
        call: Call,
        reply: &Reply,
        took: Duration,
        now: Duration,
    ) -> Option<Change> {
        match reply.class {
            Class::Throttled => self.pace.throttled(now, reply.retry_after),
            Class::Accepted => self.pace.succeeded(now),
            _ => {}
        }
        let answer = match reply.class {
            Class::AccountRefused => Answer::Refusing(REFUSED_PAUSE),
            Class::Transient | Class::Unknown => Answer::Bad,
            Class::Throttled => Answer::Neutral,
            Class::Accepted | Class::Permanent | Class::NotByAccount if took >= SLOW_AFTER => {
                Answer::Slow
            }
            Class::Accepted | Class::Permanent | Class::NotByAccount => Answer::Good,
        };
        self.breaker.report(call.ticket, answer, now)
    }

    pub(crate) fn most_in_flight(&self) -> usize {
        usize::try_from(self.breaker.most_in_flight().min(self.concurrency).max(1)).unwrap()
    }
}
