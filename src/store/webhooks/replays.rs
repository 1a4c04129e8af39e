//! Replays: what a webhook was told in a span of time is told again, a part at a time. Each is a job.

use chrono::{DateTime, Utc};
use diesel::sql_types::{Bool, Int8, Nullable, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::store::StoreError;
use crate::store::statement::statement;
use crate::store::time::to_database;

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

/// A webhook, and what it is to be told again: what a job is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookReplay {
    /// The webhook.
    pub webhook_id: Uuid,
    /// What happened from then on.
    pub since: Timestamp,
    /// Until then.
    pub until: Timestamp,
    /// Also what has arrived.
    pub everything: bool,
}

impl WebhookReplay {
    /// What is to be told again.
    #[must_use]
    pub const fn window(&self) -> ReplayWindow {
        ReplayWindow {
            since: self.since,
            until: self.until,
            everything: self.everything,
        }
    }
}

/// A part of a replay that is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplayedPart {
    /// The last delivery that was looked at.
    pub place: Uuid,
    /// How many were set to be sent.
    pub replayed: u32,
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

// The place moves with the rows, in one transaction: a node that dies leaves both or neither.
statement!(
    SetAgain(
        webhook: Uuid => SqlUuid,
        place: Option<Uuid> => Nullable<SqlUuid>,
        since: DateTime<Utc> => Timestamptz,
        until: DateTime<Utc> => Timestamptz,
        everything: bool => Bool,
        most: i64 => Int8,
    ) -> (SqlUuid, Int8) = concat!(
    "WITH replay AS (
         SELECT ?::uuid AS webhook_id, coalesce(?::uuid, uuid_bound(?)) AS place, uuid_bound(?) AS past,
                ?::boolean AS everything
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
     SELECT id, (SELECT count(*) FROM again) FROM part ORDER BY id DESC LIMIT 1")
);

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

/// Sets what is meant to be sent again, of at most so many deliveries behind a place; `None` at the end.
///
/// # Errors
/// The database is out of reach.
pub async fn part(
    connection: &mut AsyncPgConnection,
    replay: &WebhookReplay,
    place: Option<Uuid>,
    most: i64,
) -> Result<Option<ReplayedPart>, StoreError> {
    let part = SetAgain {
        webhook: replay.webhook_id,
        place,
        since: to_database(replay.since),
        until: to_database(replay.until),
        everything: replay.everything,
        most,
    };
    let done: Vec<(Uuid, i64)> = part.load(connection).await?;
    let done = done.into_iter().next();
    Ok(done.map(|(place, replayed)| ReplayedPart {
        place,
        replayed: u32::try_from(replayed).unwrap_or(u32::MAX),
    }))
}
