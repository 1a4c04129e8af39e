//! What is asked of the desk.

use jiff::Timestamp;
use uuid::Uuid;

use super::{DeskActor, TicketCall};
use crate::tickets::domain::{
    NewComment, SupportTicket, TicketAttachment, TicketName, TicketStatus, TicketViewer,
};
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
    /// The key that the call named.
    pub call: Option<TicketCall>,
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
    /// By which key, where that is to be written down.
    pub by: Option<DeskActor>,
    /// The key that the call named.
    pub call: Option<TicketCall>,
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
    /// Take it away.
    Delete,
}

impl OrderedDeed {
    /// What the trail of changes calls it.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Edit(_) => "update",
            Self::Assign(_) | Self::AssignByCategory => "assign",
            Self::Move(..) => "move",
            Self::Escalate(_) => "escalate",
            Self::Comment {
                is_internal: true, ..
            } => "note",
            Self::Comment { .. } => "reply",
            Self::Merge(_) => "merge",
            Self::Delete => "delete",
        }
    }
}

/// A ticket that was changed, with the comment that was written.
#[derive(Debug, Clone, PartialEq)]
pub struct ChangedTicket {
    /// The ticket as it is now.
    pub ticket: SupportTicket,
    /// The comment.
    pub comment: Option<NewComment>,
    /// When it was written, if that was not now.
    pub written_at: Option<Timestamp>,
    /// Whether the same call was made before, and nothing was done now.
    pub is_replayed: bool,
}

/// A file that is to be added.
#[derive(Debug, Clone)]
pub struct AttachmentOrder {
    /// Whose desk.
    pub tenant_id: Uuid,
    /// To which ticket.
    pub name: TicketName,
    /// Who adds it, and what they may.
    pub viewer: TicketViewer,
    /// Whom a server names as who adds it.
    pub author_id: Option<Uuid>,
    /// The version of which they know.
    pub version: Option<i64>,
    /// The comment that it belongs to.
    pub comment_id: Option<Uuid>,
    /// Whether it is for staff alone, like its comment.
    pub is_internal: bool,
    /// What it is called.
    pub file_name: String,
    /// What it is said to be.
    pub declared: Option<String>,
    /// The key that was named: the same call again adds nothing.
    pub call: Option<TicketCall>,
}

/// A file that was added.
#[derive(Debug, Clone, PartialEq)]
pub struct AddedFile {
    /// The ticket as it is now.
    pub ticket: SupportTicket,
    /// The file.
    pub file: TicketAttachment,
    /// Whether the same call added it before.
    pub is_replayed: bool,
}
