//! What is to be published to `herald.status`: written with what happened, taken by one run at a time, removed
//! once RabbitMQ has it.

use diesel::sql_types::{Array, Bool, Int4, Int8, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::lease::RunId;
use super::statement::statement;
use super::{Database, StoreError};
use crate::domain::NewWebhookDelivery;

/// Rows that are counted, at most: who waits for more is told that it is so many.
const MOST_COUNTED: i64 = 1_000_000;

/// A row that is to be published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusRow {
    /// Its place in the order.
    pub id: i64,
    /// The CloudEvent's id.
    pub event_id: Uuid,
    /// Of which notification it tells.
    pub notification_id: Uuid,
    /// `<channel>.<event>`.
    pub routing_key: String,
    /// The CloudEvent.
    pub payload: String,
    /// Whether an earlier event of its notification waits to be tried again: it waits as long.
    pub is_behind: bool,
}

type StatusColumns = (Int8, SqlUuid, SqlUuid, Text, Text, Bool);

// Identities are given in the order of the select: what happened first comes first.
statement!(
    Write(
        events: Vec<Uuid> => Array<SqlUuid>,
        notifications: Vec<Uuid> => Array<SqlUuid>,
        keys: Vec<String> => Array<Text>,
        payloads: Vec<String> => Array<Text>,
    ) -> Int8 =
    "WITH written AS (
         INSERT INTO status_outbox (event_id, notification_id, routing_key, payload)
         SELECT event_id, notification_id, routing_key, payload
         FROM unnest(?, ?, ?, ?) WITH ORDINALITY
             AS told (event_id, notification_id, routing_key, payload, place)
         ORDER BY place
         RETURNING 1
     )
     SELECT count(*) FROM written"
);

// The turn is taken, or held, by the statement that reads: without it there is nothing to read. What was refused comes
// again beside what is new, so that neither holds up the other.
statement!(
    Take(run: i32 => Int4, whose: i32 => Int4, most_new: i64 => Int8, most_due: i64 => Int8) -> StatusColumns =
    "WITH turn AS (
         UPDATE status_turn SET owner = ?
         WHERE owner IS NULL OR is_dead_run(owner)
         RETURNING 1
     ), mine AS (
         SELECT 1 FROM turn UNION ALL SELECT 1 FROM status_turn WHERE owner = ?
     ), taken AS MATERIALIZED (
         (SELECT * FROM status_outbox WHERE due_at IS NULL ORDER BY id LIMIT ?)
         UNION ALL
         (SELECT * FROM status_outbox WHERE due_at <= now() ORDER BY due_at, id LIMIT ?)
     )
     SELECT id, event_id, notification_id, routing_key, payload, EXISTS (
         SELECT FROM status_outbox earlier
         WHERE earlier.notification_id = taken.notification_id AND earlier.id < taken.id
           AND NOT EXISTS (SELECT FROM taken other WHERE other.id = earlier.id))
     FROM taken
     WHERE EXISTS (SELECT FROM mine)
     ORDER BY id"
);

// What follows a refused event of its notification waits as long.
statement!(
    Refuse(refused: Vec<i64> => Array<Int8>, held_up: Vec<i64> => Array<Int8>) -> Int8 =
    "WITH refused AS (
         UPDATE status_outbox SET refusals = least(refusals + 1, 1000),
             due_at = now() + least(interval '5 minutes', interval '1 second' * power(2, least(refusals, 10)))
         WHERE id = ANY(?)
         RETURNING id, notification_id, due_at
     ), held_up AS (
         UPDATE status_outbox behind SET due_at = coalesce(
             (SELECT max(due_at) FROM refused WHERE refused.notification_id = behind.notification_id),
             (SELECT max(due_at) FROM status_outbox earlier
              WHERE earlier.notification_id = behind.notification_id AND earlier.id < behind.id),
             now())
         WHERE id = ANY(?)
         RETURNING 1
     )
     SELECT count(*) FROM refused"
);

statement!(
    Remove(ids: Vec<i64> => Array<Int8>) -> Int8 =
    "WITH gone AS (DELETE FROM status_outbox WHERE id = ANY(?) RETURNING 1)
     SELECT count(*) FROM gone"
);

statement!(
    GiveUp(run: i32 => Int4) -> Int8 =
    "WITH given AS (UPDATE status_turn SET owner = NULL WHERE owner = ? RETURNING 1)
     SELECT count(*) FROM given"
);

statement!(
    CountWaiting(most: i64 => Int8) -> Int8 =
    "SELECT count(*) FROM (SELECT FROM status_outbox LIMIT ?) waiting"
);

/// Writes what is to be published, in the transaction in which it happened.
///
/// # Errors
/// The database is out of reach.
pub(super) async fn write(
    connection: &mut AsyncPgConnection,
    told: &[&NewWebhookDelivery],
) -> Result<(), StoreError> {
    if told.is_empty() {
        return Ok(());
    }
    let write = Write {
        events: told.iter().map(|it| it.id).collect(),
        notifications: told.iter().map(|it| it.notification_id).collect(),
        keys: told.iter().map(|it| it.routing_key()).collect(),
        payloads: told.iter().map(|it| it.body.clone()).collect(),
    };
    let _: Vec<i64> = write.load(connection).await?;
    Ok(())
}

/// The eldest rows that were never refused and as many that are to be tried again, in the order in which they were
/// written, if it is this run's turn to publish, or nobody's.
///
/// # Errors
/// The database is out of reach.
pub async fn take(
    database: &Database,
    run: RunId,
    most: usize,
) -> Result<Vec<StatusRow>, StoreError> {
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let take = Take {
        run: run.0,
        whose: run.0,
        most_new: most,
        most_due: most,
    };
    let mut connection = database.get().await?;
    let rows: Vec<(i64, Uuid, Uuid, String, String, bool)> = take.load(&mut *connection).await?;
    let row = |(id, event_id, notification_id, routing_key, payload, is_behind)| StatusRow {
        id,
        event_id,
        notification_id,
        routing_key,
        payload,
        is_behind,
    };
    Ok(rows.into_iter().map(row).collect())
}

/// Notes that a queue refused some, and that others wait behind what was refused of their notification: they come
/// again after a second, after two, at last every five minutes.
///
/// # Errors
/// The database is out of reach: they come again at once then.
pub async fn refuse(
    database: &Database,
    refused: Vec<i64>,
    held_up: Vec<i64>,
) -> Result<(), StoreError> {
    let mut connection = database.get().await?;
    let _: Vec<i64> = Refuse { refused, held_up }.load(&mut *connection).await?;
    Ok(())
}

/// Removes what RabbitMQ has.
///
/// # Errors
/// The database is out of reach: what was published is published once more then.
pub async fn remove(database: &Database, ids: Vec<i64>) -> Result<(), StoreError> {
    let mut connection = database.get().await?;
    let _: Vec<i64> = Remove { ids }.load(&mut *connection).await?;
    Ok(())
}

/// Gives the turn back: this run cannot publish, and another one may.
///
/// # Errors
/// The database is out of reach.
pub async fn give_up(database: &Database, run: RunId) -> Result<(), StoreError> {
    let mut connection = database.get().await?;
    let _: Vec<i64> = GiveUp { run: run.0 }.load(&mut *connection).await?;
    Ok(())
}

/// How many rows wait, up to a million.
///
/// # Errors
/// The database is out of reach.
pub async fn waiting(database: &Database) -> Result<u64, StoreError> {
    let mut connection = database.get().await?;
    let count = CountWaiting { most: MOST_COUNTED };
    let count: i64 = count.get_result(&mut *connection).await?;
    Ok(u64::try_from(count).unwrap_or(0))
}
