//! What is known of a file while it is taken.

use uuid::Uuid;

use super::TicketDeskError;
use crate::store::PgConnection;
use crate::tickets::domain::TicketAttachment;
use crate::tickets::policy::HEAD_BYTES;
use crate::tickets::store::attachments;

/// A file whose object is written, if all goes well.
#[derive(Debug, Clone)]
pub(super) struct BegunFile {
    pub(super) id: Uuid,
    pub(super) object: String,
    pub(super) ticket_id: Uuid,
}

/// An object that is whole.
#[derive(Debug, Clone)]
pub(super) struct WholeFile {
    pub(super) begun: BegunFile,
    pub(super) content_type: String,
    pub(super) size: u64,
}

/// Writes the row of a file whose object is there.
pub(super) async fn keep(
    connection: &mut PgConnection,
    file: &TicketAttachment,
) -> Result<(), TicketDeskError> {
    if attachments::keep(connection, vec![file.object()]).await? == 0 {
        let why = "it took so long that what was begun was removed";
        return Err(TicketDeskError::NoStore(why.to_owned()));
    }
    attachments::insert(connection, file).await?;
    Ok(())
}

/// What is known of a file that is still coming.
#[derive(Debug, Default)]
pub(super) struct FileCheck {
    pub(super) size: u64,
    pub(super) head: Vec<u8>,
    pub(super) content_type: Option<String>,
}

impl FileCheck {
    pub(super) fn see(&mut self, bytes: &[u8]) {
        self.size = self.size.saturating_add(bytes.len() as u64);
        if self.content_type.is_none() {
            let room = HEAD_BYTES.saturating_sub(self.head.len());
            let begins = bytes.get(..room).unwrap_or(bytes);
            self.head.extend_from_slice(begins);
        }
    }
}
