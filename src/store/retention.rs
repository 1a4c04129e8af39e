//! Forgetting what has had its time.

use diesel::sql_types::Int8;
use diesel_async::RunQueryDsl;

use super::claims::is_over;
use super::statement::statement;
use super::{Database, StoreError, quarantine};

/// Rows removed by one statement: short transactions leave others alone.
const CHUNK: i64 = 5_000;

/// Pages of keys that one statement walks over: some 70,000 keys.
const STEP: i64 = 1_024;
/// Rounds in which all keys are walked over once.
const ROUNDS: i64 = 12;

statement!(
    KeyPages() -> Int8 =
    "SELECT pg_relation_size('notification_deduplication') / current_setting('block_size')::bigint"
);

statement!(
    ForgetKeys(from: i64 => Int8, to: i64 => Int8) -> Int8 = concat!(
    "WITH gone AS (
         DELETE FROM notification_deduplication d
         WHERE d.ctid >= format('(%s,0)', ?::bigint)::tid AND d.ctid < format('(%s,0)', ?::bigint)::tid
           AND ", is_over!(), "
         RETURNING 1
     )
     SELECT count(*) FROM gone")
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

statement!(
    ForgetRuns() -> Int8 =
    "WITH gone AS (
         DELETE FROM engine_nodes WHERE ended_at < now() - interval '7 days'
         RETURNING run_id
     ), batches AS (
         DELETE FROM rollup_batches b WHERE b.run_id IN (SELECT run_id FROM gone)
     ), forgotten AS (
         DELETE FROM provider_health h
         WHERE h.run_id IN (SELECT run_id FROM gone)
            OR NOT EXISTS (SELECT FROM engine_nodes n WHERE n.run_id = h.run_id)
     )
     SELECT count(*) FROM gone"
);

// Hours that nobody writes to any more become one row a day, tenant and channel; the sums stay. A week
// of them is looked at, so that a look costs no more when years are kept.
statement!(
    FoldIntake(most: i64 => Int8) -> Int8 =
    "WITH old AS (
         DELETE FROM intake WHERE ctid = ANY (ARRAY(
             SELECT ctid FROM intake
             WHERE hour < now() - interval '2 days' AND hour >= now() - interval '9 days'
               AND (shard <> 0 OR hour <> date_trunc('day', hour, 'UTC'))
             LIMIT ? FOR UPDATE SKIP LOCKED))
         RETURNING hour, tenant_id, channel, consumed, accepted_api, rejected, duplicates, erased
     ), folded AS (
         INSERT INTO intake
             (hour, tenant_id, channel, shard, consumed, accepted_api, rejected, duplicates, erased)
         SELECT date_trunc('day', hour, 'UTC'), tenant_id, channel, 0, sum(consumed)::bigint,
                sum(accepted_api)::bigint, sum(rejected)::bigint, sum(duplicates)::bigint, sum(erased)::bigint
         FROM old GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
         ON CONFLICT (hour, tenant_id, channel, shard) DO UPDATE SET
             consumed = intake.consumed + excluded.consumed,
             accepted_api = intake.accepted_api + excluded.accepted_api,
             rejected = intake.rejected + excluded.rejected,
             duplicates = intake.duplicates + excluded.duplicates,
             erased = intake.erased + excluded.erased
     )
     SELECT count(*) FROM old"
);

statement!(
    ForgetIntake(most: i64 => Int8) -> Int8 =
    "WITH gone AS (
         DELETE FROM intake WHERE ctid = ANY (ARRAY(
             SELECT ctid FROM intake WHERE hour < now() - interval '400 days'
             LIMIT ? FOR UPDATE SKIP LOCKED))
         RETURNING 1
     )
     SELECT count(*) FROM gone"
);

statement!(
    ForgetHours() -> Int8 =
    "WITH gone AS (
         DELETE FROM ledger_hours WHERE hour < now() - interval '400 days' RETURNING 1
     ), counted AS (
         DELETE FROM counted_hours WHERE hour < now() - interval '400 days'
     )
     SELECT count(*) FROM gone"
);

statement!(
    ForgetQuarantined() -> Int8 =
    "WITH gone AS (
         DELETE FROM notification_quarantine WHERE resolved_at < now() - interval '30 days'
         RETURNING 1
     )
     SELECT count(*) FROM gone"
);

/// A walk over the pages of all keys, round and round: what it costs grows with the keys alone, and
/// inserting one costs nothing.
#[derive(Debug, Default)]
pub struct KeyWalk {
    /// The page to go on with. Nobody's at first: nodes that are started again and again must not all
    /// begin at the same end.
    page: Option<i64>,
}

impl KeyWalk {
    /// Removes keys whose deduplication window is over, and whose notification no longer waits, from
    /// the next twelfth of the table, of a small table from all of it; returns how many. Until the
    /// walk comes by, such a key is free for whoever claims it.
    ///
    /// # Errors
    /// When the database fails; the walk goes on where it was.
    pub async fn forget_keys(&mut self, database: &Database) -> Result<u64, StoreError> {
        let mut connection = database.get().await?;
        let pages: i64 = KeyPages {}.get_result(&mut *connection).await?;
        drop(connection);
        let mut page = self
            .page
            .unwrap_or_else(|| rand::random_range(0..pages.max(1)));
        let mut left = (pages / ROUNDS + 1).max(STEP).min(pages);
        let mut forgotten = 0;
        while left > 0 {
            // The table may have become shorter.
            if page >= pages {
                page = 0;
            }
            let to = (page + STEP.min(left)).min(pages);
            let mut connection = database.get().await?;
            let gone: i64 = ForgetKeys { from: page, to }
                .get_result(&mut *connection)
                .await?;
            forgotten += u64::try_from(gone).unwrap_or(0);
            left -= to - page;
            page = to;
            self.page = Some(page);
        }
        Ok(forgotten)
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

/// Removes the quarantined outcomes that somebody dealt with a month ago; returns how many. What
/// nobody has looked at stays.
///
/// # Errors
/// When the database fails; what is left is removed the next time.
pub async fn forget_quarantined(database: &Database) -> Result<u64, StoreError> {
    let mut connection = database.get().await?;
    let gone: i64 = ForgetQuarantined {}.get_result(&mut *connection).await?;
    drop(connection);
    quarantine::resolve_event(database).await?;
    Ok(u64::try_from(gone).unwrap_or(0))
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

/// Makes days of the hours of the books that are two days old, and removes what is 400 days old; returns
/// how many rows went. What is kept adds up to what was counted.
///
/// # Errors
/// When the database fails; what is left is done the next time.
pub async fn fold_intake(database: &Database) -> Result<u64, StoreError> {
    let mut gone_in_all = 0;
    loop {
        let mut connection = database.get().await?;
        let folded: i64 = FoldIntake { most: CHUNK }
            .get_result(&mut *connection)
            .await?;
        let gone: i64 = ForgetIntake { most: CHUNK }
            .get_result(&mut *connection)
            .await?;
        gone_in_all += u64::try_from(folded + gone).unwrap_or(0);
        if folded < CHUNK && gone < CHUNK {
            return Ok(gone_in_all);
        }
    }
}

/// Removes the books of hours that ended 400 days ago; says how many rows.
///
/// # Errors
/// The database is out of reach.
pub async fn forget_hours(database: &Database) -> Result<u64, StoreError> {
    let mut connection = database.get().await?;
    let gone: i64 = ForgetHours {}.get_result(&mut *connection).await?;
    Ok(u64::try_from(gone).unwrap_or(0))
}
