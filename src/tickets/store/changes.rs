//! Who changed the staff and the categories: rows are added, and never changed; and how a person is forgotten.

use diesel::prelude::*;
use diesel::sql_types::{Int8, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use super::schema::ticket_schema::desk_changes;
use crate::store::statement::statement;
use crate::store::time::from_database;
use crate::store::{PgConnection, StoreError};

/// A change of the desk's rules, as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct DeskChange {
    /// Its id.
    pub id: Uuid,
    /// The API key by which it was done.
    pub actor: String,
    /// From where.
    pub ip_address: Option<String>,
    /// By which request.
    pub request_id: Option<Uuid>,
    /// What was done: `create`, `update`, `delete`.
    pub action: String,
    /// To what kind of thing: `staff_member`, `ticket_category`.
    pub resource_type: String,
    /// To which one.
    pub resource_id: Uuid,
    /// The fields that differ: `old` and `new`.
    pub changes: Value,
    /// When.
    pub created_at: Timestamp,
}

type ChangeColumns = (
    Uuid,
    String,
    Option<String>,
    Option<Uuid>,
    String,
    String,
    Uuid,
    Value,
    chrono::DateTime<chrono::Utc>,
);

/// Writes a change; its time is that of the database.
///
/// # Errors
/// The database is out of reach.
pub async fn add(
    connection: &mut PgConnection,
    tenant_id: Uuid,
    change: &DeskChange,
) -> Result<(), StoreError> {
    use desk_changes as d;
    let row = (
        d::id.eq(change.id),
        d::tenant_id.eq(tenant_id),
        d::actor.eq(&change.actor),
        d::ip_address.eq(&change.ip_address),
        d::request_id.eq(change.request_id),
        d::action.eq(&change.action),
        d::resource_type.eq(&change.resource_type),
        d::resource_id.eq(change.resource_id),
        d::changes.eq(&change.changes),
    );
    diesel::insert_into(d::table)
        .values(row)
        .execute(connection)
        .await?;
    Ok(())
}

/// At most so many changes of a tenant, by falling id, that come behind another one.
///
/// # Errors
/// The database is out of reach.
pub async fn page(
    connection: &mut PgConnection,
    tenant_id: Uuid,
    before: Option<Uuid>,
    most: usize,
) -> Result<Vec<DeskChange>, StoreError> {
    use desk_changes as d;
    let rows: Vec<ChangeColumns> = d::table
        .select((
            d::id,
            d::actor,
            d::ip_address,
            d::request_id,
            d::action,
            d::resource_type,
            d::resource_id,
            d::changes,
            d::created_at,
        ))
        .filter(d::tenant_id.eq(tenant_id))
        .filter(d::id.lt(before.unwrap_or(Uuid::max())))
        .order(d::id.desc())
        .limit(i64::try_from(most).unwrap_or(i64::MAX))
        .load(connection)
        .await?;
    Ok(rows.into_iter().map(change).collect())
}

fn change(
    (id, actor, ip_address, request_id, action, resource_type, resource_id, changes, created_at): ChangeColumns,
) -> DeskChange {
    DeskChange {
        id,
        actor,
        ip_address,
        request_id,
        action,
        resource_type,
        resource_id,
        changes,
        created_at: from_database(created_at),
    }
}

statement!(
    Erase(tenant: Option<Uuid> => Nullable<SqlUuid>, person: Uuid => SqlUuid) -> Int8 =
    "SELECT erase_person(?, ?)"
);

statement!(
    EraseSender(tenant: Option<Uuid> => Nullable<SqlUuid>, address: String => Text) -> Int8 =
    "SELECT erase_sender(?, ?)"
);

/// Forgets what came by mails from an address to one tenant or to all; says how many comments that were.
///
/// # Errors
/// The database is out of reach.
pub async fn erase_sender(
    connection: &mut PgConnection,
    tenant: Option<Uuid>,
    address: String,
) -> Result<i64, StoreError> {
    Ok(EraseSender { tenant, address }
        .get_result(connection)
        .await?)
}

/// Forgets a person, of one tenant or of all; says in how many tickets, comments and rows of the staff they were.
///
/// # Errors
/// The database is out of reach, or somebody holds one of their tickets for long.
pub async fn erase(
    connection: &mut PgConnection,
    tenant: Option<Uuid>,
    person: Uuid,
) -> Result<i64, StoreError> {
    Ok(Erase { tenant, person }.get_result(connection).await?)
}
