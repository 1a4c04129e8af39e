//! The ledger of what providers were asked and took.

use std::sync::Arc;
use std::time::Duration;

use herald::domain::{Recipient, Reply, Target};
use herald::machine::account::CallPermit;
use jiff::Timestamp;

use crate::run::Run;

/// A line of the ledger.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) number: usize,
    pub(crate) target: Target,
    pub(crate) account: usize,
    pub(crate) run: Run,
    pub(crate) at: Duration,
    pub(crate) clock: Timestamp,
    pub(crate) answers_at: Duration,
    /// The person as the engine knew them.
    pub(crate) recipient: Arc<Recipient>,
    /// What the engine is told.
    pub(crate) reply: Reply,
    /// What became of the message.
    pub(crate) took: Took,
    /// What the engine knows for good.
    pub(crate) known: Known,
    pub(crate) worker: u64,
    pub(crate) slot: usize,
    pub(crate) permit: CallPermit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Took {
    /// Will be taken in a moment.
    Soon,
    Yes,
    No,
}

/// Whether what was answered has reached the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    UnderWay,
    Committed,
    /// The node died before.
    Lost,
}
