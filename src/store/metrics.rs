//! Hourly rollups, written as differences: several nodes add to the same row.

mod event_counting;
pub mod hours;
mod recounting;

pub(super) use event_counting::count_events;
pub(super) use recounting::recount;

use chrono::{DateTime, Utc};
use diesel::pg::Pg;
use diesel::query_builder::{BoxedSqlQuery, SqlQuery};
use diesel::sql_types::{Array, BigInt, Integer, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use jiff::Timestamp;
use uuid::Uuid;

use super::StoreError;
use super::lease::RunId;
use super::time::to_database;
use crate::domain::Channel;

/// What has been added to an hour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HourlyDelta {
    /// The tenant.
    pub tenant_id: Uuid,
    /// Any moment of the minute, and thus of the hour of UTC.
    pub at: Timestamp,
    /// The account, or what stands for one where there was none (`in_app`, `none`).
    pub provider: String,
    /// The channel.
    pub channel: Channel,
    /// Accepted by the provider.
    pub sent: i32,
    /// Failed for good.
    pub failed: i32,
    /// Put off; negative when fewer wait than before.
    pub pending: i32,
    /// Time from acceptance here, or from the time for which it was asked, to acceptance there, summed over those
    /// sent.
    pub delivery_ms: i64,
}

/// What a run adds at once, under a number of its own: one whose answer was lost is added again, and
/// must not count twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RollupBatch {
    /// The run.
    pub run: RunId,
    /// Its number: those of a run are added in order.
    pub number: i64,
    /// What is added.
    pub deltas: Vec<HourlyDelta>,
}

/// Sums what falls into one hour, since a statement may not meet the same row twice, and takes the
/// rows in one order, so that two nodes never wait for each other in a circle. Nothing is added to an hour that ended four
/// minutes ago: that is counted from the rows.
macro_rules! adding {
    ($before:literal, $counted:literal) => {
        concat!(
            "WITH ",
            $before,
            "delta AS ( \
        SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8) \
            AS delta (tenant_id, at, provider, message_type, sent, failed, pending, delivery_ms) ",
            $counted,
            " \
    ), minutes AS ( \
        INSERT INTO delivery_minutes AS t (tenant_id, minute, message_type, sent, failed, delivery_ms) \
        SELECT tenant_id, date_trunc('minute', at, 'UTC'), message_type, sum(sent), sum(failed), sum(delivery_ms) \
        FROM delta WHERE sent <> 0 OR failed <> 0 GROUP BY 2, 1, 3 ORDER BY 2, 1, 3 \
        ON CONFLICT (minute, tenant_id, message_type) DO UPDATE SET \
            sent = t.sent + EXCLUDED.sent, failed = t.failed + EXCLUDED.failed, \
            delivery_ms = t.delivery_ms + EXCLUDED.delivery_ms \
    ) \
    INSERT INTO notification_metrics AS m (id, tenant_id, date, hour, provider, message_type, \
        total_sent, total_failed, total_pending, delivery_ms_total) \
    SELECT gen_random_uuid(), tenant_id, \
        (at AT TIME ZONE 'UTC')::date, extract(hour FROM at AT TIME ZONE 'UTC')::integer, \
        provider, message_type, sum(sent), sum(failed), sum(pending), sum(delivery_ms) \
    FROM delta \
    WHERE date_trunc('hour', at, 'UTC') + interval '64 minutes' > now() \
    GROUP BY 2, 3, 4, 5, 6 ORDER BY 2, 3, 4, 5, 6 \
    ON CONFLICT ON CONSTRAINT notification_metrics_hour_key DO UPDATE SET \
        total_sent = m.total_sent + EXCLUDED.total_sent, \
        total_failed = m.total_failed + EXCLUDED.total_failed, \
        total_pending = m.total_pending + EXCLUDED.total_pending, \
        delivery_ms_total = m.delivery_ms_total + EXCLUDED.delivery_ms_total"
        )
    };
}

/// Nothing is added of a batch whose number is not new.
const BATCH: &str = adding!(
    "fresh AS ( \
        INSERT INTO rollup_batches AS r (run_id, batch) VALUES ($9, $10) \
        ON CONFLICT (run_id) DO UPDATE SET batch = EXCLUDED.batch WHERE r.batch < EXCLUDED.batch \
        RETURNING 1 \
    ), ",
    "WHERE EXISTS (SELECT FROM fresh)"
);

const CORRECTION: &str = adding!("", "");

/// Adds a batch to the rollups, once.
///
/// # Errors
/// The database is out of reach: nothing was added, or all of it. Adding it again is safe, as long as
/// no later batch of the run was added.
pub async fn add(
    connection: &mut AsyncPgConnection,
    batch: &RollupBatch,
) -> Result<(), StoreError> {
    bound(BATCH, &batch.deltas)
        .bind::<Integer, _>(batch.run.0)
        .bind::<BigInt, _>(batch.number)
        .execute(connection)
        .await?;
    Ok(())
}

/// Adds what is known otherwise by now, negative where less is. It may be lost, or be added twice if its answer is: the
/// hour is counted from the rows when it is over.
///
/// # Errors
/// The database is out of reach: nothing was added, or all of it.
pub async fn correct(
    connection: &mut AsyncPgConnection,
    deltas: &[HourlyDelta],
) -> Result<(), StoreError> {
    bound(CORRECTION, deltas).execute(connection).await?;
    Ok(())
}

fn bound<'a>(statement: &str, deltas: &'a [HourlyDelta]) -> BoxedSqlQuery<'a, Pg, SqlQuery> {
    fn column<T>(deltas: &[HourlyDelta], of: impl Fn(&HourlyDelta) -> T) -> Vec<T> {
        deltas.iter().map(of).collect()
    }
    let moments: Vec<DateTime<Utc>> = column(deltas, |delta| to_database(delta.at));
    let providers: Vec<&'a str> = deltas.iter().map(|delta| delta.provider.as_str()).collect();
    diesel::sql_query(statement)
        .into_boxed()
        .bind::<Array<SqlUuid>, _>(column(deltas, |delta| delta.tenant_id))
        .bind::<Array<Timestamptz>, _>(moments)
        .bind::<Array<Text>, _>(providers)
        .bind::<Array<Text>, _>(column(deltas, |delta| delta.channel.as_str()))
        .bind::<Array<Integer>, _>(column(deltas, |delta| delta.sent))
        .bind::<Array<Integer>, _>(column(deltas, |delta| delta.failed))
        .bind::<Array<Integer>, _>(column(deltas, |delta| delta.pending))
        .bind::<Array<BigInt>, _>(column(deltas, |delta| delta.delivery_ms))
}
