//! Starting runs beside those that an event starts with it.

use std::collections::HashSet;

use diesel::sql_types::{Array, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::RunLine;
use crate::domain::{RunEnd, Source};
use crate::store::StoreError;
use crate::store::events::status_of;
use crate::store::statement::statement;

/// What a fan-out needs of the workflow that it starts for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunSeed {
    /// Whose it is.
    pub tenant_id: Uuid,
    /// The version of the workflow.
    pub workflow_id: Uuid,
    /// The workflow's name.
    pub workflow: String,
    /// The event.
    pub event_id: Uuid,
    /// What the runs are about.
    pub key: Option<String>,
    /// What their notifications are about.
    pub source: Option<Source>,
}

statement!(
    /// Starts a run for each of some people, unless they have one.
    StartRuns(
        ids: Vec<Uuid> => Array<SqlUuid>,
        users: Vec<Uuid> => Array<SqlUuid>,
        tenant_id: Uuid => SqlUuid,
        workflow_id: Uuid => SqlUuid,
        workflow: String => Text,
        event_id: Uuid => SqlUuid,
        key: Option<String> => Nullable<Text>,
        source_type: Option<String> => Nullable<Text>,
        source_id: Option<String> => Nullable<Text>,
        timeline: String => Text,
    ) -> SqlUuid =
        "INSERT INTO workflow_runs (id, user_id, tenant_id, workflow_id, workflow, event_id, key, status,
             source_type, source_id, timeline, due_at)
         SELECT asked.id, asked.user_id, it.*, now()
         FROM unnest(?, ?) AS asked (id, user_id),
             (VALUES (?, ?, ?, ?, ?, 'waiting', ?, ?, ?::jsonb)) AS it
         ON CONFLICT DO NOTHING RETURNING user_id"
);

/// Starts a run for each of some people, unless they have one of this workflow and event. Answers who has a new one.
///
/// # Errors
/// The database's; an event or a version that is gone is a [`StoreError::ForeignKey`].
pub async fn start_within(
    connection: &mut AsyncPgConnection,
    seed: &RunSeed,
    people: &[Uuid],
    line: &RunLine,
) -> Result<HashSet<Uuid>, StoreError> {
    let source = seed.source.as_ref();
    let started = StartRuns {
        ids: people
            .iter()
            .map(|user| run_id(seed.event_id, &seed.workflow, Some(*user)))
            .collect(),
        users: people.to_vec(),
        tenant_id: seed.tenant_id,
        workflow_id: seed.workflow_id,
        workflow: seed.workflow.clone(),
        event_id: seed.event_id,
        key: seed.key.clone(),
        source_type: source.map(|it| it.kind.clone()),
        source_id: source.map(|it| it.id.clone()),
        timeline: story(line),
    };
    let new: Vec<Uuid> = started.load(connection).await?;
    Ok(new.into_iter().collect())
}

/// The id of the run of a workflow for an event and a person: always the same, and in the order of the events.
#[must_use]
pub fn run_id(event_id: Uuid, workflow: &str, user_id: Option<Uuid>) -> Uuid {
    use sha2::{Digest, Sha256};
    let mut hasher = Sha256::new();
    hasher.update(event_id.as_bytes());
    hasher.update(user_id.unwrap_or_default().as_bytes());
    hasher.update(workflow.as_bytes());
    let hash: [u8; 32] = hasher.finalize().into();
    let mut random = [0; 10];
    for (byte, from) in random.iter_mut().zip(hash) {
        *byte = from;
    }
    let time = event_id.as_bytes().iter().take(6);
    let milliseconds = time.fold(0_u64, |so_far, byte| so_far << 8 | u64::from(*byte));
    uuid::Builder::from_unix_timestamp_millis(milliseconds, &random).into_uuid()
}

/// The id of the run that says why a workflow told nobody of an event: one for each reason.
#[must_use]
pub fn nobody_id(event_id: Uuid, workflow: &str, end: RunEnd) -> Uuid {
    run_id(event_id, &format!("{workflow}\n{}", end.as_str()), None)
}

/// Notes that a workflow told nobody of an event, and why; once. Says whether it is new.
///
/// # Errors
/// The database's.
pub async fn note_nobody(
    connection: &mut AsyncPgConnection,
    seed: &RunSeed,
    end: RunEnd,
    line: &RunLine,
) -> Result<bool, StoreError> {
    let noted = diesel::sql_query(
        "INSERT INTO workflow_runs (id, tenant_id, workflow_id, workflow, event_id, key, status, reason, timeline, \
             finished_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9::jsonb, now()) ON CONFLICT DO NOTHING",
    )
    .bind::<SqlUuid, _>(nobody_id(seed.event_id, &seed.workflow, end))
    .bind::<SqlUuid, _>(seed.tenant_id)
    .bind::<SqlUuid, _>(seed.workflow_id)
    .bind::<Text, _>(&seed.workflow)
    .bind::<SqlUuid, _>(seed.event_id)
    .bind::<Nullable<Text>, _>(seed.key.as_deref())
    .bind::<Text, _>(status_of(Some(end)))
    .bind::<Text, _>(end.as_str())
    .bind::<Text, _>(story(line))
    .execute(connection)
    .await?;
    Ok(noted > 0)
}

/// A story of one line, as it is stored.
fn story(line: &RunLine) -> String {
    serde_json::to_string(&[line]).unwrap_or_else(|_| "[]".to_owned())
}
