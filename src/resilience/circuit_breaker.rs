//! Whether an account may be asked: closed while it works, open while it fails, and between the
//! two a single request that tries.

use std::time::Duration;

use super::answer_window::AnswerWindow;
use super::slow_start::SlowStart;

/// When a circuit opens, and for how long.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CircuitSettings {
    /// Share of failures in the window at which it opens.
    pub failure_ratio: f64,
    /// Share of slow answers in the window at which it opens.
    pub slow_ratio: f64,
    /// How far back answers count.
    pub window: Duration,
    /// Fewer answers in the window say nothing; as many failures in a row open it at any time.
    pub minimum_requests: u32,
    /// How long it stays open at first.
    pub open_for: Duration,
    /// How long it stays open at most, however often it has tripped in a row.
    pub open_max: Duration,
    /// Most requests in flight once it has recovered wholly.
    pub concurrency: u32,
}

/// The breaker of one account. Time is a duration since any fixed start.
///
/// Every trip, probe and recovery begins a new epoch, and answers to requests of an earlier one
/// say nothing any more: what was under way when it tripped neither closes it nor trips it again.
#[derive(Debug, Clone)]
pub struct CircuitBreaker {
    settings: CircuitSettings,
    state: BreakerState,
    epoch: u64,
    answers: AnswerWindow,
    failures_in_a_row: u32,
    trips_in_a_row: u32,
    recovery: Option<SlowStart>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BreakerState {
    Closed,
    /// Nobody is asked until then; afterwards the next one is the probe.
    Open {
        until: Duration,
    },
    /// A probe is under way.
    Probing,
}

/// What a request is told that wants to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// Go.
    Pass(Ticket),
    /// Go: you are the one that tries whether it works again.
    Probe(Ticket),
    /// Do not go. Not before `until`; `None` while a probe is under way, which decides.
    Refused {
        /// When the next probe may go.
        until: Option<Duration>,
    },
}

/// Belongs to one admitted request; its answer is reported with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket {
    epoch: u64,
}

/// What an answer says about the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallOutcome {
    /// It works.
    Good,
    /// It works, but takes too long.
    Slow,
    /// It fails.
    Bad,
    /// Nothing (asked too fast, for example). A probe with such an answer is followed by another
    /// one later; the time until then does not grow.
    Neutral,
    /// It refuses whatever it is asked: open at once, for this long.
    Refusing(Duration),
}

/// A change that others want to know of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CircuitChange {
    /// It is open (again) until then.
    Opened {
        /// Not before.
        until: Duration,
    },
    /// It is closed again.
    Recovered,
}

/// Where the circuit stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CircuitStanding {
    /// Requests pass.
    Closed,
    /// Nobody is asked before `until`.
    Open {
        /// When a probe may go.
        until: Duration,
    },
    /// It has been open long enough: the next request is the probe, or one is under way.
    HalfOpen {
        /// Whether one is under way.
        probing: bool,
    },
}

impl CircuitBreaker {
    /// A closed circuit.
    #[must_use]
    pub fn new(settings: CircuitSettings) -> Self {
        Self {
            settings,
            state: BreakerState::Closed,
            epoch: 0,
            answers: AnswerWindow::new(settings.window),
            failures_in_a_row: 0,
            trips_in_a_row: 0,
            recovery: None,
        }
    }

    /// Whether a request may go at `now`.
    pub fn admit(&mut self, now: Duration) -> Permission {
        match self.state {
            BreakerState::Closed => Permission::Pass(self.ticket()),
            BreakerState::Open { until } if now < until => {
                Permission::Refused { until: Some(until) }
            }
            BreakerState::Open { .. } => {
                self.enter(BreakerState::Probing);
                Permission::Probe(self.ticket())
            }
            BreakerState::Probing => Permission::Refused { until: None },
        }
    }

    /// An admitted request was answered.
    pub fn report(
        &mut self,
        ticket: Ticket,
        answer: CallOutcome,
        now: Duration,
    ) -> Option<CircuitChange> {
        if ticket.epoch != self.epoch {
            return None;
        }
        match self.state {
            BreakerState::Closed => self.judge(answer, now),
            BreakerState::Probing => Some(self.probed(answer, now)),
            // An epoch that is open has admitted nobody.
            BreakerState::Open { .. } => None,
        }
    }

    /// An admitted request will never be answered: if it was the probe, the next one may try.
    pub fn abandon(&mut self, ticket: Ticket, now: Duration) {
        if ticket.epoch == self.epoch && self.state == BreakerState::Probing {
            self.enter(BreakerState::Open { until: now });
        }
    }

    /// Where it stands at `now`.
    #[must_use]
    pub fn standing(&self, now: Duration) -> CircuitStanding {
        match self.state {
            BreakerState::Closed => CircuitStanding::Closed,
            BreakerState::Open { until } if now < until => CircuitStanding::Open { until },
            BreakerState::Open { .. } => CircuitStanding::HalfOpen { probing: false },
            BreakerState::Probing => CircuitStanding::HalfOpen { probing: true },
        }
    }

    /// Most requests that should be in flight now: few at first after a recovery.
    #[must_use]
    pub fn most_in_flight(&self) -> u32 {
        self.recovery
            .as_ref()
            .map_or(self.settings.concurrency, SlowStart::allowed)
    }

    const fn ticket(&self) -> Ticket {
        Ticket { epoch: self.epoch }
    }

    /// Counts an answer of a closed circuit.
    fn judge(&mut self, answer: CallOutcome, now: Duration) -> Option<CircuitChange> {
        match answer {
            CallOutcome::Neutral => return None,
            CallOutcome::Refusing(pause) => return Some(self.open(now, pause)),
            CallOutcome::Good => {
                self.failures_in_a_row = 0;
                self.recover_further();
            }
            CallOutcome::Slow => self.failures_in_a_row = 0,
            CallOutcome::Bad => self.failures_in_a_row = self.failures_in_a_row.saturating_add(1),
        }
        self.answers
            .count(answer == CallOutcome::Bad, answer == CallOutcome::Slow, now);
        self.is_failing(now).then(|| self.trip(now))
    }

    fn recover_further(&mut self) {
        let concurrency = self.settings.concurrency;
        let whole = self
            .recovery
            .as_mut()
            .is_some_and(|recovery| recovery.succeeded(concurrency));
        if whole {
            self.recovery = None;
            self.trips_in_a_row = 0;
        }
    }

    fn is_failing(&self, now: Duration) -> bool {
        let CircuitSettings {
            failure_ratio,
            slow_ratio,
            minimum_requests,
            ..
        } = self.settings;
        if self.failures_in_a_row >= minimum_requests.max(1) {
            return true;
        }
        let counts = self.answers.counts(now);
        let reaches = |part: u32, ratio: f64| {
            part > 0 && f64::from(part) >= ratio * f64::from(counts.answers)
        };
        counts.answers >= minimum_requests
            && (reaches(counts.failures, failure_ratio) || reaches(counts.slow, slow_ratio))
    }

    /// The probe's answer.
    fn probed(&mut self, answer: CallOutcome, now: Duration) -> CircuitChange {
        match answer {
            CallOutcome::Good => {
                self.enter(BreakerState::Closed);
                self.answers = AnswerWindow::new(self.settings.window);
                self.failures_in_a_row = 0;
                self.recovery = Some(SlowStart::new());
                CircuitChange::Recovered
            }
            // As slow as before: not recovered.
            CallOutcome::Bad | CallOutcome::Slow => self.trip(now),
            CallOutcome::Neutral => self.open(now, self.settings.open_for),
            CallOutcome::Refusing(pause) => self.open(now, pause),
        }
    }

    /// Opens for longer than last time. A row of trips ends when a recovery is complete.
    fn trip(&mut self, now: Duration) -> CircuitChange {
        let doublings = self.trips_in_a_row.min(31);
        self.trips_in_a_row = self.trips_in_a_row.saturating_add(1);
        let CircuitSettings {
            open_for, open_max, ..
        } = self.settings;
        self.open(now, open_for.saturating_mul(1 << doublings).min(open_max))
    }

    fn open(&mut self, now: Duration, pause: Duration) -> CircuitChange {
        let until = now.saturating_add(pause);
        self.enter(BreakerState::Open { until });
        self.recovery = None;
        CircuitChange::Opened { until }
    }

    fn enter(&mut self, state: BreakerState) {
        self.state = state;
        self.epoch += 1;
    }
}

#[cfg(test)]
mod tests;
