//! The books: what came in, and what became of it, by hour and tenant, from committed rows alone.
//!
//! An hour is counted while it runs, and for good once it is over: its rollups with it. What changes an hour
//! that is over (an outcome that was stored late, a dead letter that is sent on its way again) marks it in the
//! same transaction, and it is counted again.

use chrono::{DateTime, Utc};
use diesel::sql_types::{BigInt, Bool, Nullable, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use jiff::Timestamp;
use uuid::Uuid;

use super::statement::statement;
use super::{Database, StoreError, metrics, notifications, time, turn};
use crate::domain::{LedgerHour, ledger};

mod counting;
mod empty;

use counting::count;
pub use empty::close_empty;

/// Marks those of some `hours` (a sub-query with a column `hour`) that are over, so that they are counted again. In
/// the statement that changes what was counted of them.
macro_rules! mark_hours {
    () => {
        "INSERT INTO counted_hours AS c (hour, marks)
         SELECT hour, 1 FROM hours WHERE hour < date_trunc('hour', now(), 'UTC') GROUP BY 1 ORDER BY 1
         ON CONFLICT (hour) DO UPDATE SET marks = c.marks + 1"
    };
}
pub(super) use mark_hours;

/// How an hour stands that is to be counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HourToCount {
    /// Its beginning.
    pub hour: Timestamp,
    /// Whether it is over, and nothing is added to it any more but by marks.
    pub is_over: bool,
    /// Whether its books are closed for good, and only its rollups are counted again.
    pub is_closed: bool,
    /// The marks that it had.
    pub marks: i64,
}

/// The beginning of the hour of a notification's id, as the database holds it.
pub(super) fn hour_of(id: Uuid) -> DateTime<Utc> {
    time::to_database(ledger::hour_of(notifications::moment(id)))
}

// Differences are added to an hour for four minutes after its end (`store::metrics`), and a statement may take
// one: six minutes after it, it holds all that was written meanwhile. The running hour is counted again after a
// minute, and seldom enough to take no more than a hundredth of the time. A thorough look adds up the intake of all
// hours, which nobody folds for two days: it sees what came in late. It counts an hour again in which something was
// in flight, until that has ended. Of an older hour only the rollups are counted again, for its intake is folded; and
// only while what was stored in it, or before it, is still there.
statement!(
    /// The hours of the last two days that are to be counted, and at most a day of older ones, the oldest first.
    ToCount(thorough: bool => Bool, also_older: bool => Bool) -> (Timestamptz, Bool, BigInt, Bool) =
    "SELECT h.hour, h.is_over, coalesce(c.marks, 0), false
     FROM (SELECT hour, hour + interval '66 minutes' <= now() AS is_over FROM generate_series(
               date_trunc('hour', now(), 'UTC') - interval '46 hours',
               date_trunc('hour', now(), 'UTC'), interval '1 hour') AS all_hours (hour)) h
     LEFT JOIN counted_hours c ON c.hour = h.hour
     WHERE CASE WHEN h.is_over THEN
         c.closed_at IS NULL OR c.marks IS DISTINCT FROM c.counted_marks
         OR ?::boolean AND c.counted_at < now() - interval '10 minutes' AND (
             EXISTS (SELECT FROM ledger_hours l WHERE l.hour = h.hour AND l.in_flight > 0)
             OR (SELECT coalesce(sum(i.consumed + i.accepted_api + i.erased), 0) FROM intake i WHERE i.hour = h.hour)
                <> (SELECT coalesce(sum(l.consumed + l.accepted_api + l.erased), 0)
                    FROM ledger_hours l WHERE l.hour = h.hour))
     ELSE
         c.counted_at IS NULL
         OR c.counted_at < now() - greatest(interval '1 minute', c.took_ms * interval '100 milliseconds')
     END
     UNION ALL
     (SELECT hour, true, marks, true FROM counted_hours
      WHERE ?::boolean AND marks IS DISTINCT FROM counted_marks
        AND hour >= now() - interval '35 days' AND hour < date_trunc('hour', now(), 'UTC') - interval '46 hours'
        AND EXISTS (SELECT FROM notifications n WHERE n.id < uuid_bound(hour + interval '1 hour'))
      ORDER BY hour LIMIT 24)
     ORDER BY 1"
);

statement!(
    Counted(
        hour: DateTime<Utc> => Timestamptz,
        marks: i64 => BigInt,
        took_ms: i64 => BigInt,
        is_over: bool => Bool,
    ) -> Bool =
    "INSERT INTO counted_hours AS c (hour, counted_marks, took_ms, counted_at, closed_at)
     SELECT hour, marks, took_ms, now(), CASE WHEN is_over THEN now() END
     FROM (SELECT ?::timestamptz, ?::bigint, ?::bigint, ?::boolean) AS counted (hour, marks, took_ms, is_over)
     ON CONFLICT (hour) DO UPDATE SET counted_marks = excluded.counted_marks, took_ms = excluded.took_ms,
         counted_at = excluded.counted_at, closed_at = coalesce(excluded.closed_at, c.closed_at)
     RETURNING true"
);

/// The hours that are to be counted, the oldest first. A thorough look costs a sum over the intake of two days.
///
/// # Errors
/// The database is out of reach.
pub async fn to_count(database: &Database, thorough: bool) -> Result<Vec<HourToCount>, StoreError> {
    let to_count = ToCount {
        thorough,
        also_older: thorough,
    };
    let rows: Vec<(DateTime<Utc>, bool, i64, bool)> =
        to_count.load(&mut *database.get().await?).await?;
    let hour = |(hour, is_over, marks, is_closed)| HourToCount {
        hour: time::from_database(hour),
        is_over,
        is_closed,
        marks,
    };
    Ok(rows.into_iter().map(hour).collect())
}

/// Counts an hour, and writes its books unless they are closed; its rollups too, if it is over. `false` when another node counts.
///
/// # Errors
/// The database is out of reach, or the hour was changed meanwhile: it is counted again.
pub async fn write(database: &Database, counted: HourToCount) -> Result<bool, StoreError> {
    let began = crate::runtime::clock::instant();
    let written = database
        .transaction(async |connection| {
            counting::begin(connection).await?;
            if !turn::try_to_count(connection).await? {
                return Ok(false);
            }
            let hour = time::to_database(counted.hour);
            if empty::is_empty(connection, hour).await? {
                return Ok(true);
            }
            if !counted.is_closed {
                let hours = count(connection, counted.hour, None).await?;
                counting::replace(connection, counted.hour, &hours).await?;
            }
            if counted.is_over {
                metrics::recount(connection, counted.hour).await?;
            }
            Ok(true)
        })
        .await?;
    let written = written && write_events(database, counted.hour).await?;
    if written {
        let done = Counted {
            hour: time::to_database(counted.hour),
            marks: counted.marks,
            took_ms: i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX),
            is_over: counted.is_over,
        };
        let _: Vec<bool> = done.load(&mut *database.get().await?).await?;
    }
    Ok(written)
}

/// Counts what providers told of an hour; `false` when another node counts. Not from the snapshot of the books: every node
/// adds to the same rows while the hour runs, and whoever changes what was changed since the snapshot is turned away.
async fn write_events(database: &Database, hour: Timestamp) -> Result<bool, StoreError> {
    let work = async |connection: &mut AsyncPgConnection| {
        let is_ours = turn::try_to_count(connection).await?;
        if is_ours {
            metrics::count_events(connection, hour).await?;
        }
        Ok(is_ours)
    };
    database.transaction(work).await
}

type LedgerRow = (DateTime<Utc>, Uuid, Vec<i64>);

statement!(
    /// Written books: an array of the figures in the order of [`LedgerHour`]'s fields.
    Written(
        since: DateTime<Utc> => Timestamptz,
        until: DateTime<Utc> => Timestamptz,
        tenant_id: Option<Uuid> => Nullable<SqlUuid>,
    ) -> (Timestamptz, SqlUuid, diesel::sql_types::Array<BigInt>) =
    "SELECT l.hour, l.tenant_id, ARRAY[l.consumed, l.accepted_api, l.rejected, l.duplicates, l.sent, l.failed,
            l.cancelled, l.pending, l.in_flight, l.quarantined, l.erased]
     FROM ledger_hours l, (SELECT ?::timestamptz, ?::timestamptz, ?::uuid) AS asked (since, until, tenant_id)
     WHERE l.hour >= asked.since AND l.hour < asked.until
       AND (asked.tenant_id IS NULL OR l.tenant_id = asked.tenant_id)
     ORDER BY l.hour, l.tenant_id"
);

/// The books as they were written, of the hours from `since` to `until`, in the order of the hours.
///
/// # Errors
/// The database is out of reach.
async fn written(
    connection: &mut AsyncPgConnection,
    since: Timestamp,
    until: Timestamp,
    tenant_id: Option<Uuid>,
) -> Result<Vec<LedgerHour>, StoreError> {
    let written = Written {
        since: time::to_database(since),
        until: time::to_database(until),
        tenant_id,
    };
    let rows: Vec<LedgerRow> = written.load(connection).await?;
    Ok(rows.into_iter().filter_map(counting::entry).collect())
}

statement!(
    /// The hours of the last two days that are not counted for good.
    Unsettled() -> Timestamptz =
    "SELECT h.hour FROM generate_series(date_trunc('hour', now(), 'UTC') - interval '46 hours',
         date_trunc('hour', now(), 'UTC'), interval '1 hour') AS h (hour)
     LEFT JOIN counted_hours c ON c.hour = h.hour
     WHERE c.closed_at IS NULL OR c.marks IS DISTINCT FROM c.counted_marks OR EXISTS (
         SELECT FROM ledger_hours l WHERE l.hour = h.hour AND (l.in_flight > 0 OR l.difference <> 0))"
);

/// The books of the hours from `since` to `until`, in the order of the hours: those that are counted for good as
/// they were written, the others counted now.
///
/// # Errors
/// The database is out of reach.
pub async fn read(
    database: &Database,
    since: Timestamp,
    until: Timestamp,
    tenant_id: Option<Uuid>,
) -> Result<Vec<LedgerHour>, StoreError> {
    let mut connection = database.get().await?;
    let unsettled: Vec<DateTime<Utc>> = Unsettled {}.load(&mut *connection).await?;
    let unsettled: Vec<Timestamp> = unsettled.into_iter().map(time::from_database).collect();
    let mut hours = written(&mut connection, since, until, tenant_id).await?;
    drop(connection);
    hours.retain(|it| !unsettled.contains(&it.hour));
    for hour in unsettled {
        if hour < since || hour >= until {
            continue;
        }
        let counted = database.transaction(async |connection| {
            counting::begin(connection).await?;
            count(connection, hour, tenant_id).await
        });
        hours.extend(counted.await?);
    }
    hours.sort_by_key(|it| (it.hour, it.tenant_id));
    Ok(hours)
}

statement!(
    Difference() -> BigInt =
    "SELECT coalesce(sum(abs(difference)), 0)::bigint FROM ledger_hours
     WHERE difference <> 0 AND hour > now() - interval '2 days'"
);

/// The sum of all differences of the last two days, whatever their sign.
///
/// # Errors
/// The database is out of reach.
pub async fn difference(database: &Database) -> Result<u64, StoreError> {
    let difference: i64 = Difference {}
        .get_result(&mut *database.get().await?)
        .await?;
    Ok(difference.unsigned_abs())
}
