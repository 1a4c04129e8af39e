//! Events that came before the row of their notification: they are looked at again.

use diesel::sql_types::Int8;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::super::ledger::mark_hours;
use super::super::statement::statement;
use super::super::{Database, StoreError};
use super::{KeptColumns, KeptEvent, KeptRow, kept, kept_columns};

// Each look-up is one row by index, however many events wait.
statement!(
    /// Takes events whose notification has a row by now.
    TakeEarly(most: i64 => Int8) -> KeptColumns = concat!(
    "WITH early AS MATERIALIZED (
         SELECT e.id, e.notification_id FROM email_logs e
         WHERE e.tenant_id IS NULL AND e.notification_id IS NOT NULL AND e.created_at > now() - interval '1 hour'
           AND (SELECT n.tenant_id FROM notifications n
                WHERE n.id = e.notification_id AND n.message_type = e.message_type LIMIT 1) IS NOT NULL
         ORDER BY e.created_at LIMIT ? FOR UPDATE SKIP LOCKED
     ), f AS (
         UPDATE email_logs e SET tenant_id = n.tenant_id,
             recipient = CASE WHEN e.matched_by = 'return_path' THEN n.recipient
                              ELSE coalesce(e.recipient, n.recipient) END
         FROM early CROSS JOIN LATERAL (
             SELECT n.tenant_id, n.recipient, n.status, n.provider, n.category
             FROM notifications n WHERE n.id = early.notification_id LIMIT 1) n
         WHERE e.id = early.id
         RETURNING e.id, e.provider, e.message_type, e.event, e.occurred_at, e.recipient, e.code, e.detail,
                   e.blame, e.tenant_id, e.notification_id, e.matched_by, n.status, n.provider AS sent_by,
                   n.category
     ), hours AS (
         SELECT date_trunc('hour', occurred_at, 'UTC') AS hour FROM f
     ), late AS (", mark_hours!(), "
     )
     SELECT ", kept_columns!(), "
     FROM f LEFT JOIN categories c ON c.tenant_id = f.tenant_id AND c.name = f.category"
    )
);

statement!(
    /// Lets go of what is known of people in events whose notification is gone, or never was.
    ForgetNobodys(most: i64 => Int8) -> Int8 =
    "WITH forgotten AS (
         UPDATE email_logs SET notification_id = NULL, matched_by = NULL, recipient = NULL, raw = NULL, detail = NULL
         WHERE id = ANY (ARRAY(
             SELECT id FROM email_logs
             WHERE tenant_id IS NULL AND notification_id IS NOT NULL AND created_at < now() - interval '1 hour'
             ORDER BY created_at LIMIT ? FOR UPDATE SKIP LOCKED))
         RETURNING 1
     )
     SELECT count(*) FROM forgotten"
);

/// Events whose notification has a row by now, which it had not when they came; at most so many. The transaction
/// around this does what follows from them.
///
/// # Errors
/// The database is out of reach.
pub async fn take_early(
    connection: &mut AsyncPgConnection,
    most: i64,
) -> Result<Vec<KeptEvent>, StoreError> {
    let rows: Vec<KeptRow> = TakeEarly { most }.load(connection).await?;
    rows.into_iter().map(kept).collect()
}

/// Lets go of what is known of people in events whose notification did not come within an hour: it is gone, and
/// its person may have been erased.
///
/// # Errors
/// The database is out of reach.
pub async fn forget_nobodys(database: &Database) -> Result<(), StoreError> {
    let forget = ForgetNobodys { most: 5_000 };
    let _: Vec<i64> = forget.load(&mut *database.get().await?).await?;
    Ok(())
}
