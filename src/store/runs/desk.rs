//! Runs, looked at.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use super::{RunLine, SentMove};
use crate::store::schema::notification_schema::{workflow_runs, workflows};
use crate::store::{StoreError, time};

/// A run as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredRun {
    /// Its id.
    pub id: Uuid,
    /// Whose it is.
    pub tenant_id: Uuid,
    /// The workflow's name.
    pub workflow: String,
    /// The version.
    pub version: i32,
    /// The event.
    pub event_id: Uuid,
    /// Who is told.
    pub user_id: Option<Uuid>,
    /// What it is about.
    pub key: Option<String>,
    /// `waiting`, `finished`, `failed` or `cancelled`.
    pub status: String,
    /// Why it ended.
    pub reason: Option<String>,
    /// When it goes on; null while it waits in a digest.
    pub due_at: Option<Timestamp>,
    /// The digest that it waits in, or carries on.
    pub digest_id: Option<Uuid>,
    /// Its notifications.
    pub sent: Vec<SentMove>,
    /// Its story.
    pub timeline: Vec<RunLine>,
    /// When it began.
    pub created_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

/// Which runs are listed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunFilter {
    /// Of this workflow.
    pub workflow: Option<String>,
    /// In this status.
    pub status: Option<String>,
    /// That ended so.
    pub reason: Option<String>,
    /// Of this event.
    pub event_id: Option<Uuid>,
    /// Of this person.
    pub user_id: Option<Uuid>,
    /// That are about this.
    pub key: Option<String>,
    /// Of events that were accepted at this time or later.
    pub since: Option<Timestamp>,
    /// Of events that were accepted before this time.
    pub until: Option<Timestamp>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = workflow_runs)]
struct RunRow {
    id: Uuid,
    tenant_id: Uuid,
    workflow: String,
    event_id: Uuid,
    user_id: Option<Uuid>,
    key: Option<String>,
    status: String,
    reason: Option<String>,
    due_at: Option<DateTime<Utc>>,
    digest_id: Option<Uuid>,
    sent: Value,
    timeline: Value,
    created_at: DateTime<Utc>,
    finished_at: Option<DateTime<Utc>>,
}

fn stored((row, version): (RunRow, i32)) -> StoredRun {
    StoredRun {
        id: row.id,
        tenant_id: row.tenant_id,
        workflow: row.workflow,
        version,
        event_id: row.event_id,
        user_id: row.user_id,
        key: row.key,
        status: row.status,
        reason: row.reason,
        due_at: row.due_at.map(time::from_database),
        digest_id: row.digest_id,
        sent: serde_json::from_value(row.sent).unwrap_or_default(),
        timeline: serde_json::from_value(row.timeline).unwrap_or_default(),
        created_at: time::from_database(row.created_at),
        finished_at: row.finished_at.map(time::from_database),
    }
}

/// A tenant's runs that fit and come before another one, newest first.
///
/// # Errors
/// The database is out of reach.
pub async fn page(
    connection: &mut AsyncPgConnection,
    tenant_id: Uuid,
    filter: &RunFilter,
    before: Option<Uuid>,
    most: usize,
) -> Result<Vec<StoredRun>, StoreError> {
    use workflow_runs as r;
    let mut runs = r::table
        .inner_join(workflows::table)
        .filter(r::tenant_id.eq(tenant_id))
        .select((RunRow::as_select(), workflows::version))
        .into_boxed();
    if let Some(workflow) = &filter.workflow {
        runs = runs.filter(r::workflow.eq(workflow));
    }
    if let Some(status) = &filter.status {
        runs = runs.filter(r::status.eq(status));
    }
    if let Some(reason) = &filter.reason {
        runs = runs.filter(r::reason.eq(reason));
    }
    if let Some(event_id) = filter.event_id {
        // Ids of runs begin as their event's does: of an event of very many, too, a page is read by the index of ids.
        let (first, last) = begun_with(event_id);
        runs = runs.filter(r::event_id.eq(event_id));
        runs = runs.filter(r::id.between(first, last));
    }
    if let Some(since) = filter.since {
        runs = runs.filter(r::id.ge(first_at(since)));
    }
    if let Some(until) = filter.until {
        runs = runs.filter(r::id.lt(first_at(until)));
    }
    if let Some(user_id) = filter.user_id {
        runs = runs.filter(r::user_id.eq(user_id));
    }
    if let Some(key) = &filter.key {
        runs = runs.filter(r::key.eq(key));
    }
    if let Some(before) = before {
        runs = runs.filter(r::id.lt(before));
    }
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let rows: Vec<(RunRow, i32)> = runs
        .order(r::id.desc())
        .limit(most)
        .load(connection)
        .await?;
    Ok(rows.into_iter().map(stored).collect())
}

/// The least and the greatest id of what has begun in the same millisecond.
fn begun_with(id: Uuid) -> (Uuid, Uuid) {
    let filled = |byte: u8| {
        let mut bytes = [byte; 16];
        for (own, from) in bytes.iter_mut().zip(id.as_bytes().iter().take(6)) {
            *own = *from;
        }
        Uuid::from_bytes(bytes)
    };
    (filled(0), filled(255))
}

/// The least id of what begins at a time.
fn first_at(time: Timestamp) -> Uuid {
    let milliseconds = u64::try_from(time.as_millisecond()).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(milliseconds, &[0; 10]).into_uuid()
}

/// A tenant's run.
///
/// # Errors
/// The database is out of reach.
pub async fn get(
    connection: &mut AsyncPgConnection,
    tenant_id: Uuid,
    id: Uuid,
) -> Result<Option<StoredRun>, StoreError> {
    use workflow_runs as r;
    let row: Option<(RunRow, i32)> = r::table
        .inner_join(workflows::table)
        .filter(r::tenant_id.eq(tenant_id).and(r::id.eq(id)))
        .select((RunRow::as_select(), workflows::version))
        .first(connection)
        .await
        .optional()?;
    Ok(row.map(stored))
}
