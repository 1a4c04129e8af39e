//! Runs of workflows: taken when they are due, and written as they stand, in one transaction with what they send.
//!
//! Whoever works on a run holds its row until the commit: a node that dies leaves it as it was.

pub mod backlog;
pub mod cancel;
pub mod cancel_on;
pub mod desk;
pub mod digests;
pub mod effects;
pub mod failing;
mod fan_outs;
pub mod forget;
pub mod keep;
mod meant;
pub mod messages;
pub mod people;
pub mod starting;
pub mod throttles;

pub use starting::{RunSeed, nobody_id, run_id};

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, Bool, Int4, Int8, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::events::status_of;
use super::statement::statement;
use super::{StoreError, time};
use crate::domain::{RunEnd, Source};

/// A run that is due, held until the transaction around it ends.
#[derive(Debug, Clone, PartialEq)]
pub struct DueRun {
    /// Its id.
    pub id: Uuid,
    /// Whose it is.
    pub tenant_id: Uuid,
    /// The version of its workflow.
    pub workflow_id: Uuid,
    /// The workflow's name.
    pub workflow: String,
    /// The event that started it.
    pub event_id: Uuid,
    /// Who is told.
    pub user_id: Option<Uuid>,
    /// The move that comes next.
    pub step: usize,
    /// The digest that it carries on.
    pub digest_id: Option<Uuid>,
    /// Its notifications so far.
    pub sent: Vec<SentMove>,
    /// What they are about.
    pub source: Option<Source>,
    /// The database's time.
    pub now: Timestamp,
}

/// A notification of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentMove {
    /// The move.
    pub at: usize,
    /// The notification.
    pub id: Uuid,
    /// The version of whose moves it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<Uuid>,
    /// By what it is known in other versions.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub mark: String,
    /// Whether it could not be rendered.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub failed: bool,
}

/// What is due, and not about to be ended by an event.
macro_rules! is_due {
    () => {
        "status = 'waiting' AND due_at <= now() AND NOT EXISTS (SELECT 1 FROM run_cancellations c
             WHERE c.tenant_id = workflow_runs.tenant_id AND c.workflow_id = workflow_runs.workflow_id
                 AND c.key = workflow_runs.key)"
    };
}

/// The columns of a due run.
macro_rules! due_columns {
    () => {
        "id, tenant_id, workflow_id, workflow, event_id, user_id, step, digest_id, sent::text, source_type,
         source_id, now()"
    };
}

type DueSql = (
    SqlUuid,
    SqlUuid,
    SqlUuid,
    Text,
    SqlUuid,
    Nullable<SqlUuid>,
    Int4,
    Nullable<SqlUuid>,
    Text,
    Nullable<Text>,
    Nullable<Text>,
    Timestamptz,
);

type DueColumns = (
    Uuid,
    Uuid,
    Uuid,
    String,
    Uuid,
    Option<Uuid>,
    i32,
    Option<Uuid>,
    String,
    Option<String>,
    Option<String>,
    DateTime<Utc>,
);

statement!(
    /// Holds due runs that nobody holds, the longest due first.
    TakeRuns(
        most: i64 => Int8,
    ) -> DueSql = concat!(
        "SELECT ", due_columns!(), " FROM workflow_runs
         WHERE ", is_due!(), " ORDER BY due_at LIMIT ? FOR UPDATE SKIP LOCKED"
    )
);

statement!(
    /// The same for tenants in turn: of each a share. The tenants are found by steps through the index, however much
    /// waits of each.
    TakeRunsInTurn(
        share: i64 => Int8,
        most: i64 => Int8,
    ) -> DueSql = concat!(
        "WITH RECURSIVE tenants AS (
             (SELECT tenant_id FROM workflow_runs WHERE status = 'waiting' AND due_at IS NOT NULL
              ORDER BY tenant_id LIMIT 1)
             UNION ALL
             SELECT (SELECT r.tenant_id FROM workflow_runs r WHERE r.status = 'waiting' AND r.due_at IS NOT NULL
                     AND r.tenant_id > t.tenant_id ORDER BY r.tenant_id LIMIT 1)
             FROM tenants t WHERE t.tenant_id IS NOT NULL
         ), chosen AS (
             SELECT placed.id FROM tenants t CROSS JOIN LATERAL (
                 SELECT r.id, r.due_at, row_number() OVER (ORDER BY r.due_at) AS place FROM (
                     SELECT id, due_at FROM workflow_runs
                     WHERE tenant_id = t.tenant_id AND ", is_due!(), "
                     ORDER BY due_at LIMIT ?) AS r
             ) AS placed ORDER BY placed.place, placed.due_at LIMIT ?
         )
         SELECT ", due_columns!(), " FROM workflow_runs WHERE id IN (SELECT id FROM chosen)
             AND ", is_due!(), " FOR UPDATE SKIP LOCKED"
    )
);

statement!(
    /// Holds one due run that nobody holds.
    TakeRun(
        id: Uuid => SqlUuid,
    ) -> DueSql = concat!(
        "SELECT ", due_columns!(), " FROM workflow_runs
         WHERE id = ? AND ", is_due!(), " FOR UPDATE SKIP LOCKED"
    )
);

/// Which due runs are held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunTake {
    /// So many, the longest due first.
    Longest(u16),
    /// So many, of each tenant at most a fourth.
    InTurn(u16),
    /// This one.
    One(Uuid),
}

/// Holds due runs that nobody holds, until the transaction around it ends.
///
/// # Errors
/// The database is out of reach.
pub async fn take(
    connection: &mut AsyncPgConnection,
    which: RunTake,
) -> Result<Vec<DueRun>, StoreError> {
    let rows: Vec<DueColumns> = match which {
        RunTake::Longest(most) => TakeRuns { most: most.into() }.load(connection).await?,
        RunTake::InTurn(most) => {
            let most = i64::from(most);
            let share = (most / 4).max(1);
            TakeRunsInTurn { share, most }.load(connection).await?
        }
        RunTake::One(id) => TakeRun { id }.load(connection).await?,
    };
    Ok(rows.into_iter().map(due_run).collect())
}

fn due_run(row: DueColumns) -> DueRun {
    let (
        id,
        tenant_id,
        workflow_id,
        workflow,
        event_id,
        user_id,
        step,
        digest_id,
        sent,
        kind,
        of,
        now,
    ) = row;
    DueRun {
        id,
        tenant_id,
        workflow_id,
        workflow,
        event_id,
        user_id,
        step: usize::try_from(step).unwrap_or(0),
        digest_id,
        // What cannot be read has had no effect that anybody could ask for.
        sent: serde_json::from_str(&sent).unwrap_or_default(),
        source: kind.zip(of).map(|(kind, id)| Source { kind, id }),
        now: time::from_database(now),
    }
}

/// When the next run is due.
///
/// # Errors
/// The database is out of reach.
pub async fn next_due(connection: &mut AsyncPgConnection) -> Result<Option<Timestamp>, StoreError> {
    use super::schema::notification_schema::workflow_runs::dsl as r;
    let next: Option<Option<DateTime<Utc>>> = r::workflow_runs
        .filter(r::status.eq("waiting"))
        .filter(r::due_at.is_not_null())
        .order(r::due_at)
        .select(r::due_at)
        .first(connection)
        .await
        .optional()?;
    Ok(next.flatten().map(time::from_database))
}

/// How a run stands after what was done.
#[derive(Debug, Clone, PartialEq)]
pub struct RunUpdate {
    /// The run.
    pub id: Uuid,
    /// The move that comes next.
    pub step: usize,
    /// How it ended, if it did.
    pub end: Option<RunEnd>,
    /// When it is due; without one it waits in a digest, or has ended.
    pub due_at: Option<Timestamp>,
    /// The digest that it waits in, or carries on.
    pub digest_id: Option<Uuid>,
    /// Its notifications.
    pub sent: Vec<SentMove>,
    /// What its story goes on with.
    pub lines: Vec<RunLine>,
}

/// A line of a run's story.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunLine {
    /// When.
    pub at: Timestamp,
    /// Which step, for people.
    pub step: String,
    /// What happened.
    pub words: String,
}

statement!(
    /// Writes runs as they stand.
    UpdateRuns(
        ids: Vec<Uuid> => Array<SqlUuid>,
        steps: Vec<i32> => Array<Int4>,
        statuses: Vec<&'static str> => Array<Text>,
        reasons: Vec<Option<&'static str>> => Array<Nullable<Text>>,
        due: Vec<Option<DateTime<Utc>>> => Array<Nullable<Timestamptz>>,
        digests: Vec<Option<Uuid>> => Array<Nullable<SqlUuid>>,
        sent: Vec<String> => Array<Text>,
        lines: Vec<String> => Array<Text>,
        ended: Vec<bool> => Array<Bool>,
    ) -> SqlUuid =
        "UPDATE workflow_runs r SET step = asked.step, status = asked.status, reason = asked.reason,
             due_at = asked.due_at, digest_id = asked.digest_id, sent = asked.sent::jsonb,
             timeline = r.timeline || asked.lines::jsonb,
             finished_at = CASE WHEN asked.ended THEN now() END
         FROM unnest(?, ?, ?, ?, ?, ?, ?, ?, ?) AS asked
             (id, step, status, reason, due_at, digest_id, sent, lines, ended)
         WHERE r.id = asked.id RETURNING r.id"
);

/// Writes runs that the transaction holds.
///
/// # Errors
/// The database's.
pub async fn update(
    connection: &mut AsyncPgConnection,
    updates: &[RunUpdate],
) -> Result<(), StoreError> {
    if updates.is_empty() {
        return Ok(());
    }
    let json = |text: serde_json::Result<String>| text.unwrap_or_else(|_| "[]".to_owned());
    let statement = UpdateRuns {
        ids: updates.iter().map(|it| it.id).collect(),
        steps: updates
            .iter()
            .map(|it| i32::try_from(it.step).unwrap_or(i32::MAX))
            .collect(),
        statuses: updates.iter().map(|it| status_of(it.end)).collect(),
        reasons: updates
            .iter()
            .map(|it| it.end.map(RunEnd::as_str))
            .collect(),
        due: updates
            .iter()
            .map(|it| it.due_at.map(time::to_database))
            .collect(),
        digests: updates.iter().map(|it| it.digest_id).collect(),
        sent: updates
            .iter()
            .map(|it| json(serde_json::to_string(&it.sent)))
            .collect(),
        lines: updates
            .iter()
            .map(|it| json(serde_json::to_string(&it.lines)))
            .collect(),
        ended: updates.iter().map(|it| it.end.is_some()).collect(),
    };
    let _: Vec<Uuid> = statement.load(connection).await?;
    Ok(())
}
