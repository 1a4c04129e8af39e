//! Counting the rollups of an hour that is over anew, from the rows.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use diesel::sql_types::{
    Array, BigInt, Bool, Date, Int4, SmallInt, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use jiff::{Timestamp, ToSpan};
use uuid::Uuid;

use super::super::statement::statement;
use super::super::{StoreError, notifications, time};
use crate::domain::DurationHistogram;

/// Minutes of a slice: what ended in one is counted by one statement.
const SLICE: i64 = 5;
/// Minutes of an hour.
const HOUR: i64 = 60;

// The bucket is that of `domain::durations`.
statement!(
    /// What ended in a slice of time, by tenant, account, channel and bucket of how long it took; -1 of what failed.
    Ended(
        from: DateTime<Utc> => Timestamptz,
        before: DateTime<Utc> => Timestamptz,
        first_later: Uuid => SqlUuid,
    ) -> (SqlUuid, Text, Text, SmallInt, BigInt, BigInt) =
    "WITH slice AS (
         SELECT ?::timestamptz AS from_moment, ?::timestamptz AS before_moment, ?::uuid AS first_later
     ), took AS (
         SELECT n.tenant_id, coalesce(n.provider, '') AS provider, n.message_type,
                greatest((extract(epoch FROM n.sent_at - greatest(n.created_at, n.send_at)) * 1000)::float8, 0) AS ms
         FROM notifications n, slice
         WHERE n.sent_at >= from_moment AND n.sent_at < before_moment AND n.id < first_later
     )
     SELECT tenant_id, provider, message_type,
            CASE WHEN ms < 1 THEN 0 ELSE least(500, 1 + floor(ln(ms) / ln(1.05))) END::smallint,
            count(*), sum(ms)::bigint
     FROM took GROUP BY 1, 2, 3, 4
     UNION ALL
     SELECT n.tenant_id, coalesce(n.provider, ''), n.message_type, -1::smallint, count(*), 0
     FROM notifications n, slice
     WHERE n.failed_at >= from_moment AND n.failed_at < before_moment AND n.id < first_later
     GROUP BY 1, 2, 3"
);

statement!(
    /// Of those that were begun in a slice of time, how many had not ended when the hour did.
    Open(from: Uuid => SqlUuid, before: Uuid => SqlUuid, end: DateTime<Utc> => Timestamptz)
        -> (SqlUuid, Text, BigInt) =
    "SELECT n.tenant_id, n.message_type, count(*)
     FROM notifications n, (SELECT ?::uuid, ?::uuid, ?::timestamptz) AS slice (from_id, before_id, hour_end)
     WHERE n.id >= from_id AND n.id < before_id
       AND (n.status = 'pending' OR coalesce(n.sent_at, n.failed_at) >= hour_end)
     GROUP BY 1, 2"
);

statement!(
    Empty(date: NaiveDate => Date, hour: i32 => Int4) -> Bool =
    "UPDATE notification_metrics SET total_sent = 0, total_failed = 0, total_pending = 0, delivery_ms_total = 0,
         delivery_buckets = NULL, delivery_counts = NULL
     WHERE date = ? AND hour = ? RETURNING true"
);

// One row at a time: an hour has as many as tenants, accounts and channels together.
statement!(
    Write(
        tenant_id: Uuid => SqlUuid,
        date: NaiveDate => Date,
        hour: i32 => Int4,
        provider: String => Text,
        channel: String => Text,
        sent: i64 => BigInt,
        failed: i64 => BigInt,
        pending: i64 => BigInt,
        delivery_ms: i64 => BigInt,
        buckets: Vec<i16> => Array<SmallInt>,
        counts: Vec<i64> => Array<BigInt>,
    ) -> Bool =
    "INSERT INTO notification_metrics AS m (tenant_id, date, hour, provider, message_type, total_sent,
         total_failed, total_pending, delivery_ms_total, delivery_buckets, delivery_counts)
     SELECT ?, ?, ?, ?, ?, ?::bigint::integer, ?::bigint::integer, ?::bigint::integer, ?, ?, ?
     ON CONFLICT ON CONSTRAINT notification_metrics_hour_key DO UPDATE SET
         total_sent = excluded.total_sent, total_failed = excluded.total_failed,
         total_pending = excluded.total_pending, delivery_ms_total = excluded.delivery_ms_total,
         delivery_buckets = excluded.delivery_buckets, delivery_counts = excluded.delivery_counts
     RETURNING true"
);

/// What is counted of an hour: of a tenant, an account and a channel.
#[derive(Default)]
struct RecountedRow {
    sent: i64,
    failed: i64,
    pending: i64,
    delivery_ms: i64,
    took: DurationHistogram,
}

/// Tenant, account (empty for none), channel.
type RowKey = (Uuid, String, String);

/// Writes the rollups of an hour anew, from what the rows say now: what was sent and what failed in it; `pending`
/// is what was begun in it and had not ended at its end.
///
/// # Errors
/// The database is out of reach.
pub(in crate::store) async fn recount(
    connection: &mut AsyncPgConnection,
    hour: Timestamp,
) -> Result<(), StoreError> {
    let mut rows: BTreeMap<RowKey, RecountedRow> = BTreeMap::new();
    let edge = |minutes: i64| hour.checked_add(minutes.minutes()).unwrap_or(hour);
    let end = edge(HOUR);
    for minute in (0..HOUR).step_by(usize::try_from(SLICE).unwrap_or(1)) {
        let (from, before) = (edge(minute), edge(minute + SLICE));
        let ended = Ended {
            from: time::to_database(from),
            before: time::to_database(before),
            first_later: notifications::bound(end),
        };
        let found: Vec<(Uuid, String, String, i16, i64, i64)> = ended.load(connection).await?;
        for (tenant, provider, channel, bucket, count, milliseconds) in found {
            let row = rows.entry((tenant, provider, channel)).or_default();
            if bucket < 0 {
                row.failed += count;
            } else {
                row.sent += count;
                row.delivery_ms += milliseconds;
                row.took.add(bucket, count);
            }
        }
        let open = Open {
            from: notifications::bound(from),
            before: notifications::bound(before),
            end: time::to_database(end),
        };
        let found: Vec<(Uuid, String, i64)> = open.load(connection).await?;
        for (tenant, channel, count) in found {
            rows.entry((tenant, String::new(), channel))
                .or_default()
                .pending += count;
        }
    }
    let start = time::to_database(hour);
    let (date, number) = (start.date_naive(), chrono::Timelike::hour(&start));
    let number = i32::try_from(number).unwrap_or(0);
    let _: Vec<bool> = Empty { date, hour: number }.load(connection).await?;
    for ((tenant_id, provider, channel), row) in rows {
        let (buckets, counts) = row.took.columns();
        let write = Write {
            tenant_id,
            date,
            hour: number,
            provider,
            channel,
            sent: row.sent,
            failed: row.failed,
            pending: row.pending,
            delivery_ms: row.delivery_ms,
            buckets,
            counts,
        };
        let _: Vec<bool> = write.load(connection).await?;
    }
    Ok(())
}
