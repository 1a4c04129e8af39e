//! Lists of tickets, the newest first.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::row::TicketRow;
use super::schema::ticket_schema::support_tickets;
use crate::store::{PgConnection, StoreError};
use crate::tickets::domain::{SupportTicket, TicketFilter, TicketViewer};

/// What an agent sees, as a condition on `support_tickets`.
const OF_AGENT: &str = "(ticket_schema.support_tickets.category IN (
    SELECT c.name FROM ticket_categories c JOIN category_assignments a ON a.category_id = c.id
    WHERE c.tenant_id = ticket_schema.support_tickets.tenant_id AND a.staff_id = ";

/// At most so many tickets of a tenant that somebody may see, by falling id, that come behind another one.
///
/// # Errors
/// The database is out of reach.
pub async fn page(
    connection: &mut PgConnection,
    (tenant_id, viewer): (Uuid, TicketViewer),
    filter: &TicketFilter,
    before: Option<Uuid>,
    most: usize,
) -> Result<Vec<SupportTicket>, StoreError> {
    use support_tickets as t;
    let mut query = t::table
        .select(TicketRow::as_select())
        .filter(t::tenant_id.eq(tenant_id))
        .filter(t::deleted_at.is_null())
        .into_boxed();
    match viewer {
        TicketViewer::Tenant | TicketViewer::Lead(_) => {}
        TicketViewer::Requester(id) => query = query.filter(t::requester_id.eq(id)),
        TicketViewer::Agent(id) => {
            let of_categories = sql::<Bool>(OF_AGENT).bind::<SqlUuid, _>(id).sql("))");
            let own = t::assignee_id
                .is_not_distinct_from(Some(id))
                .or(t::requester_id.eq(id));
            query = query.filter(own.or(of_categories));
        }
    }
    if let Some(status) = filter.status {
        query = query.filter(t::status.eq(status.as_str()));
    }
    if let Some(priority) = filter.priority {
        query = query.filter(t::priority.eq(priority.as_str()));
    }
    match filter.assignee_id {
        Some(Some(id)) => query = query.filter(t::assignee_id.eq(id)),
        Some(None) => query = query.filter(t::assignee_id.is_null()),
        None => {}
    }
    if let Some(id) = filter.requester_id {
        query = query.filter(t::requester_id.eq(id));
    }
    if let Some(category) = &filter.category {
        query = query.filter(t::category.eq(category));
    }
    match filter.overdue {
        Some(true) => query = query.filter(t::is_overdue),
        Some(false) => query = query.filter(diesel::dsl::not(t::is_overdue)),
        None => {}
    }
    if let Some(text) = &filter.text {
        let words = sql::<Bool>("search @@ websearch_to_tsquery('simple', ")
            .bind::<Text, _>(text)
            .sql(")");
        query = query.filter(words);
    }
    if let Some(before) = before {
        query = query.filter(t::id.lt(before));
    }
    let rows = query
        .order(t::id.desc())
        .limit(i64::try_from(most).unwrap_or(i64::MAX))
        .load(connection)
        .await?;
    rows.into_iter().map(SupportTicket::try_from).collect()
}

/// Whether somebody may see a ticket.
///
/// # Errors
/// The database is out of reach.
pub async fn may_see(
    connection: &mut PgConnection,
    viewer: TicketViewer,
    ticket: &SupportTicket,
) -> Result<bool, StoreError> {
    use support_tickets as t;
    Ok(match viewer {
        TicketViewer::Tenant | TicketViewer::Lead(_) => true,
        TicketViewer::Requester(id) => ticket.requester_id == id,
        TicketViewer::Agent(id) if ticket.requester_id == id => true,
        TicketViewer::Agent(id) if ticket.assignee_id == Some(id) => true,
        TicketViewer::Agent(id) => {
            let of_categories = sql::<Bool>(OF_AGENT).bind::<SqlUuid, _>(id).sql("))");
            let found = t::table.filter(t::id.eq(ticket.id)).filter(of_categories);
            diesel::select(diesel::dsl::exists(found))
                .get_result(connection)
                .await?
        }
    })
}
