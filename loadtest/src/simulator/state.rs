//! What all connections of one simulator share.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::Instant;

use super::Provider;
use super::behaviour::{Behaviour, Call, Decision, Script};
use super::counters::{Counters, Records, Stats};
use super::fault::Fault;
use crate::events::EventTeller;
use crate::ledger::{Acceptance, Ledger, locked};

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) provider: Provider,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) counters: Counters,
    pub(crate) records: Records,
    /// How long clients wait for an answer, where that is known.
    patience: Option<Duration>,
    /// Who tells of what is accepted, if anybody.
    teller: Option<Arc<EventTeller>>,
    script: Mutex<Script>,
    /// No rule and no latency: the script's lock need not be taken.
    plain: AtomicBool,
}

impl State {
    pub(crate) fn new(
        provider: Provider,
        ledger: Arc<Ledger>,
        behaviour: Behaviour,
        records: Records,
        patience: Option<Duration>,
        teller: Option<Arc<EventTeller>>,
    ) -> Self {
        Self {
            provider,
            ledger,
            patience,
            teller,
            counters: Counters::default(),
            records,
            plain: AtomicBool::new(behaviour.is_plain()),
            script: Mutex::new(Script::new(behaviour)),
        }
    }

    pub(crate) fn behave(&self, behaviour: Behaviour) {
        let plain = behaviour.is_plain();
        *locked(&self.script) = Script::new(behaviour);
        self.plain.store(plain, Ordering::Release);
    }

    pub(crate) fn behaviour(&self) -> Behaviour {
        locked(&self.script).behaviour().clone()
    }

    pub(crate) fn stats(&self) -> Stats {
        self.counters.snapshot(locked(&self.script).seed())
    }

    /// What the script wants for a request at `endpoint`.
    pub(crate) fn decide(&self, endpoint: &str, acceptances: &[Acceptance]) -> Decision {
        if self.plain.load(Ordering::Acquire) {
            return Decision {
                accepted: true,
                ..Decision::default()
            };
        }
        let call = Call {
            endpoint,
            subjects: acceptances
                .iter()
                .map(|one| (one.recipient.as_str(), one.notification_id))
                .collect(),
        };
        let decision = locked(&self.script).decide(&call);
        if decision.fault.is_some() {
            Counters::add(&self.counters.faults, 1);
        }
        decision
    }

    /// Writes the acceptances down, if the decision says that they count.
    pub(crate) fn accept(&self, acceptances: &[Acceptance], decision: &Decision) {
        if !decision.accepted {
            return;
        }
        let fault = decision.fault.as_ref();
        let answer_lost = fault.is_some_and(|fault| !fault.tells_acceptance());
        let count = acceptances.len() as u64;
        Counters::add(&self.counters.accepted, count);
        if answer_lost {
            Counters::add(&self.counters.answers_lost, count);
        }
        for acceptance in acceptances {
            self.ledger.accept(self.provider, acceptance, answer_lost);
            if let Some(teller) = &self.teller {
                teller.accepted(acceptance);
            }
        }
    }

    fn lose_answers(&self, acceptances: &[Acceptance]) {
        for acceptance in acceptances {
            self.ledger.lose_answer(acceptance);
        }
        // Whoever sees the count finds the ledger so, too.
        Counters::add(&self.counters.answers_lost, acceptances.len() as u64);
    }
}

/// Acceptances that the engine has not been told of yet. Dropped (the work on a request is dropped
/// when its client goes away), their answers are lost.
pub(crate) struct Unanswered {
    state: Arc<State>,
    acceptances: Vec<Acceptance>,
    since: Instant,
}

impl Unanswered {
    pub(crate) fn new(state: Arc<State>, acceptances: Vec<Acceptance>) -> Self {
        Self {
            state,
            acceptances,
            since: Instant::now(),
        }
    }

    /// The answer is on its way; too late for a client whose patience has ended, which may not have
    /// got round to saying so.
    pub(crate) fn answered(mut self, last: &LastAnswer) {
        let patience = self.state.patience;
        if patience.is_none_or(|patience| self.since.elapsed() < patience) {
            *locked(&last.0) = std::mem::take(&mut self.acceptances);
        }
    }
}

impl Drop for Unanswered {
    fn drop(&mut self) {
        self.state.lose_answers(&self.acceptances);
    }
}

/// What the last answer on a connection accepted. Whoever asks again has read it. A client that
/// closes with an answer unread resets the connection, for the system does that: it ran out of
/// patience, or died, in the very moment in which it was answered, and knows of nothing.
#[derive(Debug, Default)]
pub(crate) struct LastAnswer(Mutex<Vec<Acceptance>>);

impl LastAnswer {
    pub(crate) fn was_read(&self) {
        locked(&self.0).clear();
    }

    /// The client has reset the connection.
    pub(crate) fn was_lost(&self, state: &State) {
        state.lose_answers(&std::mem::take(&mut *locked(&self.0)));
    }
}

/// The fault as random bytes, when it is one.
pub(crate) fn garbage(fault: &Fault) -> Option<Vec<u8>> {
    let Fault::Garbage { bytes } = fault else {
        return None;
    };
    let mut garbage = vec![0; *bytes];
    rand::Rng::fill_bytes(&mut rand::rng(), &mut garbage);
    Some(garbage)
}
