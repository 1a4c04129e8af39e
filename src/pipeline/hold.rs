//! What a job holds: its claim, its permit, and through the in-flight table its receipts.

use std::fmt;
use std::sync::Arc;

use uuid::Uuid;

use super::in_flight::{InFlight, Registered};
use super::outbox::{Abandoned, Outbox};
use crate::broker::Receipt;
use crate::domain::{ContentHash, KeyHash, Lane, Notification};
use crate::runtime::Permit;
use crate::store::lease::RunId;
use crate::store::settle::{Committed, Origin};
use crate::store::takes::TakeId;
use crate::telemetry::Metrics;

/// The right to settle one notification. Redeemed by the recorder after its commit; dropped in any
/// other way, it gives back what it holds: the claim first, then the deliveries.
pub struct Hold {
    key: KeyHash,
    lane: Lane,
    id: Uuid,
    claim: Claimed,
    in_flight: InFlight,
    outbox: Outbox,
    metrics: Arc<Metrics>,
    permit: Option<Permit>,
    turn: Option<Turn>,
}

/// How much is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Claimed {
    /// Known to this process only.
    NotYet,
    /// In the database, by this run.
    In(Origin, RunId),
    /// Nothing any more.
    Redeemed,
}

/// Ends somebody's turn when dropped: the next message that must be worked alone may begin.
pub struct Turn(pub Box<dyn FnOnce() + Send + Sync>);

impl Drop for Turn {
    fn drop(&mut self) {
        std::mem::replace(&mut self.0, Box::new(|| {}))();
    }
}

impl fmt::Debug for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Turn")
    }
}

impl fmt::Debug for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hold")
            .field("id", &self.id)
            .field("claim", &self.claim)
            .finish_non_exhaustive()
    }
}

/// What every hold needs to give back what it holds.
#[derive(Clone)]
pub struct Holder {
    /// Where receipts are kept.
    pub in_flight: InFlight,
    /// Where claims are given back.
    pub outbox: Outbox,
    /// The in-flight gauge.
    pub metrics: Arc<Metrics>,
}

impl fmt::Debug for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Holder")
    }
}

impl Holder {
    /// Registers a delivery under its key, with a right to settle that is not claimed yet.
    ///
    /// # Errors
    /// The key is being worked on by this process.
    pub fn register(
        &self,
        key: KeyHash,
        content: ContentHash,
        lane: Lane,
        receipt: Receipt,
        permit: Permit,
        turn: Option<Turn>,
    ) -> Result<Hold, Known> {
        match self.in_flight.register(key, content, receipt) {
            Registered::First => {
                Ok(self.hold(key, lane, Uuid::nil(), Claimed::NotYet, permit, turn))
            }
            Registered::Joined => Err(Known::Joined),
            Registered::KeyReused(receipt) => Err(Known::KeyReused(receipt, permit)),
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
        turn: Option<Turn>,
    ) -> Option<Hold> {
        let (key, id) = (notification.key, notification.id);
        if !self.in_flight.hold_row(key, id) {
            return None;
        }
        let claim = Claimed::In(Origin::Database(take), take.run());
        Some(self.hold(key, notification.lane, id, claim, permit, turn))
    }

    fn hold(
        &self,
        key: KeyHash,
        lane: Lane,
        id: Uuid,
        claim: Claimed,
        permit: Permit,
        turn: Option<Turn>,
    ) -> Hold {
        self.metrics.in_flight(lane).increment(1);
        let Self {
            in_flight,
            outbox,
            metrics,
        } = self.clone();
        Hold {
            key,
            lane,
            id,
            claim,
            in_flight,
            outbox,
            metrics,
            permit: Some(permit),
            turn,
        }
    }
}

/// What a hold held.
#[derive(Debug)]
pub struct Redeemed {
    /// To be acknowledged.
    pub receipts: Vec<Receipt>,
    /// To be kept until then: an engine that stops closes its connection once all permits are free.
    pub permit: Option<Permit>,
}

/// Why a delivery is no job of its own.
#[derive(Debug)]
pub enum Known {
    /// It joined a job that is under way.
    Joined,
    /// Its key is that of a job that is under way, and it says something else.
    KeyReused(Receipt, Permit),
}

impl Hold {
    /// The claim is being made by this run, or is its own: from here on it is given back when this is
    /// dropped. To give back a claim that turns out to be another's does nothing.
    pub fn claimed(&mut self, id: Uuid, run: RunId) {
        self.id = id;
        self.claim = Claimed::In(Origin::Broker, run);
    }

    /// The run that claimed or took it; it may have been taken for dead since.
    #[must_use]
    pub const fn run(&self) -> Option<RunId> {
        match self.claim {
            Claimed::In(_, run) => Some(run),
            Claimed::NotYet | Claimed::Redeemed => None,
        }
    }

    /// Whether it is a suspect's, which is worked alone.
    #[must_use]
    pub const fn is_suspects(&self) -> bool {
        self.turn.is_some()
    }

    /// The key.
    #[must_use]
    pub const fn key(&self) -> KeyHash {
        self.key
    }

    /// Where the notification came from.
    #[must_use]
    pub const fn origin(&self) -> Origin {
        match self.claim {
            Claimed::In(origin, _) => origin,
            Claimed::NotYet | Claimed::Redeemed => Origin::Broker,
        }
    }

    /// The outcome is stored: hands out the receipts, to be acknowledged, and the permit.
    #[must_use]
    pub fn redeem(self, _: Committed) -> Redeemed {
        self.hand_out()
    }

    /// A row of another message says what became of this one: hands out the same, to be acknowledged
    /// once it is counted.
    #[must_use]
    pub fn redeem_duplicate(self) -> Redeemed {
        self.hand_out()
    }

    /// The message cannot be accepted: hands out the same, to be acknowledged once `herald.rejected`
    /// holds it. A claim of ours is to be released before.
    #[must_use]
    pub fn redeem_refused(self) -> Redeemed {
        self.hand_out()
    }

    fn hand_out(mut self) -> Redeemed {
        let origin = self.origin();
        self.claim = Claimed::Redeemed;
        let receipts = match origin {
            Origin::Broker => self.in_flight.remove(self.key),
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

impl Drop for Hold {
    fn drop(&mut self) {
        self.metrics.in_flight(self.lane).decrement(1);
        match self.claim {
            Claimed::Redeemed => {}
            // Dropping the receipts returns the deliveries.
            Claimed::NotYet => drop(self.in_flight.remove(self.key)),
            Claimed::In(origin, run) => self.outbox.abandon(Abandoned {
                run,
                key: self.key,
                id: self.id,
                origin,
                is_held: true,
            }),
        }
    }
}
