//! Events, looked at.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::Uuid as SqlUuid;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use crate::domain::DomainEvent;
use crate::store::schema::notification_schema::events;
use crate::store::{StoreError, time};

/// Events that are read at once, of those that are looked through.
const NEWEST_PAGE: usize = 200;

/// An event as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredDomainEvent {
    /// The event.
    pub event: DomainEvent,
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// What came of it when it was accepted: a line for each workflow.
    pub outcome: Value,
    /// When it was cancelled.
    pub cancelled_at: Option<Timestamp>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = events)]
struct KeptEventRow {
    id: Uuid,
    tenant_id: Uuid,
    source: String,
    event_id: String,
    kind: String,
    subject: Option<String>,
    happened_at: DateTime<Utc>,
    accepted_at: DateTime<Utc>,
    data: Value,
    extensions: Value,
    outcome: Value,
    cancelled_at: Option<DateTime<Utc>>,
}

impl From<KeptEventRow> for StoredDomainEvent {
    fn from(row: KeptEventRow) -> Self {
        Self {
            event: DomainEvent {
                id: row.id,
                tenant_id: row.tenant_id,
                source: row.source,
                event_id: row.event_id,
                kind: row.kind,
                subject: row.subject,
                time: time::from_database(row.happened_at),
                data: row.data,
                extensions: match row.extensions {
                    Value::Object(map) => map,
                    _ => serde_json::Map::new(),
                },
            },
            accepted_at: time::from_database(row.accepted_at),
            outcome: row.outcome,
            cancelled_at: row.cancelled_at.map(time::from_database),
        }
    }
}

/// A tenant's events that come before another one, newest first; of one type if one is named.
///
/// # Errors
/// The database is out of reach.
pub async fn page(
    connection: &mut AsyncPgConnection,
    tenant_id: Uuid,
    kind: Option<&str>,
    before: Option<Uuid>,
    most: usize,
) -> Result<Vec<StoredDomainEvent>, StoreError> {
    use events as e;
    let mut found = e::table
        .filter(e::tenant_id.eq(tenant_id))
        .select(KeptEventRow::as_select())
        .into_boxed();
    if let Some(kind) = kind {
        found = found.filter(e::kind.eq(kind.to_owned()));
    }
    if let Some(before) = before {
        found = found.filter(e::id.lt(before));
    }
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let rows: Vec<KeptEventRow> = found
        .order(e::id.desc())
        .limit(most)
        .load(connection)
        .await?;
    Ok(rows.into_iter().map(StoredDomainEvent::from).collect())
}

/// A tenant's newest events that fit, at most so many, newest first: of `looked` that are looked at.
///
/// # Errors
/// The database is out of reach.
pub async fn newest(
    connection: &mut AsyncPgConnection,
    (tenant_id, kind): (Uuid, Option<&str>),
    fits: impl Fn(&DomainEvent) -> bool,
    (most, looked): (usize, usize),
) -> Result<Vec<StoredDomainEvent>, StoreError> {
    let (mut found, mut before, mut left) = (vec![], None, looked);
    while found.len() < most && left > 0 {
        let size = left.min(NEWEST_PAGE);
        let page = page(connection, tenant_id, kind, before, size).await?;
        let is_last = page.len() < size;
        left -= size;
        before = page.last().map(|it| it.event.id);
        found.extend(page.into_iter().filter(|it| fits(&it.event)));
        if is_last {
            break;
        }
    }
    found.truncate(most);
    Ok(found)
}

/// A tenant's event.
///
/// # Errors
/// The database is out of reach.
pub async fn get(
    connection: &mut AsyncPgConnection,
    tenant_id: Uuid,
    id: Uuid,
) -> Result<Option<StoredDomainEvent>, StoreError> {
    use events as e;
    let row: Option<KeptEventRow> = e::table
        .filter(e::tenant_id.eq(tenant_id).and(e::id.eq(id)))
        .select(KeptEventRow::as_select())
        .first(connection)
        .await
        .optional()?;
    Ok(row.map(StoredDomainEvent::from))
}

/// Says of an event that it was cancelled.
///
/// # Errors
/// The database is out of reach.
pub async fn cancel(connection: &mut AsyncPgConnection, id: Uuid) -> Result<(), StoreError> {
    diesel::sql_query(
        "UPDATE events SET cancelled_at = coalesce(cancelled_at, now()) WHERE id = $1",
    )
    .bind::<SqlUuid, _>(id)
    .execute(connection)
    .await?;
    Ok(())
}
