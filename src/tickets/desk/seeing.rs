//! What all work on tickets begins with: the moment, who may be given a ticket, and the ticket if it may be seen.

use jiff::Timestamp;
use uuid::Uuid;

use super::TicketDeskError;
use crate::runtime::clock;
use crate::store::PgConnection;
use crate::tickets::domain::{CategoryStaff, SupportTicket, TicketName, TicketViewer};
use crate::tickets::store::{listing, staff, tickets};

/// A moment as the database keeps it.
pub(super) fn now() -> Timestamp {
    let now = clock::now();
    Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
}

/// Who may be given tickets of a category.
pub(super) async fn staff_of(
    connection: &mut PgConnection,
    tenant_id: Uuid,
    category: Option<&str>,
) -> Result<Vec<CategoryStaff>, TicketDeskError> {
    match category {
        Some(category) => Ok(staff::of_category(connection, tenant_id, category).await?),
        None => Ok(vec![]),
    }
}

/// A ticket, if they may see it.
pub(super) async fn seen(
    connection: &mut PgConnection,
    (tenant_id, viewer): (Uuid, TicketViewer),
    name: TicketName,
) -> Result<SupportTicket, TicketDeskError> {
    let missing = TicketDeskError::NotFound("ticket");
    let found = tickets::find(connection, tenant_id, name).await?;
    let ticket = found.ok_or_else(|| missing.clone())?;
    match listing::may_see(connection, viewer, &ticket).await? {
        true => Ok(ticket),
        false => Err(missing),
    }
}
