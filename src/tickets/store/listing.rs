//! Lists of tickets, the newest first.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::row::TicketRow;
use super::schema::ticket_schema::support_tickets;
use crate::store::statement::statement;
use crate::store::{PgConnection, StoreError};
use crate::tickets::domain::{SupportTicket, TicketFilter, TicketViewer};

statement!(
    CategoriesOf(tenant: Uuid => SqlUuid, staff: Uuid => SqlUuid) -> Text =
    "SELECT c.name FROM category_assignments a JOIN ticket_categories c ON c.id = a.category_id
     WHERE a.tenant_id = ? AND a.staff_id = ?"
);

/// Why somebody sees a ticket.
#[derive(Debug, Clone)]
enum SeenBecause {
    /// It is of the tenant.
    Tenant,
    /// They asked.
    Asked(Uuid),
    /// It is theirs.
    Assigned(Uuid),
    /// It is of this category.
    Category(String),
}

/// The names of the categories of somebody of the staff.
async fn categories_of(
    connection: &mut PgConnection,
    tenant: Uuid,
    staff: Uuid,
) -> Result<Vec<String>, StoreError> {
    Ok(CategoriesOf { tenant, staff }.load(connection).await?)
}

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
    let because = match viewer {
        TicketViewer::Tenant | TicketViewer::Lead(_) => vec![SeenBecause::Tenant],
        TicketViewer::Requester(id) => vec![SeenBecause::Asked(id)],
        TicketViewer::Agent(id) => {
            let names = categories_of(connection, tenant_id, id).await?;
            let own = [SeenBecause::Asked(id), SeenBecause::Assigned(id)];
            let of_categories = names.into_iter().map(SeenBecause::Category);
            own.into_iter().chain(of_categories).collect()
        }
    };
    // Each has an index of its own; all of them in one condition have none.
    let mut found = vec![];
    for because in because {
        let rows = part(connection, tenant_id, because, filter, (before, most)).await?;
        found.extend(rows);
    }
    found.sort_unstable_by_key(|row| std::cmp::Reverse(row.id));
    found.dedup_by_key(|row| row.id);
    found.truncate(most);
    found.into_iter().map(SupportTicket::try_from).collect()
}

async fn part(
    connection: &mut PgConnection,
    tenant_id: Uuid,
    because: SeenBecause,
    filter: &TicketFilter,
    (before, most): (Option<Uuid>, usize),
) -> Result<Vec<TicketRow>, StoreError> {
    use support_tickets as t;
    let mut query = t::table
        .select(TicketRow::as_select())
        .filter(t::tenant_id.eq(tenant_id))
        .filter(t::deleted_at.is_null())
        .into_boxed();
    match because {
        SeenBecause::Tenant => {}
        SeenBecause::Asked(id) => query = query.filter(t::requester_id.eq(id)),
        SeenBecause::Assigned(id) => query = query.filter(t::assignee_id.eq(id)),
        SeenBecause::Category(name) => query = query.filter(t::category.eq(name)),
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
    Ok(rows)
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
    Ok(match viewer {
        TicketViewer::Tenant | TicketViewer::Lead(_) => true,
        TicketViewer::Requester(id) => ticket.requester_id == id,
        TicketViewer::Agent(id) if ticket.requester_id == id => true,
        TicketViewer::Agent(id) if ticket.assignee_id == Some(id) => true,
        TicketViewer::Agent(id) => {
            let names = categories_of(connection, ticket.tenant_id, id).await?;
            ticket
                .category
                .as_ref()
                .is_some_and(|it| names.contains(it))
        }
    })
}
