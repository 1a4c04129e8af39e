//! Counting an hour: from one snapshot, in slices that each take a statement's time.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use diesel::sql_types::{Array, BigInt, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use jiff::{Timestamp, ToSpan};
use uuid::Uuid;

use super::super::statement::statement;
use super::super::{StoreError, notifications, time};
use super::LedgerRow;
use crate::domain::LedgerHour;

/// Minutes of a slice: a million notifications are counted within a second or two.
const SLICE: i64 = 5;
/// Slices of an hour.
const SLICES: i64 = 60 / SLICE;

/// All statements of the transaction see one state of the database.
const SNAPSHOT: &str = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ";

/// Begins to count, in a transaction in which nothing was asked yet.
pub(super) async fn begin(connection: &mut AsyncPgConnection) -> Result<(), StoreError> {
    Ok(connection.batch_execute(SNAPSHOT).await?)
}

statement!(
    Came(hour: DateTime<Utc> => Timestamptz, tenant_id: Option<Uuid> => Nullable<SqlUuid>)
        -> (SqlUuid, BigInt, BigInt, BigInt, BigInt, BigInt) =
    "SELECT i.tenant_id, sum(i.consumed)::bigint, sum(i.accepted_api)::bigint, sum(i.rejected)::bigint,
            sum(i.duplicates)::bigint, sum(i.erased)::bigint
     FROM intake i, (SELECT ?::timestamptz, ?::uuid) AS asked (hour, tenant_id)
     WHERE i.hour = asked.hour AND (asked.tenant_id IS NULL OR i.tenant_id = asked.tenant_id)
     GROUP BY i.tenant_id"
);

statement!(
    /// Those of a slice of ids: stored by status; claimed and not stored (`in_flight`); in quarantine.
    Became(
        from: Uuid => SqlUuid,
        before: Uuid => SqlUuid,
        tenant_id: Option<Uuid> => Nullable<SqlUuid>,
    ) -> (SqlUuid, Text, BigInt) =
    "WITH slice AS (
         SELECT ?::uuid AS from_id, ?::uuid AS before_id, ?::uuid AS tenant_id
     )
     SELECT n.tenant_id, n.status, count(*) FROM notifications n, slice
     WHERE n.id >= from_id AND n.id < before_id AND (slice.tenant_id IS NULL OR n.tenant_id = slice.tenant_id)
     GROUP BY 1, 2
     UNION ALL
     SELECT d.tenant_id, 'in_flight', count(*) FROM notification_deduplication d, slice
     WHERE d.notification_id >= from_id AND d.notification_id < before_id
       AND d.tenant_id IS NOT NULL AND (slice.tenant_id IS NULL OR d.tenant_id = slice.tenant_id)
       AND NOT EXISTS (SELECT FROM notifications n WHERE n.id = d.notification_id)
       AND NOT EXISTS (SELECT FROM notification_quarantine q WHERE q.notification_id = d.notification_id)
     GROUP BY 1
     UNION ALL
     SELECT q.tenant_id, 'quarantined', count(*) FROM notification_quarantine q, slice
     WHERE q.notification_id >= from_id AND q.notification_id < before_id
       AND (slice.tenant_id IS NULL OR q.tenant_id = slice.tenant_id)
       AND NOT EXISTS (SELECT FROM notifications n WHERE n.id = q.notification_id)
     GROUP BY 1"
);

/// Counts an hour of a tenant, of all tenants without one, in the order of the tenants.
///
/// # Errors
/// The database is out of reach.
pub(super) async fn count(
    connection: &mut AsyncPgConnection,
    hour: Timestamp,
    tenant_id: Option<Uuid>,
) -> Result<Vec<LedgerHour>, StoreError> {
    let mut hours: BTreeMap<Uuid, LedgerHour> = BTreeMap::new();
    let came = Came {
        hour: time::to_database(hour),
        tenant_id,
    };
    let rows: Vec<(Uuid, i64, i64, i64, i64, i64)> = came.load(connection).await?;
    for (tenant, consumed, accepted_api, rejected, duplicates, erased) in rows {
        let entry = hours.entry(tenant).or_insert_with(|| empty(hour, tenant));
        (entry.consumed, entry.accepted_api) = (consumed, accepted_api);
        (entry.rejected, entry.duplicates, entry.erased) = (rejected, duplicates, erased);
    }
    for slice in 0..SLICES {
        let edge = |slices: i64| {
            let moment = hour.checked_add((slices * SLICE).minutes());
            notifications::bound(moment.unwrap_or(hour))
        };
        let became = Became {
            from: edge(slice),
            before: edge(slice + 1),
            tenant_id,
        };
        let rows: Vec<(Uuid, String, i64)> = became.load(connection).await?;
        for (tenant, what, many) in rows {
            let entry = hours.entry(tenant).or_insert_with(|| empty(hour, tenant));
            *figure(entry, &what)? += many;
        }
    }
    Ok(hours.into_values().collect())
}

fn empty(hour: Timestamp, tenant_id: Uuid) -> LedgerHour {
    LedgerHour {
        hour,
        tenant_id,
        consumed: 0,
        accepted_api: 0,
        rejected: 0,
        duplicates: 0,
        sent: 0,
        failed: 0,
        cancelled: 0,
        pending: 0,
        in_flight: 0,
        quarantined: 0,
        erased: 0,
    }
}

fn figure<'a>(hour: &'a mut LedgerHour, what: &str) -> Result<&'a mut i64, StoreError> {
    Ok(match what {
        "sent" => &mut hour.sent,
        "failed" => &mut hour.failed,
        "cancelled" => &mut hour.cancelled,
        "pending" => &mut hour.pending,
        "in_flight" => &mut hour.in_flight,
        "quarantined" => &mut hour.quarantined,
        // A newer version's status would be missing from the sum without a word.
        other => return Err(StoreError::Corrupt(format!("a notification is {other}"))),
    })
}

/// From a written row.
pub(super) fn entry((hour, tenant_id, figures): LedgerRow) -> Option<LedgerHour> {
    let [
        consumed,
        accepted_api,
        rejected,
        duplicates,
        sent,
        failed,
        cancelled,
        pending,
        in_flight,
        quarantined,
        erased,
    ] = figures.try_into().ok()?;
    Some(LedgerHour {
        hour: time::from_database(hour),
        tenant_id,
        consumed,
        accepted_api,
        rejected,
        duplicates,
        sent,
        failed,
        cancelled,
        pending,
        in_flight,
        quarantined,
        erased,
    })
}

statement!(
    Replace(
        hour: DateTime<Utc> => Timestamptz,
        tenants: Vec<Uuid> => Array<SqlUuid>,
        consumed: Vec<i64> => Array<BigInt>,
        accepted_api: Vec<i64> => Array<BigInt>,
        rejected: Vec<i64> => Array<BigInt>,
        duplicates: Vec<i64> => Array<BigInt>,
        sent: Vec<i64> => Array<BigInt>,
        failed: Vec<i64> => Array<BigInt>,
        cancelled: Vec<i64> => Array<BigInt>,
        pending: Vec<i64> => Array<BigInt>,
        in_flight: Vec<i64> => Array<BigInt>,
        quarantined: Vec<i64> => Array<BigInt>,
        erased: Vec<i64> => Array<BigInt>,
    ) -> diesel::sql_types::Bool =
    "INSERT INTO ledger_hours (hour, tenant_id, consumed, accepted_api, rejected, duplicates, sent, failed,
         cancelled, pending, in_flight, quarantined, erased)
     SELECT h.hour, c.* FROM (SELECT ?::timestamptz AS hour) h,
         unnest(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) AS c
     ON CONFLICT (hour, tenant_id) DO UPDATE SET
         consumed = excluded.consumed, accepted_api = excluded.accepted_api, rejected = excluded.rejected,
         duplicates = excluded.duplicates, sent = excluded.sent, failed = excluded.failed,
         cancelled = excluded.cancelled, pending = excluded.pending, in_flight = excluded.in_flight,
         quarantined = excluded.quarantined, erased = excluded.erased, counted_at = now()
     RETURNING true"
);

/// Writes the books of an hour in place of what was written before.
pub(super) async fn replace(
    connection: &mut AsyncPgConnection,
    hour: Timestamp,
    counted: &[LedgerHour],
) -> Result<(), StoreError> {
    let column = |of: fn(&LedgerHour) -> i64| counted.iter().map(of).collect();
    let replace = Replace {
        hour: time::to_database(hour),
        tenants: counted.iter().map(|it| it.tenant_id).collect(),
        consumed: column(|it| it.consumed),
        accepted_api: column(|it| it.accepted_api),
        rejected: column(|it| it.rejected),
        duplicates: column(|it| it.duplicates),
        sent: column(|it| it.sent),
        failed: column(|it| it.failed),
        cancelled: column(|it| it.cancelled),
        pending: column(|it| it.pending),
        in_flight: column(|it| it.in_flight),
        quarantined: column(|it| it.quarantined),
        erased: column(|it| it.erased),
    };
    let _: Vec<bool> = replace.load(connection).await?;
    Ok(())
}
