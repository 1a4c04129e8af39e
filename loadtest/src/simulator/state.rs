//! What all connections of one simulator share.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use super::Provider;
use super::behaviour::{Behaviour, Call, Decision, Script};
use super::counters::{Counters, Records, Stats};
use super::fault::Fault;
use crate::ledger::{Acceptance, Ledger, locked};

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) provider: Provider,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) counters: Counters,
    pub(crate) records: Records,
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
    ) -> Self {
        Self {
            provider,
            ledger,
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
        let answer_lost = decision.fault.is_some();
        let count = acceptances.len() as u64;
        Counters::add(&self.counters.accepted, count);
        if answer_lost {
            Counters::add(&self.counters.answers_lost, count);
        }
        for acceptance in acceptances {
            self.ledger.accept(self.provider, acceptance, answer_lost);
        }
    }
}

/// Acceptances that the engine has not been told of yet. Dropped (hyper drops the work on a request
/// when its client goes away), their answers are lost.
pub(crate) struct Unanswered {
    state: Arc<State>,
    acceptances: Vec<Acceptance>,
}

impl Unanswered {
    pub(crate) fn new(state: Arc<State>, acceptances: Vec<Acceptance>) -> Self {
        Self { state, acceptances }
    }

    /// The answer is on its way.
    pub(crate) fn answered(mut self) {
        self.acceptances.clear();
    }
}

impl Drop for Unanswered {
    fn drop(&mut self) {
        let lost = self.acceptances.len() as u64;
        Counters::add(&self.state.counters.answers_lost, lost);
        for acceptance in &self.acceptances {
            self.state.ledger.lose_answer(acceptance);
        }
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
