//! What is asked of the desk.

use uuid::Uuid;

use crate::tickets::domain::{NewComment, SupportTicket, TicketName, TicketStatus, TicketViewer};
use crate::tickets::policy::{NewTicket, TicketEdit};

/// A ticket that is to be made.
#[derive(Debug, Clone)]
pub struct TicketOrder {
    /// Whose desk.
    pub tenant_id: Uuid,
    /// What it says.
    pub ticket: NewTicket,
    /// Who makes it; `None`: they did not say.
    pub actor_id: Option<Uuid>,
}

/// A deed that is to be done to a ticket.
#[derive(Debug, Clone)]
pub struct TicketChange {
    /// Whose desk.
    pub tenant_id: Uuid,
    /// Which ticket.
    pub name: TicketName,
    /// Who does it, and what they may.
    pub viewer: TicketViewer,
    /// Whom a server names as who does it.
    pub actor_id: Option<Uuid>,
    /// The version of which they know.
    pub version: Option<i64>,
    /// What is to be done.
    pub deed: OrderedDeed,
}

/// What is to be done.
#[derive(Debug, Clone)]
pub enum OrderedDeed {
    /// Change what it says.
    Edit(Box<TicketEdit>),
    /// Give it to somebody, or to nobody.
    Assign(Option<Uuid>),
    /// Give it to whom its category says.
    AssignByCategory,
    /// Move it, with words on how it was resolved.
    Move(TicketStatus, Option<String>),
    /// Bring it to the next level, with the reason.
    Escalate(Option<String>),
    /// Write a comment.
    Comment {
        /// Who writes; `None` is whoever asks.
        author_id: Option<Uuid>,
        /// What they write.
        comment: String,
        /// Whether it is for staff alone.
        is_internal: bool,
        /// Whether a machine writes.
        is_automatic: bool,
    },
    /// Let another ticket go on with it.
    Merge(TicketName),
}

/// A ticket that was changed, with the comment that was written.
#[derive(Debug, Clone, PartialEq)]
pub struct ChangedTicket {
    /// The ticket as it is now.
    pub ticket: SupportTicket,
    /// The comment.
    pub comment: Option<NewComment>,
}
