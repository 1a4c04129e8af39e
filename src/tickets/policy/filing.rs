//! Files come and go.

use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

use super::deeds::Done;
use super::orders::DeedRefusal;
use crate::tickets::domain::{NewEntry, SupportTicket, TicketAttachment, TicketDeed};

/// Notes that a file was added. Not what it is called: a name may be somebody's, and history stays.
///
/// # Errors
/// Another ticket goes on with it.
pub fn attach(
    ticket: SupportTicket,
    file: &TicketAttachment,
    by: (Option<Uuid>, Timestamp),
) -> Result<Done, DeedRefusal> {
    of_file(TicketDeed::Attached, ticket, file, by)
}

/// Notes that a file was removed.
///
/// # Errors
/// Another ticket goes on with it.
pub fn detach(
    ticket: SupportTicket,
    file: &TicketAttachment,
    by: (Option<Uuid>, Timestamp),
) -> Result<Done, DeedRefusal> {
    of_file(TicketDeed::Detached, ticket, file, by)
}

fn of_file(
    deed: TicketDeed,
    ticket: SupportTicket,
    file: &TicketAttachment,
    by: (Option<Uuid>, Timestamp),
) -> Result<Done, DeedRefusal> {
    let mut done = Done::of(ticket, by.1)?;
    done.entries.push(file_entry(deed, file, by));
    Ok(done)
}

fn file_entry(
    deed: TicketDeed,
    file: &TicketAttachment,
    (actor_id, at): (Option<Uuid>, Timestamp),
) -> NewEntry {
    NewEntry::new(deed, actor_id, at)
        .with("attachment_id", file.id.to_string())
        .with("comment_id", json!(file.comment_id))
        .with("content_type", file.content_type.as_str())
        .with("size", file.size)
        .with("internal", file.is_internal)
}

impl Done {
    /// The same with files that came with it.
    #[must_use]
    pub fn with_files(mut self, files: &[TicketAttachment], by: (Option<Uuid>, Timestamp)) -> Self {
        let entries = files.iter();
        let entries = entries.map(|file| file_entry(TicketDeed::Attached, file, by));
        self.entries.extend(entries);
        self
    }
}
