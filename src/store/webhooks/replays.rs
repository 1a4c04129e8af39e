//! Replays: what a webhook was told in a span of time is told again, a part at a time, by any node.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Bool, Int8, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use jiff::Timestamp;
use uuid::Uuid;

use crate::store::schema::notification_schema::webhook_replays;
use crate::store::statement::statement;
use crate::store::time::{from_database, to_database};
use crate::store::{Database, StoreError};

/// Deliveries that one step looks at.
const STEP: i64 = 1_000;

/// What is to be told again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplayWindow {
    /// What happened from then on.
    pub since: Timestamp,
    /// Until then.
    pub until: Timestamp,
    /// Also what has arrived.
    pub everything: bool,
}

/// A replay as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredReplay {
    /// Its id.
    pub id: Uuid,
    /// Of what.
    pub window: ReplayWindow,
    /// How many there were when it was ordered.
    pub planned: u64,
    /// How many have been set to be sent.
    pub done: u64,
    /// When it was ordered.
    pub created_at: Timestamp,
    /// When the last one was set to be sent.
    pub finished_at: Option<Timestamp>,
}

/// What a replay sends: what is not on its way already, and has not arrived unless all is asked for.
macro_rules! is_replayed {
    () => {
        "d.next_retry_at IS NULL AND (everything OR NOT d.delivered)"
    };
}

statement!(
    Count(
        since: DateTime<Utc> => Timestamptz,
        until: DateTime<Utc> => Timestamptz,
        everything: bool => Bool,
        webhook: Uuid => SqlUuid,
        tenant: Uuid => SqlUuid,
    ) -> Int8 = concat!(
    "SELECT count(*)
     FROM (SELECT uuid_bound(?) AS first, uuid_bound(?) AS past, ?::boolean AS everything) span,
          webhook_deliveries d
     WHERE d.webhook_id = ? AND d.tenant_id = ? AND d.id >= span.first AND d.id < span.past
       AND ", is_replayed!())
);

statement!(
    Order(
        id: Uuid => SqlUuid,
        since: DateTime<Utc> => Timestamptz,
        until: DateTime<Utc> => Timestamptz,
        everything: bool => Bool,
        planned: i64 => Int8,
        from: DateTime<Utc> => Timestamptz,
        webhook: Uuid => SqlUuid,
        tenant: Uuid => SqlUuid,
    ) -> SqlUuid =
    "INSERT INTO webhook_replays (id, tenant_id, webhook_id, since, until, everything, planned, place)
     SELECT ?, w.tenant_id, w.id, ?, ?, ?, ?, uuid_bound(?)
     FROM notification_webhooks w
     WHERE w.id = ? AND w.tenant_id = ? AND w.deleted_at IS NULL AND w.is_active
     RETURNING id"
);

// The place moves with the rows, in one transaction: a node that dies leaves both or neither. The replay that went on
// longest ago is next: a large one holds up nobody else's.
statement!(
    Advance(step: i64 => Int8) -> Int8 = concat!(
    "WITH replay AS (
         SELECT id, webhook_id, place, everything, uuid_bound(until) AS past
         FROM webhook_replays WHERE finished_at IS NULL
         ORDER BY updated_at LIMIT 1 FOR UPDATE SKIP LOCKED
     ), part AS (
         SELECT d.id FROM replay, LATERAL (
             SELECT d.id FROM webhook_deliveries d
             WHERE d.webhook_id = replay.webhook_id AND d.id > replay.place AND d.id < replay.past
             ORDER BY d.id LIMIT ?) d
     ), again AS (
         UPDATE webhook_deliveries d SET
             delivered = false, delivered_at = NULL, attempt_count = 0, next_retry_at = now(), owner = NULL
         FROM part, replay
         WHERE d.id = part.id AND ", is_replayed!(), "
         RETURNING d.id
     )
     UPDATE webhook_replays r SET
         place = coalesce((SELECT id FROM part ORDER BY id DESC LIMIT 1), r.place),
         done = r.done + (SELECT count(*) FROM again),
         finished_at = CASE WHEN NOT EXISTS (SELECT FROM part) THEN now() END
     FROM replay WHERE r.id = replay.id
     RETURNING r.done")
);

#[derive(Queryable, Selectable)]
#[diesel(table_name = webhook_replays)]
struct ReplayRow {
    id: Uuid,
    since: DateTime<Utc>,
    until: DateTime<Utc>,
    everything: bool,
    planned: i64,
    done: i64,
    created_at: DateTime<Utc>,
    finished_at: Option<DateTime<Utc>>,
}

impl From<ReplayRow> for StoredReplay {
    fn from(row: ReplayRow) -> Self {
        let count = |count: i64| u64::try_from(count).unwrap_or(0);
        Self {
            id: row.id,
            window: ReplayWindow {
                since: from_database(row.since),
                until: from_database(row.until),
                everything: row.everything,
            },
            planned: count(row.planned),
            done: count(row.done),
            created_at: from_database(row.created_at),
            finished_at: row.finished_at.map(from_database),
        }
    }
}

/// How many deliveries of a tenant's webhook a replay would send.
///
/// # Errors
/// The database is out of reach.
pub async fn count(
    connection: &mut AsyncPgConnection,
    tenant_id: Uuid,
    webhook_id: Uuid,
    window: ReplayWindow,
) -> Result<u64, StoreError> {
    let count = Count {
        since: to_database(window.since),
        until: to_database(window.until),
        everything: window.everything,
        webhook: webhook_id,
        tenant: tenant_id,
    };
    let count: i64 = count.get_result(connection).await?;
    Ok(u64::try_from(count).unwrap_or(0))
}

/// Orders a replay to an active webhook of a tenant, with how many it will send; `None` where there is none.
///
/// # Errors
/// The database is out of reach.
pub async fn order(
    connection: &mut AsyncPgConnection,
    tenant_id: Uuid,
    webhook_id: Uuid,
    window: ReplayWindow,
) -> Result<Option<(Uuid, u64)>, StoreError> {
    let planned = count(connection, tenant_id, webhook_id, window).await?;
    let since = to_database(window.since);
    let order = Order {
        id: Uuid::now_v7(),
        since,
        until: to_database(window.until),
        everything: window.everything,
        planned: i64::try_from(planned).unwrap_or(i64::MAX),
        from: since,
        webhook: webhook_id,
        tenant: tenant_id,
    };
    let ordered: Vec<Uuid> = order.load(connection).await?;
    Ok(ordered.into_iter().next().map(|id| (id, planned)))
}

/// A replay of a tenant's webhook.
///
/// # Errors
/// The database is out of reach.
pub async fn find(
    connection: &mut AsyncPgConnection,
    tenant_id: Uuid,
    webhook_id: Uuid,
    id: Uuid,
) -> Result<Option<StoredReplay>, StoreError> {
    let row: Option<ReplayRow> = webhook_replays::table
        .filter(webhook_replays::id.eq(id))
        .filter(webhook_replays::webhook_id.eq(webhook_id))
        .filter(webhook_replays::tenant_id.eq(tenant_id))
        .select(ReplayRow::as_select())
        .first(connection)
        .await
        .optional()?;
    Ok(row.map(StoredReplay::from))
}

/// Goes one step on with the eldest replay that nobody works on. Says whether there was one.
///
/// # Errors
/// The database is out of reach; the step was taken whole, or not at all.
pub async fn advance(database: &Database) -> Result<bool, StoreError> {
    let advance = Advance { step: STEP };
    let mut connection = database.get().await?;
    let advanced: Vec<i64> = advance.load(&mut *connection).await?;
    Ok(!advanced.is_empty())
}
