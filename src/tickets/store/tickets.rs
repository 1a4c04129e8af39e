//! Tickets: found, held while they are changed, and written.

use diesel::prelude::*;
use diesel::sql_types::{Int8, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::row::{TicketMoved, TicketRow};
use super::schema::ticket_schema::support_tickets;
use crate::store::statement::statement;
use crate::store::time::to_database;
use crate::store::{PgConnection, StoreError};
use crate::tickets::domain::{SupportTicket, TicketName};

// Who takes a number holds the row until the commit: one that is not used comes again.
statement!(
    TakeNumber(tenant: Uuid => SqlUuid) -> Int8 =
    "INSERT INTO ticket_numbers AS n (tenant_id, last_number) VALUES (?, 1)
     ON CONFLICT (tenant_id) DO UPDATE SET last_number = n.last_number + 1
     RETURNING last_number"
);

/// The next number of a tenant's tickets.
///
/// # Errors
/// The database is out of reach.
pub async fn next_number(connection: &mut PgConnection, tenant: Uuid) -> Result<i64, StoreError> {
    Ok(TakeNumber { tenant }.get_result(connection).await?)
}

/// A ticket of a tenant.
///
/// # Errors
/// The database is out of reach.
pub async fn find(
    connection: &mut PgConnection,
    tenant_id: Uuid,
    name: TicketName,
) -> Result<Option<SupportTicket>, StoreError> {
    use support_tickets as t;
    let all = t::table
        .select(TicketRow::as_select())
        .filter(t::tenant_id.eq(tenant_id))
        .filter(t::deleted_at.is_null());
    let row = match name {
        TicketName::Id(id) => all.filter(t::id.eq(id)).first(connection).await,
        TicketName::Number(number) => all.filter(t::number.eq(number)).first(connection).await,
    };
    row.optional()?.map(SupportTicket::try_from).transpose()
}

/// Whose a ticket is.
///
/// # Errors
/// The database is out of reach.
pub async fn tenant_of(
    connection: &mut PgConnection,
    id: Uuid,
) -> Result<Option<Uuid>, StoreError> {
    use support_tickets as t;
    let found = t::table
        .select(t::tenant_id)
        .filter(t::id.eq(id))
        .filter(t::deleted_at.is_null())
        .first(connection)
        .await;
    Ok(found.optional()?)
}

/// A ticket by its id, held until the transaction ends; nobody else changes it meanwhile.
///
/// # Errors
/// The database is out of reach, or somebody else holds it for long.
pub async fn hold(
    connection: &mut PgConnection,
    tenant_id: Uuid,
    id: Uuid,
) -> Result<Option<SupportTicket>, StoreError> {
    use support_tickets as t;
    let row = t::table
        .select(TicketRow::as_select())
        .filter(t::tenant_id.eq(tenant_id))
        .filter(t::id.eq(id))
        .filter(t::deleted_at.is_null())
        .for_update()
        .first(connection)
        .await;
    row.optional()?.map(SupportTicket::try_from).transpose()
}

/// A ticket of a tenant that was deleted.
///
/// # Errors
/// The database is out of reach.
pub async fn find_deleted(
    connection: &mut PgConnection,
    tenant_id: Uuid,
    name: TicketName,
) -> Result<Option<SupportTicket>, StoreError> {
    use support_tickets as t;
    let all = t::table
        .select(TicketRow::as_select())
        .filter(t::tenant_id.eq(tenant_id))
        .filter(t::deleted_at.is_not_null());
    let row = match name {
        TicketName::Id(id) => all.filter(t::id.eq(id)).first(connection).await,
        TicketName::Number(number) => all.filter(t::number.eq(number)).first(connection).await,
    };
    row.optional()?.map(SupportTicket::try_from).transpose()
}

/// Takes a ticket away, which must be held: it is found no more, and no clock looks at it.
///
/// # Errors
/// The database is out of reach.
pub async fn delete(
    connection: &mut PgConnection,
    ticket: &SupportTicket,
) -> Result<(), StoreError> {
    use support_tickets as t;
    let gone = (
        t::deleted_at.eq(to_database(ticket.updated_at)),
        t::look_at.eq(None::<chrono::DateTime<chrono::Utc>>),
    );
    diesel::update(t::table.filter(t::id.eq(ticket.id)))
        .set(gone)
        .execute(connection)
        .await?;
    Ok(())
}

/// Writes a new ticket.
///
/// # Errors
/// The database is out of reach.
pub async fn insert(
    connection: &mut PgConnection,
    ticket: &SupportTicket,
) -> Result<(), StoreError> {
    let row = TicketRow::from(ticket);
    diesel::insert_into(support_tickets::table)
        .values(&row)
        .execute(connection)
        .await?;
    Ok(())
}

/// Writes a ticket as it is now, with its texts if they may have changed; it must be held.
///
/// # Errors
/// The database is out of reach.
pub async fn update(
    connection: &mut PgConnection,
    ticket: &SupportTicket,
    with_texts: bool,
) -> Result<(), StoreError> {
    let row = TicketRow::from(ticket);
    let one = support_tickets::table.filter(support_tickets::id.eq(row.id));
    match with_texts {
        true => diesel::update(one).set(&row).execute(connection).await?,
        false => {
            let moved = TicketMoved::from(row);
            diesel::update(one).set(&moved).execute(connection).await?
        }
    };
    Ok(())
}
