//! What a stream tells, why it ends, and what is said of one that is to be opened.

use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use crate::domain::inbox::InboxCounts;
use crate::store::StoreError;
use crate::store::inbox::InboxEntry;

/// Something that a stream tells, with the person's sequence up to which it has told everything.
#[derive(Debug, Clone, PartialEq)]
pub enum StreamEvent {
    /// Something is new, or on top again.
    Item(Arc<InboxEntry>),
    /// Something has another state.
    State(Arc<InboxEntry>),
    /// How many there are.
    Counts(i64, InboxCounts),
    /// More has changed than is told: whoever shows it asks for it anew.
    Reset(i64),
}

/// Why a stream ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamEnd {
    /// The token's time is over.
    Expired,
    /// The key that signed the token was revoked.
    Revoked,
    /// The person is gone.
    Gone,
    /// It was read too slowly; everything up to this sequence is to be asked for anew.
    Behind(i64),
    /// The node stops.
    Stopping,
}

/// A stream that is to be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamOrder {
    /// The tenant.
    pub tenant_id: Uuid,
    /// The person.
    pub user_id: Uuid,
    /// The key that signed their token.
    pub key_id: Uuid,
    /// When their token ends.
    pub expires_at: Timestamp,
    /// The sequence up to which they were told before; `None` begins with what comes from now on.
    pub after: Option<i64>,
}

/// Why a stream was not opened.
#[derive(Debug, thiserror::Error)]
pub enum StreamRefusal {
    /// The person has as many as they may.
    #[error("the person has {0} streams open on this node, as many as they may: close one")]
    TooManyOfPerson(usize),
    /// The node has as many as it may.
    #[error("this node has as many streams open as it may: try again, or ask another node")]
    TooMany,
    /// The node stops.
    #[error("the node stops: ask another one")]
    Stopping,
    /// The database is out of reach.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What comes next.
#[derive(Debug, Clone, PartialEq)]
pub enum StreamStep {
    /// Something is told.
    Events(Vec<StreamEvent>),
    /// Nothing has happened for a while.
    Beat,
    /// Nothing more comes.
    End(StreamEnd),
}
