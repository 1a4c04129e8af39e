//! Sending dead letters on their way again.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use diesel::sql_types::{Array, Bool, Int2, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use jiff::Timestamp;
use uuid::Uuid;

use super::super::ledger::mark_hours;
use super::super::statement::statement;
use super::super::{Database, StoreError, due, form, time};
use super::DeadLetter;
use crate::domain::{AttemptRecord, Notification, Reason, Step};

/// A stored notification, or why it cannot be read.
pub type Stored = Result<Notification, String>;

statement!(
    Failed(ids: Vec<Uuid> => Array<SqlUuid>) -> due::Columns =
    "SELECT id, tenant_id, user_id, idempotency_key, message_type, priority, category, payload,
            attempt_count, max_retries, created_at, send_at, expires_at, attempts, source_type,
            source_id, metadata, 0::smallint
     FROM notifications WHERE id = ANY(?) AND status = 'failed'"
);

statement!(
    NewerForms(ids: Vec<Uuid> => Array<SqlUuid>, format: i16 => Int2) -> SqlUuid =
    "SELECT id FROM notifications WHERE id = ANY(?) AND format > ?"
);

/// Those of these notifications that have failed, in full.
///
/// # Errors
/// The database is out of reach.
pub async fn stored(
    database: &Database,
    ids: Vec<Uuid>,
) -> Result<HashMap<Uuid, Stored>, StoreError> {
    let newer = NewerForms {
        ids: ids.clone(),
        format: form::format(),
    };
    let mut connection = database.get().await?;
    let newer: Vec<Uuid> = newer.load(&mut *connection).await?;
    let rows: Vec<due::NotificationRow> = Failed { ids }.load(&mut *connection).await?;
    let taken = due::Taken::of(rows);
    let good = taken.notifications.into_iter().map(|n| (n.id, Ok(n)));
    let bad = taken.unreadable.into_iter().map(|(id, why)| (id, Err(why)));
    let newer = newer.into_iter().map(|id| {
        let why = "a newer version wrote it, in a form that this one does not know";
        (id, Err(why.to_owned()))
    });
    // The last word counts.
    Ok(good.chain(bad).chain(newer).collect())
}

/// A dead letter that is to be sent on its way again.
#[derive(Debug, Clone)]
pub struct LetterReplay<'a> {
    /// As it was seen.
    pub letter: &'a DeadLetter,
    /// Why it had failed.
    pub failed: Reason,
    /// When the scheduler should take its notification.
    pub due_at: Timestamp,
}

// The letter is locked first and must be the very one that was seen: neither dealt with nor failed
// anew meanwhile. So two who replay at once replay it once.
statement!(
    SendAgain(
        letters: Vec<Uuid> => Array<SqlUuid>,
        seen: Vec<DateTime<Utc>> => Array<Timestamptz>,
        resolved: Vec<bool> => Array<Bool>,
        due: Vec<DateTime<Utc>> => Array<Timestamptz>,
        lines: Vec<String> => Array<Text>,
        by: Option<Uuid> => Nullable<SqlUuid>,
    ) -> SqlUuid = concat!(
    "WITH asked AS (
         SELECT * FROM unnest(?, ?, ?, ?, ?) AS asked (id, seen, resolved, due_at, line)
     ), picked AS MATERIALIZED (
         SELECT d.id, d.notification_id, asked.due_at, asked.line
         FROM notification_dlq d JOIN asked ON asked.id = d.id
         WHERE d.moved_to_dlq_at = asked.seen AND d.resolved = asked.resolved
         ORDER BY d.id FOR UPDATE OF d
     ), hours AS (
         SELECT date_trunc('hour', n.failed_at, 'UTC') AS hour
         FROM notifications n JOIN picked ON picked.notification_id = n.id WHERE n.failed_at IS NOT NULL
     ), late AS (", mark_hours!(), "
     ), sent AS (
         UPDATE notifications n SET
             status = 'pending', reason = 'retry', due_at = picked.due_at, attempt_count = 0,
             attempts = n.attempts || jsonb_build_array(picked.line::jsonb), failed_at = NULL,
             error_message = NULL, owner = NULL, takes = 0, waits_for = NULL
         FROM picked WHERE n.id = picked.notification_id AND n.status = 'failed' AND n.redacted_at IS NULL
         RETURNING n.id
     )
     UPDATE notification_dlq d SET resolved = true, resolved_at = now(), resolved_by = ?
     FROM picked JOIN sent ON sent.id = picked.notification_id
     WHERE d.id = picked.id RETURNING d.id")
);

/// Makes the notifications of dead letters due again and marks the letters as resolved, in one
/// transaction; returns the ids of the letters to which that has happened. The others are no
/// longer what was seen: somebody else was first.
///
/// The row waits as `retry` with all its attempts before it; what has happened so far stays in its
/// timeline, with a line that says that it was replayed.
///
/// # Errors
/// The database is out of reach, and whether it was done is not known; `by` is no user.
pub async fn replay(
    database: &Database,
    replays: &[LetterReplay<'_>],
    by: Option<Uuid>,
    now: Timestamp,
) -> Result<HashSet<Uuid>, StoreError> {
    replay_within(&mut *database.get().await?, replays, by, now).await
}

/// The same, in the transaction around it.
///
/// # Errors
/// As [`replay()`].
pub async fn replay_within(
    connection: &mut AsyncPgConnection,
    replays: &[LetterReplay<'_>],
    by: Option<Uuid>,
    now: Timestamp,
) -> Result<HashSet<Uuid>, StoreError> {
    let send = SendAgain {
        letters: replays.iter().map(|replay| replay.letter.id).collect(),
        seen: replays
            .iter()
            .map(|replay| time::to_database(replay.letter.moved_at))
            .collect(),
        resolved: replays
            .iter()
            .map(|replay| replay.letter.resolved)
            .collect(),
        due: replays
            .iter()
            .map(|replay| time::to_database(replay.due_at))
            .collect(),
        lines: replays.iter().map(|replay| line(replay, now)).collect(),
        by,
    };
    let sent: Vec<Uuid> = send.load(connection).await?;
    Ok(sent.into_iter().collect())
}

fn line(replay: &LetterReplay<'_>, at: Timestamp) -> String {
    let failed = replay.letter.notification.as_ref();
    let step = Step::Replayed {
        failed: replay.failed,
        detail: failed.and_then(|failed| failed.error_message.clone()),
        not_by: vec![],
    };
    // Our own types have only string keys and finite numbers: they always have a JSON text.
    serde_json::to_string(&AttemptRecord { at, step }).unwrap_or_else(|_| "null".to_owned())
}
