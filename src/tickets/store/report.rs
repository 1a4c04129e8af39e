//! How the desk kept its targets: read from one index, of which a span of ids is a span of time.

use diesel::sql_types::{Array, Double, Int8, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use jiff::Timestamp;
use uuid::Uuid;

use super::row::word;
use crate::store::statement::statement;
use crate::store::{PgConnection, StoreError};
use crate::tickets::domain::{ServiceKept, ServiceLine};

statement!(
    Report(tenant: Uuid => SqlUuid, from: Uuid => SqlUuid, to: Uuid => SqlUuid) -> (
        Nullable<Text>, Text, Int8, Int8, Int8, Nullable<Array<Double>>, Int8, Int8, Nullable<Array<Double>>
    ) =
    "SELECT category, priority, count(*),
         count(*) FILTER (WHERE first_response_kept),
         count(*) FILTER (WHERE NOT first_response_kept OR first_response_due_at <= now()),
         percentile_cont(ARRAY[0.5, 0.9]) WITHIN GROUP (
             ORDER BY extract(epoch FROM first_responded_at - created_at)::float8),
         count(*) FILTER (WHERE resolution_kept),
         count(*) FILTER (WHERE NOT resolution_kept OR resolution_due_at <= now()),
         percentile_cont(ARRAY[0.5, 0.9]) WITHIN GROUP (
             ORDER BY extract(epoch FROM coalesce(resolved_at, closed_at) - created_at)::float8)
     FROM support_tickets
     WHERE tenant_id = ? AND id >= ? AND id < ? AND deleted_at IS NULL
     GROUP BY category, priority"
);

type ReportColumns = (
    Option<String>,
    String,
    i64,
    i64,
    i64,
    Option<Vec<f64>>,
    i64,
    i64,
    Option<Vec<f64>>,
);

/// How targets were kept of a tenant's tickets that were made in a span, by category and priority.
///
/// # Errors
/// The database is out of reach.
pub async fn report(
    connection: &mut PgConnection,
    tenant: Uuid,
    (since, until): (Timestamp, Timestamp),
) -> Result<Vec<ServiceLine>, StoreError> {
    let asked = Report {
        tenant,
        from: first_id(since),
        to: first_id(until),
    };
    let rows: Vec<ReportColumns> = asked.load(connection).await?;
    rows.into_iter().map(line).collect()
}

fn line(
    (category, priority, asked, first, first_missed, answered, ended, ended_late, resolved): ReportColumns,
) -> Result<ServiceLine, StoreError> {
    let kept = |in_time, missed, took: Option<Vec<f64>>| {
        let at = |at: usize| took.as_ref()?.get(at).copied();
        ServiceKept {
            in_time,
            missed,
            median: at(0),
            p90: at(1),
        }
    };
    Ok(ServiceLine {
        category,
        priority: word(&priority)?,
        asked,
        first_response: kept(first, first_missed, answered),
        resolution: kept(ended, ended_late, resolved),
    })
}

/// The least id that is made at a moment.
fn first_id(moment: Timestamp) -> Uuid {
    let milliseconds = u128::try_from(moment.as_millisecond()).unwrap_or(0);
    Uuid::from_u128(milliseconds << 80)
}
