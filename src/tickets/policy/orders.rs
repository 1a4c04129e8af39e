//! What is asked of the policy, and why it refuses.

use serde_json::{Map, Value};
use uuid::Uuid;

use crate::tickets::domain::{TicketPriority, TicketStatus};

/// Why a deed cannot be done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeedRefusal {
    /// The status does not follow the one that it has.
    #[error("a ticket that is {from} cannot become {to}; it may become: {}", .from.following())]
    NoMove {
        /// Where it stands.
        from: TicketStatus,
        /// Where it was to go.
        to: TicketStatus,
    },
    /// Another ticket goes on with it.
    #[error("this ticket was merged into another one: go on there")]
    Merged,
    /// It would go on with itself, or with one that is over or itself was merged.
    #[error(
        "a ticket is merged into another one of the same requester that is not over, and was not merged itself"
    )]
    MergeTarget,
    /// What is over is not brought up.
    #[error("the ticket is {0}: open it again first")]
    Over(TicketStatus),
    /// It cannot be brought further up.
    #[error("the ticket is at the highest level, 3")]
    HighestLevel,
}

/// A ticket that is to be made.
#[derive(Debug, Clone, PartialEq)]
pub struct NewTicket {
    /// In a line.
    pub subject: String,
    /// In full.
    pub description: String,
    /// How soon it must be worked on.
    pub priority: TicketPriority,
    /// What it is about.
    pub category: Option<String>,
    /// Who asked.
    pub requester_id: Uuid,
    /// Who wants to be told of it.
    pub followers: Vec<Uuid>,
    /// Where it is about.
    pub location: Option<String>,
    /// What other systems say of it.
    pub metadata: Map<String, Value>,
}

/// What is to be changed; `None` stays as it is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TicketEdit {
    /// In a line.
    pub subject: Option<String>,
    /// In full.
    pub description: Option<String>,
    /// How soon it must be worked on.
    pub priority: Option<TicketPriority>,
    /// What it is about.
    pub category: Option<Option<String>>,
    /// Who wants to be told of it.
    pub followers: Option<Vec<Uuid>>,
    /// Where it is about.
    pub location: Option<Option<String>>,
    /// What other systems say of it.
    pub metadata: Option<Map<String, Value>>,
}
