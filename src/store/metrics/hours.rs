//! Hourly figures, read.

use chrono::{DateTime, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Bool, Int2, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use jiff::Timestamp;
use uuid::Uuid;

use crate::domain::DurationHistogram;
use crate::store::StoreError;
use crate::store::time::{from_database, to_database};

/// Which hours are asked for, and by what they are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HoursAsked {
    /// The hours that begin at this time or later.
    pub since: Timestamp,
    /// The hours that begin before this time.
    pub until: Timestamp,
    /// Each account apart.
    pub by_provider: bool,
    /// Each channel apart.
    pub by_channel: bool,
}

/// The figures of an hour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HourFigures {
    /// Its beginning.
    pub hour: Timestamp,
    /// Of which account; empty for none. `None` when they are not told apart.
    pub provider: Option<String>,
    /// Of which channel; `None` when they are not told apart.
    pub channel: Option<String>,
    /// Sent.
    pub sent: i64,
    /// Failed for good.
    pub failed: i64,
    /// Put off.
    pub pending: i64,
    /// Milliseconds from acceptance here (or the time for which it was asked) to acceptance there, on average;
    /// `None` when nothing was sent.
    pub average_ms: Option<i64>,
    /// How long they took; nothing while the hour runs.
    pub took: DurationHistogram,
    /// What providers told of it later.
    pub told: ToldFigures,
}

/// What providers told later, in the hour in which it happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ToldFigures {
    /// Delivered.
    pub delivered: i64,
    /// Came back, for good or for now.
    pub bounced: i64,
    /// Complained of.
    pub complained: i64,
    /// Opened by a person.
    pub opened: i64,
    /// Clicked.
    pub clicked: i64,
    /// Unsubscribed by.
    pub unsubscribed: i64,
}

#[derive(QueryableByName)]
struct HourRow {
    #[diesel(sql_type = Timestamptz)]
    hour: DateTime<Utc>,
    #[diesel(sql_type = Nullable<Text>)]
    provider: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    channel: Option<String>,
    #[diesel(sql_type = BigInt)]
    sent: i64,
    #[diesel(sql_type = BigInt)]
    failed: i64,
    #[diesel(sql_type = BigInt)]
    pending: i64,
    #[diesel(sql_type = Nullable<BigInt>)]
    average_ms: Option<i64>,
    #[diesel(sql_type = Array<Int2>)]
    buckets: Vec<i16>,
    #[diesel(sql_type = Array<BigInt>)]
    counts: Vec<i64>,
    #[diesel(sql_type = BigInt)]
    delivered: i64,
    #[diesel(sql_type = BigInt)]
    bounced: i64,
    #[diesel(sql_type = BigInt)]
    complained: i64,
    #[diesel(sql_type = BigInt)]
    opened: i64,
    #[diesel(sql_type = BigInt)]
    clicked: i64,
    #[diesel(sql_type = BigInt)]
    unsubscribed: i64,
}

impl From<HourRow> for HourFigures {
    fn from(row: HourRow) -> Self {
        Self {
            hour: from_database(row.hour),
            provider: row.provider,
            channel: row.channel,
            sent: row.sent,
            failed: row.failed,
            pending: row.pending,
            average_ms: row.average_ms,
            took: DurationHistogram::of(row.buckets.into_iter().zip(row.counts)),
            told: ToldFigures {
                delivered: row.delivered,
                bounced: row.bounced,
                complained: row.complained,
                opened: row.opened,
                clicked: row.clicked,
                unsubscribed: row.unsubscribed,
            },
        }
    }
}

/// The figures of a tenant's hours, of all tenants' together without one, the newest first, at most so many.
///
/// # Errors
/// The database is out of reach.
pub async fn hours(
    connection: &mut AsyncPgConnection,
    tenant_id: Option<Uuid>,
    asked: &HoursAsked,
    most: usize,
) -> Result<Vec<HourFigures>, StoreError> {
    let query = diesel::sql_query(
        "WITH m AS (
             SELECT moment, CASE WHEN $4 THEN provider END AS provider, CASE WHEN $5 THEN message_type END AS channel,
                    total_sent, total_failed, total_pending, delivery_ms_total, delivery_buckets, delivery_counts,
                    total_delivered, total_bounced, total_complained, total_opened, total_clicked, total_unsubscribed
             FROM (SELECT *, (date + make_interval(hours => hour)) AT TIME ZONE 'UTC' AS moment
                   FROM notification_metrics
                   WHERE hour IS NOT NULL AND ($1 IS NULL OR tenant_id = $1)
                     AND date >= ($2 AT TIME ZONE 'UTC')::date AND date <= ($3 AT TIME ZONE 'UTC')::date) found
             WHERE moment >= $2 AND moment < $3
         ), took AS (
             SELECT moment, provider, channel, array_agg(bucket) AS buckets, array_agg(count) AS counts
             FROM (SELECT moment, provider, channel, b.bucket, sum(b.count)::bigint AS count
                   FROM m, unnest(delivery_buckets, delivery_counts) AS b (bucket, count)
                   GROUP BY 1, 2, 3, 4) by_bucket
             GROUP BY 1, 2, 3
         ), figures AS (
             SELECT moment, provider, channel, sum(total_sent)::bigint AS sent, sum(total_failed)::bigint AS failed,
                    sum(total_pending)::bigint AS pending,
                    (sum(delivery_ms_total) / nullif(sum(total_sent), 0))::bigint AS average_ms,
                    sum(total_delivered)::bigint AS delivered, sum(total_bounced)::bigint AS bounced,
                    sum(total_complained)::bigint AS complained, sum(total_opened)::bigint AS opened,
                    sum(total_clicked)::bigint AS clicked, sum(total_unsubscribed)::bigint AS unsubscribed
             FROM m GROUP BY 1, 2, 3 ORDER BY 1 DESC, 2, 3 LIMIT $6
         )
         SELECT f.moment AS hour, f.provider, f.channel, f.sent, f.failed, f.pending, f.average_ms,
                f.delivered, f.bounced, f.complained, f.opened, f.clicked, f.unsubscribed,
                coalesce(t.buckets, '{}') AS buckets, coalesce(t.counts, '{}') AS counts
         FROM figures f LEFT JOIN took t ON t.moment = f.moment AND t.provider IS NOT DISTINCT FROM f.provider
             AND t.channel IS NOT DISTINCT FROM f.channel
         ORDER BY f.moment DESC, f.provider, f.channel",
    );
    let query = query
        .bind::<Nullable<SqlUuid>, _>(tenant_id)
        .bind::<Timestamptz, _>(to_database(asked.since))
        .bind::<Timestamptz, _>(to_database(asked.until))
        .bind::<Bool, _>(asked.by_provider)
        .bind::<Bool, _>(asked.by_channel)
        .bind::<BigInt, _>(i64::try_from(most).unwrap_or(i64::MAX));
    let rows: Vec<HourRow> = query.load(connection).await?;
    Ok(rows.into_iter().map(HourFigures::from).collect())
}
