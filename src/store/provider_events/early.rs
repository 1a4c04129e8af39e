//! Events that came before the row of their notification: they are looked at again.

use chrono::{DateTime, Utc};
use diesel::sql_types::{Int8, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::super::ledger::mark_hours;
use super::super::statement::statement;
use super::super::{Database, StoreError};
use super::place::EventPlace;
use super::verdict::verdict;
use super::{KeptColumns, KeptEvent, KeptRow, kept, kept_columns};

/// What a notification `n` says to an event that has waited for its row.
macro_rules! early_verdict {
    ("e") => {
        verdict!(
            "e.matched_by",
            "e.provider",
            "e.speaks_for",
            "e.recipient",
            "e.provider_message_id"
        )
    };
    ("early") => {
        verdict!(
            "early.matched_by",
            "early.provider",
            "early.speaks_for",
            "early.recipient",
            "early.provider_message_id"
        )
    };
}

// Each look-up is one row by index, however many events wait.
statement!(
    /// Takes events whose notification has a row by now which says whether it is theirs.
    TakeEarly(at: DateTime<Utc> => Timestamptz, id: Uuid => SqlUuid, most: i64 => Int8) -> KeptColumns = concat!(
    "WITH looked AS MATERIALIZED (
         SELECT e.id FROM email_logs e
         WHERE e.tenant_id IS NULL AND e.notification_id IS NOT NULL AND e.created_at > now() - interval '1 hour'
           AND (e.created_at, e.id) > (?, ?)
         ORDER BY e.created_at, e.id LIMIT ?
     ), early AS MATERIALIZED (
         SELECT e.id, e.notification_id, e.matched_by, e.recipient, e.provider, e.speaks_for, e.provider_message_id
         FROM email_logs e JOIN looked USING (id)
         WHERE e.tenant_id IS NULL AND e.notification_id IS NOT NULL
           AND (SELECT ", early_verdict!("e"), " FROM notifications n
                WHERE n.id = e.notification_id AND n.message_type = e.message_type LIMIT 1) <> 'unsure'
         FOR UPDATE OF e SKIP LOCKED
     ), held AS MATERIALIZED (
         SELECT early.id AS event_id, early.matched_by, early.recipient AS named, n.*
         FROM (SELECT * FROM early ORDER BY notification_id) early CROSS JOIN LATERAL (
             SELECT n.tenant_id, n.recipient, n.status, n.provider, n.category, ", early_verdict!("early"), "
             FROM notifications n WHERE n.id = early.notification_id LIMIT 1 FOR KEY SHARE) n
     ), f AS (
         UPDATE email_logs e SET
             tenant_id = CASE WHEN n.is_own THEN n.tenant_id END,
             notification_id = CASE WHEN n.is_own THEN e.notification_id END,
             matched_by = CASE WHEN n.is_own THEN e.matched_by END,
             misnamed = CASE WHEN NOT n.is_own THEN n.verdict END,
             event = CASE WHEN n.is_anothers THEN 'other' ELSE e.event END,
             blame = CASE WHEN n.is_own AND NOT n.is_anothers THEN e.blame END,
             recipient = CASE WHEN n.is_own THEN coalesce(n.recipient, e.recipient) END
         FROM (SELECT held.*, verdict IN ('own', 'unsure') AS is_own,
                      coalesce(matched_by = 'return_path' AND named <> recipient, false) AS is_anothers
               FROM held) n
         WHERE e.id = n.event_id
         RETURNING e.id, e.provider, e.message_type, e.event, e.occurred_at, e.recipient, e.code, e.detail,
                   e.blame, e.tenant_id, e.notification_id, e.matched_by, e.misnamed, n.status,
                   n.provider AS sent_by, n.category, e.speaks_for
     ), hours AS (
         SELECT date_trunc('hour', occurred_at, 'UTC') AS hour FROM f
     ), late AS (", mark_hours!(), "
     )
     SELECT ", kept_columns!(), "
     FROM f LEFT JOIN categories c ON c.tenant_id = f.tenant_id AND c.name = f.category"
    )
);

statement!(
    /// Takes events whose notification is gone, or never was, and lets go of what they know of people.
    TakeNobodys(most: i64 => Int8) -> KeptColumns = concat!(
    "WITH nobodys AS MATERIALIZED (
         SELECT id, recipient, matched_by FROM email_logs
         WHERE tenant_id IS NULL AND notification_id IS NOT NULL AND created_at < now() - interval '1 hour'
         ORDER BY created_at LIMIT ? FOR UPDATE SKIP LOCKED
     ), f AS (
         UPDATE email_logs e
         SET notification_id = NULL, matched_by = NULL, recipient = NULL, raw = NULL, detail = NULL
         FROM nobodys WHERE e.id = nobodys.id
         RETURNING e.id, e.provider, e.message_type, e.event, e.occurred_at,
                   CASE WHEN nobodys.matched_by <> 'return_path' THEN nobodys.recipient END AS recipient, e.code,
                   e.detail, e.blame, e.tenant_id, e.notification_id, e.matched_by, e.misnamed, NULL::text AS status,
                   NULL::text AS sent_by, NULL::text AS category, e.speaks_for
     )
     SELECT ", kept_columns!(), " FROM f CROSS JOIN (SELECT NULL::boolean AS may_disable) c")
);

statement!(
    /// Lets go of what is known of people in events that name no notification.
    ForgetUnmatched(most: i64 => Int8) -> Int8 =
    "WITH forgotten AS (
         UPDATE email_logs SET recipient = NULL, raw = NULL, detail = NULL
         WHERE id = ANY (ARRAY(
             SELECT id FROM email_logs
             WHERE notification_id IS NULL AND raw IS NOT NULL AND created_at < now() - interval '1 day'
             ORDER BY created_at LIMIT ? FOR UPDATE SKIP LOCKED))
         RETURNING 1
     )
     SELECT count(*) FROM forgotten"
);

/// Events whose notification has a row by now, which it had not when they came, of the next so many behind a place. The
/// transaction around this does what follows from them, and keeps their notifications from being erased meanwhile.
///
/// # Errors
/// The database is out of reach.
pub async fn take_early(
    connection: &mut AsyncPgConnection,
    behind: EventPlace,
    most: i64,
) -> Result<Vec<KeptEvent>, StoreError> {
    let take = TakeEarly {
        at: behind.at,
        id: behind.id,
        most,
    };
    let rows: Vec<KeptRow> = take.load(connection).await?;
    rows.into_iter().map(kept).collect()
}

/// Events that name a notification which did not come within an hour, at most so many: it is gone, and its person may
/// have been erased, or it is of another application. What they know of people is in the answer alone from then on. The
/// transaction around this does what follows from them for whoever writes to their addresses.
///
/// # Errors
/// The database is out of reach.
pub async fn take_nobodys(
    connection: &mut AsyncPgConnection,
    most: i64,
) -> Result<Vec<KeptEvent>, StoreError> {
    let rows: Vec<KeptRow> = TakeNobodys { most }.load(connection).await?;
    rows.into_iter().map(kept).collect()
}

/// Lets go, after a day, of what is known of people in events of which no notification is known: nobody can say
/// whose they are, and they may have been erased. Says of how many.
///
/// # Errors
/// The database is out of reach.
pub async fn forget_unmatched(database: &Database) -> Result<u64, StoreError> {
    let forget = ForgetUnmatched { most: 5_000 };
    let forgotten: Vec<i64> = forget.load(&mut *database.get().await?).await?;
    Ok(forgotten.iter().map(|it| it.unsigned_abs()).sum())
}
