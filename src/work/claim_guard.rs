//! What a job holds: its claim, its permit, and through the in-flight table its receipts.

use std::fmt;
use std::sync::Arc;

use scopeguard::ScopeGuard;
use tokio::time::Instant;
use uuid::Uuid;

use super::call_back_slot::CallBackSlot;
use super::call_gate::{CallGate, CallGates};
use super::release_queue::{Abandoned, ReleaseQueue};
use crate::broker::Receipt;
use crate::broker::receipt::Proven;
use crate::domain::{ContentHash, KeyHash, Lane, Notification, Proof};
use crate::machine::Guard;
use crate::runtime::{Permit, clock};
use crate::store::lease::RunId;
use crate::store::settle::Origin;
use crate::store::takes::TakeId;
use crate::telemetry::Metrics;
use crate::work::in_flight::{InFlight, Registered};

/// The right to settle one notification. Redeemed for a proof that somebody else answers for it; dropped
/// in any other way, it gives back what it holds: the claim first, then the deliveries.
///
/// Its take may not be in the database yet, or be another's by then: to give it back does nothing then.
pub struct ClaimGuard {
    key: KeyHash,
    lane: Lane,
    id: Uuid,
    origin: Origin,
    is_redeemed: bool,
    gate: Arc<CallGate>,
    in_flight: InFlight,
    release_queue: ReleaseQueue,
    gates: CallGates,
    metrics: Arc<Metrics>,
    permit: Option<Permit>,
    solo: Option<SoloGuard>,
    /// Its place at the account for which it waited, if it was called back.
    pub place: Option<CallBackSlot>,
    is_schedulers: bool,
    /// When this node took it on.
    pub arrived: Instant,
}

/// Ends somebody's turn when dropped: the next message that must be worked alone may begin.
pub type SoloGuard = ScopeGuard<(), Box<dyn FnOnce(()) + Send + Sync>>;

/// The turn that `ended` ends.
pub fn solo_guard(ended: impl FnOnce() + Send + Sync + 'static) -> SoloGuard {
    scopeguard::guard((), Box::new(move |()| ended()))
}

impl fmt::Debug for ClaimGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClaimGuard")
            .field("id", &self.id)
            .field("origin", &self.origin)
            .finish_non_exhaustive()
    }
}

/// What every claim guard needs to give back what it holds.
#[derive(Clone)]
pub struct ClaimGuards {
    /// Where receipts are kept.
    pub in_flight: InFlight,
    /// Where claims are given back.
    pub release_queue: ReleaseQueue,
    /// By which jobs are called off.
    pub gates: CallGates,
    /// The in-flight gauge.
    pub metrics: Arc<Metrics>,
}

impl fmt::Debug for ClaimGuards {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClaimGuards")
    }
}

/// A message that is about to be claimed.
#[derive(Debug, Clone, Copy)]
pub struct Claiming {
    /// Its key.
    pub key: KeyHash,
    /// What it says.
    pub content: ContentHash,
    /// Its lane.
    pub lane: Lane,
    /// The take under which it is claimed.
    pub take: TakeId,
    /// The id that it gets if it is new.
    pub id: Uuid,
}

impl ClaimGuards {
    /// Registers a delivery under its key, before it is claimed: from here on the claim may stand,
    /// whatever becomes of us.
    ///
    /// # Errors
    /// The key is being worked on by this process.
    pub fn register(
        &self,
        claiming: Claiming,
        receipt: Receipt,
        permit: Permit,
        solo: Option<SoloGuard>,
    ) -> Result<ClaimGuard, NotFirst> {
        let Claiming {
            key,
            content,
            lane,
            take,
            id,
        } = claiming;
        match self.in_flight.register(key, content, receipt) {
            Registered::First => Ok(self.guard(key, lane, id, Origin::Broker(take), permit, solo)),
            Registered::Joined => Err(NotFirst::Joined),
            Registered::Behind(receipt) => Err(NotFirst::Behind(receipt, permit)),
        }
    }

    /// The right to settle a notification that the scheduler took from the database. `None` when
    /// this process holds it already: its outcome is being stored.
    #[must_use]
    pub fn taken(
        &self,
        notification: &Notification,
        take: TakeId,
        permit: Permit,
        solo: Option<SoloGuard>,
    ) -> Option<ClaimGuard> {
        let (key, id) = (notification.key, notification.id);
        if !self.in_flight.hold_row(key, id) {
            return None;
        }
        let origin = Origin::Database(take);
        let mut guard = self.guard(key, notification.lane, id, origin, permit, solo);
        guard.is_schedulers = true;
        Some(guard)
    }

    /// The right to settle a notification whose row was stored just now, for this run to work on.
    #[must_use]
    pub fn accepted(
        &self,
        notification: &Notification,
        take: TakeId,
        permit: Permit,
        arrived: Instant,
    ) -> ClaimGuard {
        let (key, id) = (notification.key, notification.id);
        self.in_flight.hold_new_row(id);
        let origin = Origin::Database(take);
        let mut guard = self.guard(key, notification.lane, id, origin, permit, None);
        guard.arrived = arrived;
        guard
    }

    fn guard(
        &self,
        key: KeyHash,
        lane: Lane,
        id: Uuid,
        origin: Origin,
        permit: Permit,
        solo: Option<SoloGuard>,
    ) -> ClaimGuard {
        self.metrics.in_flight(lane).increment(1);
        let Self {
            in_flight,
            release_queue,
            gates,
            metrics,
        } = self.clone();
        ClaimGuard {
            key,
            lane,
            id,
            origin,
            is_redeemed: false,
            gate: gates.open(id),
            in_flight,
            release_queue,
            gates,
            metrics,
            permit: Some(permit),
            solo,
            place: None,
            is_schedulers: false,
            arrived: clock::instant(),
        }
    }
}

/// What a claim guard held.
#[derive(Debug)]
pub struct Redeemed<R> {
    /// Those of the deliveries.
    pub receipts: Vec<R>,
    /// To be kept until they are acknowledged: an engine that stops closes its connection once all
    /// permits are free.
    pub permit: Option<Permit>,
}

/// Why a delivery is no job of its own.
#[derive(Debug)]
pub enum NotFirst {
    /// It joined a job that is under way.
    Joined,
    /// Its key is that of a job that is under way, and it says something else: it may stand behind that.
    Behind(Receipt, Permit),
}

impl Guard for ClaimGuard {
    fn origin(&self) -> Origin {
        self.origin
    }

    fn is_alone(&self) -> bool {
        self.solo.is_some()
    }

    fn is_called_off(&self) -> bool {
        self.gate.is_called_off()
    }

    fn has_place(&self) -> bool {
        self.place.is_some()
    }

    fn leave_place(&mut self) {
        self.place = None;
    }
}

impl ClaimGuard {
    /// The claim is that of this notification, and held under this take.
    pub fn taken_over(&mut self, id: Uuid, take: TakeId) {
        self.gates.forget(self.id, &self.gate);
        self.gates.keep(id, &self.gate);
        self.id = id;
        self.origin = Origin::Broker(take);
    }

    /// The run that claimed or took it; it may have been taken for dead since.
    #[must_use]
    pub fn run(&self) -> RunId {
        self.origin.take().run()
    }

    /// Stands between it and the first byte of a request.
    #[must_use]
    pub const fn gate(&self) -> &Arc<CallGate> {
        &self.gate
    }

    /// Whether the scheduler took it: its permit is one of the scheduler's.
    #[must_use]
    pub const fn is_schedulers(&self) -> bool {
        self.is_schedulers
    }

    /// The key.
    #[must_use]
    pub const fn key(&self) -> KeyHash {
        self.key
    }

    /// The notification.
    #[must_use]
    pub const fn id(&self) -> Uuid {
        self.id
    }

    /// Somebody else answers for the message: hands out the receipts, to be acknowledged, and the
    /// permit.
    #[must_use]
    pub fn redeem(self, proof: &impl Proof) -> Redeemed<Proven> {
        let Redeemed { receipts, permit } = self.let_go();
        let receipts = receipts.into_iter().map(|receipt| receipt.proven(proof));
        Redeemed {
            receipts: receipts.collect(),
            permit,
        }
    }

    /// Hands out the same without a proof: who gets them finds one, or lets the deliveries return. A
    /// claim of ours is to be released before.
    #[must_use]
    pub fn let_go(mut self) -> Redeemed<Receipt> {
        self.is_redeemed = true;
        let receipts = match self.origin {
            Origin::Broker(_) => self.in_flight.remove(self.key),
            Origin::Database(_) => {
                self.in_flight.let_row_go(self.id);
                vec![]
            }
        };
        Redeemed {
            receipts,
            permit: self.permit.take(),
        }
    }
}

impl Drop for ClaimGuard {
    fn drop(&mut self) {
        self.metrics.in_flight(self.lane).decrement(1);
        self.gates.forget(self.id, &self.gate);
        if !self.is_redeemed {
            let abandoned = Abandoned::job(self.key, self.id, self.origin);
            self.release_queue.abandon(abandoned);
        }
    }
}
