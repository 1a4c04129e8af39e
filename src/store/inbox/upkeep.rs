//! What becomes of inboxes by themselves: what was put off comes back, what has had its time goes.

use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::sql_types::{Array, Int8, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use jiff::Timestamp;
use uuid::Uuid;

use crate::store::statement::statement;
use crate::store::time::to_database;
use crate::store::{Database, StoreError};

/// Rows of one statement: short transactions leave others alone.
const CHUNK: i64 = 1_000;
/// Items that come back in one transaction.
const WAKE_AT_ONCE: i64 = 200;

statement!(
    Due(most: i64 => Int8) -> SqlUuid =
    "SELECT DISTINCT user_id FROM (
         SELECT i.user_id FROM inbox_items i WHERE i.snoozed_until <= now() ORDER BY i.snoozed_until LIMIT ?) due
     ORDER BY user_id"
);

// Whoever changes such an inbox at this moment is passed over: it is due still. In the order in which everybody
// locks readers.
statement!(
    HoldDue(users: Vec<Uuid> => Array<SqlUuid>) -> SqlUuid =
    "SELECT user_id FROM inbox_readers WHERE user_id = ANY(?) ORDER BY user_id FOR UPDATE SKIP LOCKED"
);

statement!(
    /// What is due of readers that are held comes back: unread, and on top.
    Wake(users: Vec<Uuid> => Array<SqlUuid>, most: i64 => Int8) -> SqlUuid =
    "WITH picked AS MATERIALIZED (
         SELECT i.id, i.user_id, row_number() OVER of_person AS place, count(*) OVER (PARTITION BY i.user_id) AS many
         FROM (SELECT * FROM inbox_items i WHERE i.snoozed_until <= now() AND i.user_id = ANY(?)
               ORDER BY i.snoozed_until LIMIT ?) i
         WINDOW of_person AS (PARTITION BY i.user_id ORDER BY i.snoozed_until, i.id)
     ), counted AS (
         UPDATE inbox_readers r SET last_sequence = r.last_sequence + found.many
         FROM (SELECT DISTINCT user_id, many FROM picked) found WHERE r.user_id = found.user_id
         RETURNING r.user_id, r.last_sequence
     ), woken AS (
         UPDATE inbox_items i SET
             sequence = counted.last_sequence - picked.many + picked.place,
             arrival = counted.last_sequence - picked.many + picked.place,
             delivered_at = clock_timestamp(), snoozed_until = NULL, seen_at = NULL, read_at = NULL, archived_at = NULL
         FROM picked JOIN counted USING (user_id) WHERE i.id = picked.id AND i.user_id = picked.user_id
     ), mirrored AS (
         UPDATE notifications n SET is_read = false, read_at = NULL
         FROM picked WHERE n.id = picked.id AND n.user_id = picked.user_id
     )
     SELECT user_id FROM counted"
);

statement!(
    ForgetExpired(most: i64 => Int8) -> Int8 =
    "WITH gone AS (
         DELETE FROM inbox_items WHERE ctid = ANY (ARRAY(
             SELECT ctid FROM inbox_items WHERE expires_at <= now() LIMIT ? FOR UPDATE SKIP LOCKED))
         RETURNING 1
     )
     SELECT count(*) FROM gone"
);

// Ids are in the order in which notifications were accepted: one that was delivered long after that is passed over
// until its own time has come.
statement!(
    ForgetOld(floor: Uuid => SqlUuid, before: DateTime<Utc> => Timestamptz, most: i64 => Int8) -> Int8 =
    "WITH gone AS (
         DELETE FROM inbox_items WHERE ctid = ANY (ARRAY(
             SELECT ctid FROM inbox_items WHERE id < ? AND delivered_at < ? AND snoozed_until IS NULL ORDER BY id LIMIT ?
             FOR UPDATE SKIP LOCKED))
         RETURNING 1
     )
     SELECT count(*) FROM gone"
);

statement!(
    ForgetBroadcasts(before: DateTime<Utc> => Timestamptz) -> Int8 =
    "WITH gone AS (
         DELETE FROM inbox_broadcasts b
         WHERE (delivered_at < ? OR expires_at <= now()) AND NOT EXISTS (SELECT FROM inbox_items i WHERE i.id = b.id)
         RETURNING 1
     )
     SELECT count(*) FROM gone"
);

/// Brings back what was put off until now, and says whose it is. Every node may do it at any time.
///
/// # Errors
/// The database is out of reach; what is due stays so.
pub async fn wake(database: &Database) -> Result<Vec<Uuid>, StoreError> {
    let due = Due { most: WAKE_AT_ONCE };
    let users: Vec<Uuid> = due.load(&mut *database.get().await?).await?;
    if users.is_empty() {
        return Ok(vec![]);
    }
    let work = async |connection: &mut AsyncPgConnection| {
        let held: Vec<Uuid> = HoldDue { users }.load(connection).await?;
        let wake = Wake {
            users: held,
            most: WAKE_AT_ONCE,
        };
        Ok(wake.load(connection).await?)
    };
    database.transaction(work).await
}

/// Removes what has expired, and what was delivered longer ago than is kept; says how many items went.
///
/// # Errors
/// The database is out of reach: what is left is removed the next time.
pub async fn forget(
    database: &Database,
    kept: Duration,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let before = now.checked_sub(kept).unwrap_or(Timestamp::MIN);
    let mut forgotten = 0;
    loop {
        let expired = ForgetExpired { most: CHUNK };
        let expired: i64 = expired.get_result(&mut *database.get().await?).await?;
        let old = ForgetOld {
            floor: crate::store::notifications::bound(before),
            before: to_database(before),
            most: CHUNK,
        };
        let old: i64 = old.get_result(&mut *database.get().await?).await?;
        forgotten += u64::try_from(expired + old).unwrap_or(0);
        if expired < CHUNK && old < CHUNK {
            break;
        }
    }
    // One that a reader has put off, or that came back to them, stays.
    let broadcasts = ForgetBroadcasts {
        before: to_database(before),
    };
    let _: i64 = broadcasts.get_result(&mut *database.get().await?).await?;
    Ok(forgotten)
}
