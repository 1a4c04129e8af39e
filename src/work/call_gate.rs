//! Whether a job may still be called off: until the first byte of a request for it.

use std::fmt;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};

use dashmap::DashMap;
use tokio::sync::Notify;
use uuid::Uuid;

use crate::domain::AttemptRecord;

/// It waits: for its turn, for a token, for the database.
const WAITING: u8 = 0;
/// A provider is asked, or has just been.
const CALLING: u8 = 1;
/// What became of it is decided, and being stored.
const DECIDED: u8 = 2;
/// It was called off: no provider is asked for it any more.
const CALLED_OFF: u8 = 3;

/// Stands between a job and the first byte of a request for it. Of a call and a calling off that come at once,
/// one is first, and the other is told.
#[derive(Debug, Default)]
pub struct CallGate {
    stage: AtomicU8,
    by: OnceLock<AttemptRecord>,
    /// Woken when it is called off.
    awaited: Notify,
}

impl CallGate {
    /// Leave to write the first byte; `false` once it was called off.
    pub fn pass(&self) -> bool {
        self.turn(WAITING, CALLING) || self.is(CALLING)
    }

    /// No request for it is under way any more, and nothing is decided.
    pub fn rest(&self) {
        self.turn(CALLING, WAITING);
    }

    /// What became of it is decided: it can be called off no more. Answers the line of whoever has called it
    /// off before.
    pub fn decide(&self) -> Option<AttemptRecord> {
        if self.turn(WAITING, DECIDED) || self.turn(CALLING, DECIDED) {
            return None;
        }
        self.by.get().filter(|_| self.is(CALLED_OFF)).cloned()
    }

    /// Calls it off, with a line for its timeline. Says whether it was in time.
    pub fn call_off(&self, line: AttemptRecord) -> bool {
        // Written first, so that whoever sees that it is called off finds it; the first counts.
        let is_first = self.by.set(line).is_ok();
        let is_in_time = is_first && self.turn(WAITING, CALLED_OFF);
        if is_in_time {
            self.awaited.notify_waiters();
        }
        is_in_time
    }

    /// Waits until it is called off: from then on, no byte is written.
    pub async fn called_off(&self) {
        loop {
            let mut awaited = std::pin::pin!(self.awaited.notified());
            awaited.as_mut().enable();
            if self.is_called_off() {
                return;
            }
            awaited.await;
        }
    }

    /// Whether it was called off.
    pub fn is_called_off(&self) -> bool {
        self.is(CALLED_OFF)
    }

    fn is(&self, stage: u8) -> bool {
        self.stage.load(Ordering::Acquire) == stage
    }

    fn turn(&self, from: u8, to: u8) -> bool {
        let (success, failure) = (Ordering::AcqRel, Ordering::Acquire);
        let turned = self.stage.compare_exchange(from, to, success, failure);
        turned.is_ok()
    }
}

/// The gates of all jobs of this process, by their notifications. Clones share them.
#[derive(Clone, Default)]
pub struct CallGates {
    gates: Arc<DashMap<Uuid, Arc<CallGate>>>,
    sweep: Arc<OnceLock<Sweep>>,
}

/// Has queues let go of what was called off.
type Sweep = Box<dyn Fn() + Send + Sync>;

impl fmt::Debug for CallGates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallGates")
            .field("gates", &self.gates.len())
            .finish_non_exhaustive()
    }
}

impl CallGates {
    /// The gate of a new job.
    #[must_use]
    pub fn open(&self, id: Uuid) -> Arc<CallGate> {
        let gate = Arc::<CallGate>::default();
        self.keep(id, &gate);
        gate
    }

    /// The gate is that of this notification.
    pub fn keep(&self, id: Uuid, gate: &Arc<CallGate>) {
        self.gates.insert(id, Arc::clone(gate));
    }

    /// A job is over.
    pub fn forget(&self, id: Uuid, gate: &Arc<CallGate>) {
        self.gates.remove_if(&id, |_, kept| Arc::ptr_eq(kept, gate));
    }

    /// Says how queues let go of what was called off; the first to say it counts.
    pub fn swept_by(&self, sweep: impl Fn() + Send + Sync + 'static) {
        // A second one would be a mistake of `app`; the first goes on.
        let _ = self.sweep.set(Box::new(sweep));
    }

    /// Calls off those of these that this process has in hand and for which no request has begun. What becomes
    /// of them is stored by their jobs.
    pub fn call_off(&self, ids: &[Uuid], line: &AttemptRecord) {
        let call_off = |id: &&Uuid| {
            let gate = self.gates.get(*id).map(|gate| Arc::clone(&gate));
            gate.is_some_and(|gate| gate.call_off(line.clone()))
        };
        if ids.iter().filter(call_off).count() > 0
            && let Some(sweep) = self.sweep.get()
        {
            sweep();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Step;

    fn line() -> AttemptRecord {
        let step = Step::Cancelled {
            by: "key".to_owned(),
            request_id: None,
        };
        AttemptRecord {
            at: jiff::Timestamp::UNIX_EPOCH,
            step,
        }
    }

    #[test]
    fn of_a_call_and_a_calling_off_one_is_first() {
        let gate = CallGate::default();
        assert!(gate.call_off(line()) && gate.is_called_off());
        assert!(!gate.pass(), "no byte is written");
        assert_eq!(gate.decide(), Some(line()));
        let gate = CallGate::default();
        assert!(gate.pass() && gate.pass(), "each address asks");
        assert!(!gate.call_off(line()), "a request has begun");
        assert_eq!(gate.decide(), None);
    }

    #[test]
    fn after_a_call_that_decided_nothing_it_may_be_called_off() {
        let gate = CallGate::default();
        assert!(gate.pass());
        gate.rest();
        assert!(gate.call_off(line()) && !gate.pass());
        gate.rest();
        assert!(gate.is_called_off());
    }

    #[test]
    fn what_is_decided_is_not_called_off() {
        let gate = CallGate::default();
        assert_eq!(gate.decide(), None);
        assert!(!gate.call_off(line()));
        assert_eq!(gate.decide(), None, "it is stored as it was decided");
    }

    #[test]
    fn gates_are_found_until_their_job_is_over() {
        let gates = CallGates::default();
        let (id, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let (gate, newer) = (gates.open(id), Arc::<CallGate>::default());
        gates.call_off(&[other, id], &line());
        assert!(gate.is_called_off());
        gates.keep(id, &newer);
        gates.forget(id, &gate);
        gates.call_off(&[id], &line());
        assert!(newer.is_called_off(), "the older one forgets only itself");
    }
}
