//! Hourly figures, read.

use chrono::{DateTime, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Bool, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use jiff::Timestamp;
use uuid::Uuid;

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
    /// Milliseconds from publication to acceptance, on average; `None` when nothing was sent.
    pub average_ms: Option<i64>,
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
        "SELECT m.moment AS hour, CASE WHEN $4 THEN m.provider END AS provider,
                CASE WHEN $5 THEN m.message_type END AS channel, sum(m.total_sent)::bigint AS sent,
                sum(m.total_failed)::bigint AS failed, sum(m.total_pending)::bigint AS pending,
                (sum(m.delivery_ms_total) / nullif(sum(m.total_sent), 0))::bigint AS average_ms
         FROM (SELECT *, (date + make_interval(hours => hour)) AT TIME ZONE 'UTC' AS moment
               FROM notification_metrics
               WHERE hour IS NOT NULL AND ($1 IS NULL OR tenant_id = $1)
                 AND date >= ($2 AT TIME ZONE 'UTC')::date AND date <= ($3 AT TIME ZONE 'UTC')::date) m
         WHERE m.moment >= $2 AND m.moment < $3
         GROUP BY 1, 2, 3 ORDER BY 1 DESC, 2, 3 LIMIT $6",
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
