//! Calls that named a key: what was done under it is done once.

use uuid::Uuid;

use super::seeing::seen;
use super::{AddedFile, ChangedTicket, TicketCall, TicketDeskError};
use crate::store::PgConnection;
use crate::tickets::domain::{SupportTicket, TicketName, TicketViewer};
use crate::tickets::store::calls::{CallDone, FormerCall};
use crate::tickets::store::{attachments, calls, comments};

/// Takes the key of a call, if it named one; or says what the same call did before, as it is now.
pub(super) async fn begin(
    connection: &mut PgConnection,
    of: (Uuid, TicketViewer),
    call: Option<&TicketCall>,
) -> Result<Option<ChangedTicket>, TicketDeskError> {
    let Some((former, ticket)) = former(connection, of, call).await? else {
        return Ok(None);
    };
    let comment = match former.comment_id {
        Some(id) => comments::find(connection, of.0, id).await?,
        None => None,
    };
    Ok(Some(ChangedTicket {
        ticket,
        written_at: comment.as_ref().map(|stored| stored.at),
        comment: comment.map(|stored| stored.comment),
        is_replayed: true,
    }))
}

/// As [`begin`], of a call that adds a file.
pub(super) async fn begin_file(
    connection: &mut PgConnection,
    of: (Uuid, TicketViewer),
    call: Option<&TicketCall>,
) -> Result<Option<AddedFile>, TicketDeskError> {
    let Some((former, ticket)) = former(connection, of, call).await? else {
        return Ok(None);
    };
    let id = former.attachment_id.unwrap_or_default();
    let file = attachments::find(connection, of.0, id).await?;
    // It may have been removed since.
    let file = file.ok_or(TicketDeskError::NotFound("attachment"))?;
    Ok(Some(AddedFile {
        ticket,
        file,
        is_replayed: true,
    }))
}

/// Whether a file was added under the key of a call before, as far as that can be seen before the file has come.
pub(super) async fn is_known(
    connection: &mut PgConnection,
    tenant_id: Uuid,
    call: Option<&TicketCall>,
) -> Result<bool, TicketDeskError> {
    let Some(call) = call else { return Ok(false) };
    match calls::former(connection, tenant_id, call).await? {
        Some(former) if former.content.starts_with(&call.content) => Ok(true),
        Some(_) => Err(TicketDeskError::KeyReused),
        None => Ok(false),
    }
}

/// Takes the key of a call, if it named one; or says what the same call did before.
async fn former(
    connection: &mut PgConnection,
    of: (Uuid, TicketViewer),
    call: Option<&TicketCall>,
) -> Result<Option<(FormerCall, SupportTicket)>, TicketDeskError> {
    let Some(call) = call else {
        return Ok(None);
    };
    let Some(former) = calls::begin(connection, of.0, call).await? else {
        return Ok(None);
    };
    if former.content != call.content {
        return Err(TicketDeskError::KeyReused);
    }
    let id = former.ticket_id.unwrap_or_default();
    let ticket = seen(connection, of, TicketName::Id(id)).await?;
    Ok(Some((former, ticket)))
}

/// Notes what a call did, if it named a key.
pub(super) async fn end(
    connection: &mut PgConnection,
    tenant_id: Uuid,
    call: Option<&TicketCall>,
    done: CallDone,
) -> Result<(), TicketDeskError> {
    if let Some(call) = call {
        calls::end(connection, tenant_id, call, done).await?;
    }
    Ok(())
}

impl From<&ChangedTicket> for CallDone {
    fn from(changed: &ChangedTicket) -> Self {
        Self {
            ticket: changed.ticket.id,
            comment: changed.comment.as_ref().map(|comment| comment.id),
            attachment: None,
        }
    }
}

impl From<&AddedFile> for CallDone {
    fn from(added: &AddedFile) -> Self {
        Self {
            ticket: added.ticket.id,
            comment: None,
            attachment: Some(added.file.id),
        }
    }
}
