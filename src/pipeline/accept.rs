//! Accepting by HTTP: what is answered with 202 is committed.
//!
//! Calls that come at the same time share a statement, which stores key and row of each. A row for which there is
//! a permit is held by this run from the beginning, and goes straight on as a job; any other is simply due, and
//! the scheduler's. So accepting never waits for a provider, and a node that dies loses nothing: the row is there.

mod adopted;
mod gather;
mod keys;
mod look;
mod store;
mod unheld;
mod wait;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use actix::Addr;
use tokio::time::Instant;
use uuid::Uuid;

use self::gather::{ANSWERED_WITHIN, Gatherer};
use super::scheduler::Scheduler;
use crate::broker::Refusal;
use crate::broker::envelope::Envelope;
use crate::delivery::NodeContext;
use crate::runtime::clock;
use crate::store::StoreError;
use crate::store::takes::Takes;
use crate::work::{Dispatchers, LanePermits};

/// What accepting needs.
pub struct AcceptContext {
    /// What the node shares.
    pub node: Arc<NodeContext>,
    /// Numbers takes of rows, wherever in this process they are made.
    pub takes: Arc<Takes>,
    /// Permits by lane: those of messages that arrive.
    pub permits: LanePermits,
    /// Where jobs go.
    pub dispatchers: Dispatchers,
    /// Woken for what is due and not ours.
    pub scheduler: Addr<Scheduler>,
    /// How long a key is remembered.
    pub window: Duration,
}

/// A notification that somebody asks to accept.
#[derive(Debug)]
pub struct AcceptOrder {
    /// The message.
    pub envelope: Envelope,
    /// The number of the call's request.
    pub request_id: Option<Uuid>,
    /// When the call came.
    pub arrived: Instant,
    /// The size of the message's text, in bytes.
    pub bytes: usize,
}

/// A notification that is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AcceptedNotification {
    /// Its id; of a repetition that of the first.
    pub id: Uuid,
    /// Whether an earlier one with its key and content was accepted, and this is not another one.
    pub is_replayed: bool,
}

/// Why a notification is not accepted. Nothing of it is stored, but where the database says that it cannot tell.
#[derive(Debug, Clone, thiserror::Error)]
pub enum NotAccepted {
    /// It cannot be.
    #[error("{}: {}", .0.reason, .0.detail)]
    Refused(Refusal),
    /// Its tenant does not exist.
    #[error("there is no such tenant")]
    NoTenant,
    /// A message with its key is being worked on that is not stored yet.
    #[error("a message with this key is being worked on")]
    KeyInProgress,
    /// More wait than there is room for.
    #[error("too many notifications wait to be accepted")]
    Overloaded,
    /// The database does not answer, or not in time.
    #[error("{0}")]
    Unavailable(String),
    /// The engine is not there yet, or stops.
    #[error("the engine takes on no work at present")]
    Closed,
    /// This node does not run the engine.
    #[error("this node does not run the engine")]
    NoEngine,
}

impl From<&StoreError> for NotAccepted {
    fn from(error: &StoreError) -> Self {
        Self::Unavailable(error.without_data())
    }
}

/// The answer to one order.
pub type AcceptAnswer = Result<AcceptedNotification, NotAccepted>;

/// Accepts notifications, as long as the engine runs.
pub struct Acceptor {
    context: AcceptContext,
    gatherer: Gatherer,
}

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acceptor")
            .field("gatherer", &self.gatherer)
            .finish_non_exhaustive()
    }
}

impl Acceptor {
    /// One that stores batches of at most `batch`, smaller ones after `linger`. It works once it runs.
    #[must_use]
    pub fn new(context: AcceptContext, batch: usize, linger: Duration) -> Arc<Self> {
        let gatherer = Gatherer::new(batch, linger);
        Arc::new(Self { context, gatherer })
    }

    /// Accepts orders, each on its own, and answers in their order. Of two with the same key the first comes first.
    pub async fn accept(&self, orders: Vec<AcceptOrder>) -> Vec<AcceptAnswer> {
        let until = clock::instant() + ANSWERED_WITHIN;
        let ask = async |round| self.gatherer.ask(round, until).await;
        keys::one_at_a_time(orders, until, ask).await
    }

    /// Whether there is no room for another order.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.gatherer.is_full()
    }
}
