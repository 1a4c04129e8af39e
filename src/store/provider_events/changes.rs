//! What events change of notifications: an unknown outcome that is known now, a message that did not arrive.

use chrono::{DateTime, Utc};
use diesel::sql_types::{Array, Int8, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use super::super::ledger::mark_hours;
use super::super::statement::statement;
use super::super::{StoreError, time};
use crate::domain::AttemptRecord;

/// A notification that an account is known to have accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LateAcceptance {
    /// The notification.
    pub id: Uuid,
    /// The account.
    pub provider: String,
    /// The line of the timeline, and thus when.
    pub line: AttemptRecord,
}

/// A notification that goes to another account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandBack {
    /// The notification.
    pub id: Uuid,
    /// The line of the timeline.
    pub line: AttemptRecord,
}

/// What a notification was counted as, and is no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedNotification {
    /// The notification.
    pub id: Uuid,
    /// The account that was asked last before; empty: none.
    pub provider: String,
    /// When it had been sent, or had failed.
    pub ended_at: Option<Timestamp>,
    /// How long it took to be sent, in milliseconds.
    pub took_ms: i64,
}

/// How long a notification took to be sent, in milliseconds.
macro_rules! took {
    () => {
        "(greatest(extract(epoch FROM n.sent_at - greatest(n.created_at, n.send_at)), 0) * 1000)::bigint"
    };
}

type ChangedColumns = (SqlUuid, Text, Nullable<Timestamptz>, Int8);
type ChangedRow = (Uuid, String, Option<DateTime<Utc>>, i64);

// A dead letter of it is dealt with: it was sent after all.
statement!(
    Accept(
        ids: Vec<Uuid> => Array<SqlUuid>,
        providers: Vec<String> => Array<Text>,
        moments: Vec<DateTime<Utc>> => Array<Timestamptz>,
        lines: Vec<String> => Array<Text>,
    ) -> ChangedColumns = concat!(
    "WITH known AS (
         SELECT * FROM unnest(?, ?, ?, ?) AS known (id, provider, at, line)
     ), hours AS (
         SELECT date_trunc('hour', moment, 'UTC') AS hour
         FROM notifications n JOIN known USING (id), unnest(ARRAY[known.at, n.failed_at]) AS moment
         WHERE n.status IN ('pending', 'failed')
     ), late AS (", mark_hours!(), "
     ), was AS (
         SELECT n.id, coalesce(n.provider, '') AS provider, n.failed_at
         FROM notifications n JOIN known USING (id)
     ), sent AS (
         UPDATE notifications n SET
             status = 'sent', reason = NULL, provider = known.provider, sent_at = known.at, failed_at = NULL,
             due_at = NULL, waits_for = NULL, error_message = NULL, owner = NULL, takes = 0,
             attempts = n.attempts || jsonb_build_array(known.line::jsonb)
         FROM known JOIN was USING (id) WHERE n.id = known.id AND n.status IN ('pending', 'failed')
         RETURNING n.id, was.provider, was.failed_at, ", took!(), " AS took
     ), dealt_with AS (
         UPDATE notification_dlq d SET resolved = true, resolved_at = now()
         WHERE d.notification_id IN (SELECT id FROM sent) AND NOT d.resolved
     )
     SELECT id, provider, failed_at, took FROM sent")
);

// As a replay does it.
statement!(
    GiveToOthers(
        ids: Vec<Uuid> => Array<SqlUuid>,
        lines: Vec<String> => Array<Text>,
    ) -> ChangedColumns = concat!(
    "WITH back AS (
         SELECT * FROM unnest(?, ?) AS back (id, line)
     ), hours AS (
         SELECT date_trunc('hour', n.sent_at, 'UTC') AS hour
         FROM notifications n JOIN back USING (id) WHERE n.status = 'sent'
     ), late AS (", mark_hours!(), "
     ), was AS (
         SELECT n.id, coalesce(n.provider, '') AS provider, n.sent_at, ", took!(), " AS took
         FROM notifications n JOIN back USING (id)
     )
     UPDATE notifications n SET
         status = 'pending', reason = 'retry', due_at = now(), attempt_count = 0, sent_at = NULL,
         attempts = n.attempts || jsonb_build_array(back.line::jsonb), error_message = NULL, owner = NULL,
         takes = 0, waits_for = NULL
     FROM back JOIN was USING (id) WHERE n.id = back.id AND n.status = 'sent'
     RETURNING n.id, was.provider, was.sent_at, was.took")
);

/// Notes that notifications are sent whose outcome was not known; answers those of which that is new.
///
/// # Errors
/// The database is out of reach.
pub async fn accept(
    connection: &mut AsyncPgConnection,
    acceptances: &[LateAcceptance],
) -> Result<Vec<ChangedNotification>, StoreError> {
    let accept = Accept {
        ids: acceptances.iter().map(|it| it.id).collect(),
        providers: acceptances.iter().map(|it| it.provider.clone()).collect(),
        moments: acceptances
            .iter()
            .map(|it| time::to_database(it.line.at))
            .collect(),
        lines: acceptances.iter().map(|it| text(&it.line)).collect(),
    };
    Ok(changed(accept.load(connection).await?))
}

/// Sends notifications on their way again; answers those with which that was done.
///
/// # Errors
/// The database is out of reach.
pub async fn hand_back(
    connection: &mut AsyncPgConnection,
    returned: &[HandBack],
) -> Result<Vec<ChangedNotification>, StoreError> {
    let give = GiveToOthers {
        ids: returned.iter().map(|it| it.id).collect(),
        lines: returned.iter().map(|it| text(&it.line)).collect(),
    };
    Ok(changed(give.load(connection).await?))
}

fn changed(rows: Vec<ChangedRow>) -> Vec<ChangedNotification> {
    let changed = |(id, provider, ended_at, took_ms): ChangedRow| ChangedNotification {
        id,
        provider,
        ended_at: ended_at.map(time::from_database),
        took_ms,
    };
    rows.into_iter().map(changed).collect()
}

/// Our own types have only string keys and finite numbers: they always have a JSON text.
fn text(line: &AttemptRecord) -> String {
    serde_json::to_string(line).unwrap_or_else(|_| Value::Null.to_string())
}
