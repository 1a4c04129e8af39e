//! Forgetting what has had its time.

use diesel::sql_types::Int8;
use diesel_async::RunQueryDsl;

use super::lease::living_runs;
use super::statement::statement;
use super::{Database, StoreError};

/// Rows removed by one statement: short transactions leave others alone.
const CHUNK: i64 = 5_000;

statement!(
    ForgetKeys(most: i64 => Int8) -> Int8 =
    "WITH gone AS (
         DELETE FROM notification_deduplication WHERE ctid = ANY (ARRAY(
             SELECT ctid FROM notification_deduplication WHERE expires_at <= now() LIMIT ?))
           AND expires_at <= now()
         RETURNING 1
     )
     SELECT count(*) FROM gone"
);

statement!(
    ForgetCounts(most: i64 => Int8) -> Int8 =
    "WITH gone AS (
         DELETE FROM frequency_counts WHERE ctid = ANY (ARRAY(
             SELECT ctid FROM frequency_counts WHERE day < current_date - 3
             LIMIT ? FOR UPDATE SKIP LOCKED))
         RETURNING 1
     )
     SELECT count(*) FROM gone"
);

// A run without an end lives as long as its lock: its heartbeat alone may only be late.
statement!(
    ForgetRuns() -> Int8 = concat!(
    "WITH gone AS (
         DELETE FROM engine_nodes
         WHERE coalesce(ended_at, heartbeat_at) < now() - interval '7 days'
           AND run_id NOT IN ", living_runs!(), "
         RETURNING run_id
     ), forgotten AS (
         DELETE FROM provider_health h
         WHERE h.run_id IN (SELECT run_id FROM gone)
            OR NOT EXISTS (SELECT FROM engine_nodes n WHERE n.run_id = h.run_id)
     )
     SELECT count(*) FROM gone")
);

/// Removes the keys whose deduplication window is over; returns how many.
///
/// # Errors
/// When the database fails; what is left is removed the next time.
pub async fn forget_keys(database: &Database) -> Result<u64, StoreError> {
    let mut forgotten = 0;
    loop {
        let mut connection = database.get().await?;
        let gone: i64 = ForgetKeys { most: CHUNK }
            .get_result(&mut *connection)
            .await?;
        forgotten += u64::try_from(gone).unwrap_or(0);
        if gone < CHUNK {
            return Ok(forgotten);
        }
    }
}

/// Removes the counters of daily caps whose day is over everywhere, and with it every pass that
/// could refund; returns how many.
///
/// # Errors
/// When the database fails; what is left is removed the next time.
pub async fn forget_counts(database: &Database) -> Result<u64, StoreError> {
    let mut forgotten = 0;
    loop {
        let mut connection = database.get().await?;
        let gone: i64 = ForgetCounts { most: CHUNK }
            .get_result(&mut *connection)
            .await?;
        forgotten += u64::try_from(gone).unwrap_or(0);
        if gone < CHUNK {
            return Ok(forgotten);
        }
    }
}

/// Removes the runs that ended a week ago, and what they made of their accounts' health; returns
/// how many runs.
///
/// # Errors
/// When the database fails; what is left is removed the next time.
pub async fn forget_runs(database: &Database) -> Result<u64, StoreError> {
    let mut connection = database.get().await?;
    let gone: i64 = ForgetRuns {}.get_result(&mut *connection).await?;
    Ok(u64::try_from(gone).unwrap_or(0))
}
