//! A file that belongs to a ticket.

use jiff::Timestamp;
use uuid::Uuid;

/// A file that belongs to a ticket. Its object is whole before anybody knows of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketAttachment {
    /// Its id.
    pub id: Uuid,
    /// Whose desk.
    pub tenant_id: Uuid,
    /// Of which ticket.
    pub ticket_id: Uuid,
    /// The comment that it came with.
    pub comment_id: Option<Uuid>,
    /// Who added it.
    pub author_id: Uuid,
    /// A name that no system takes for anything but a name.
    pub name: String,
    /// What its first bytes say that it is, as far as they say anything.
    pub content_type: String,
    /// In bytes.
    pub size: i64,
    /// Whether it is for staff alone.
    pub is_internal: bool,
    /// When it was added.
    pub created_at: Timestamp,
}

impl TicketAttachment {
    /// The name of its object.
    #[must_use]
    pub fn object(&self) -> String {
        object_name(self.tenant_id, self.ticket_id, self.id)
    }
}

/// The name of an attachment's object: ids alone, so that a store tells nothing of people.
#[must_use]
pub fn object_name(tenant_id: Uuid, ticket_id: Uuid, id: Uuid) -> String {
    format!("{tenant_id}/{ticket_id}/{id}")
}

/// What may be attached.
#[derive(Debug, Clone)]
pub struct AttachmentRules {
    /// Most bytes of a file.
    pub max_bytes: u64,
    /// Most files of a ticket.
    pub max_count: u32,
    /// Media types that are taken.
    pub allowed_types: Vec<String>,
}

/// Why a file is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileRefusal {
    /// There is nothing in it.
    #[error("the file is empty")]
    Empty,
    /// It has more bytes than this.
    #[error("the file has more than {0} bytes")]
    TooLarge(u64),
    /// The ticket has so many already.
    #[error("a ticket has at most {0} attachments")]
    TooMany(u32),
    /// Files of this type are not taken.
    #[error("files of the type {0} are not taken")]
    NotAllowed(String),
    /// It is something else than it is said to be.
    #[error("the file is said to be {declared}, and is none")]
    Mismatch {
        /// What it is said to be.
        declared: String,
    },
    /// It broke off.
    #[error("the file broke off")]
    BrokenOff,
}
