//! Closing digests: each once.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use diesel::sql_types::{Array, Int4, Int8, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use jiff::Timestamp;
use uuid::Uuid;

use super::counts;
use crate::domain::{RunEnd, limits};
use crate::store::statement::statement;
use crate::store::{StoreError, time};

/// A digest that is due, held until the transaction ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueDigest {
    /// Its id.
    pub id: Uuid,
    /// The tenant.
    pub tenant_id: Uuid,
    /// The workflow's name.
    pub workflow: String,
    /// Which digest of the workflow.
    pub slot: String,
    /// How many items it has that were not taken back.
    pub items: u64,
    /// The runs that wait in it, in the order of their events, with their versions.
    pub runs: Vec<(Uuid, Uuid)>,
    /// The database's time.
    pub now: Timestamp,
}

statement!(
    /// Holds due digests that nobody holds, and closes them: so many that together not more runs have joined than asked
    /// for, or one.
    Close(
        most: i64 => Int8,
        most_runs: i64 => Int8,
    ) -> (SqlUuid, SqlUuid, Text, Text, Timestamptz) =
        "UPDATE digests SET closed_at = now() WHERE id IN (
             SELECT id FROM (
                 SELECT id, sum(came) OVER (ORDER BY closes_at, id) - came AS before FROM (
                     SELECT id, came, closes_at FROM digests WHERE closed_at IS NULL AND closes_at <= now()
                     ORDER BY closes_at LIMIT ? FOR UPDATE SKIP LOCKED
                 ) AS due
             ) AS counted WHERE before = 0 OR before < ?)
         RETURNING id, tenant_id, workflow, slot, now()"
);

statement!(
    /// The runs that wait in digests, held, in the order of their first items.
    WaitingIn(
        ids: Vec<Uuid> => Array<SqlUuid>,
    ) -> (SqlUuid, SqlUuid, SqlUuid) =
        "SELECT r.digest_id, r.id, r.workflow_id FROM workflow_runs r
         JOIN events e ON e.id = r.event_id
         WHERE r.digest_id = ANY(?) AND r.status = 'waiting' AND r.due_at IS NULL
         ORDER BY r.digest_id, e.sequence FOR UPDATE OF r"
);

/// Closes due digests that nobody holds: each once.
///
/// # Errors
/// The database's.
pub async fn close_due(
    connection: &mut AsyncPgConnection,
    most: u16,
) -> Result<Vec<DueDigest>, StoreError> {
    let closed: Vec<(Uuid, Uuid, String, String, DateTime<Utc>)> = Close {
        most: most.into(),
        most_runs: limits::MOST_DIGEST_ITEMS.into(),
    }
    .load(connection)
    .await?;
    if closed.is_empty() {
        return Ok(vec![]);
    }
    let ids: Vec<Uuid> = closed.iter().map(|(id, ..)| *id).collect();
    let waiting: Vec<(Uuid, Uuid, Uuid)> = WaitingIn { ids: ids.clone() }.load(connection).await?;
    let counts = counts(connection, ids).await?;
    let mut runs: HashMap<Uuid, Vec<(Uuid, Uuid)>> = HashMap::new();
    for (digest, run, version) in waiting {
        runs.entry(digest).or_default().push((run, version));
    }
    let due = closed
        .into_iter()
        .map(|(id, tenant_id, workflow, slot, now)| DueDigest {
            id,
            tenant_id,
            workflow,
            slot,
            items: counts.get(&id).copied().unwrap_or(0),
            runs: runs.remove(&id).unwrap_or_default(),
            now: time::from_database(now),
        });
    Ok(due.collect())
}

/// How a run goes on behind a digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DigestCarrier {
    /// The run.
    pub run_id: Uuid,
    /// The digest.
    pub digest_id: Uuid,
    /// The version that it goes on with.
    pub workflow_id: Uuid,
    /// The move that comes next.
    pub step: usize,
    /// What is to be said, as a JSON list of lines.
    pub lines: String,
}

/// Lets runs carry their digests on: they are due at once.
///
/// # Errors
/// The database's.
pub async fn carry(
    connection: &mut AsyncPgConnection,
    carrier: &DigestCarrier,
) -> Result<(), StoreError> {
    diesel::sql_query(
        "WITH carried AS (UPDATE digest_items SET brought_by = $1 WHERE digest_id = $2) \
         UPDATE workflow_runs SET due_at = now(), step = $3, workflow_id = $4, timeline = timeline || $5::jsonb \
         WHERE id = $1",
    )
    .bind::<SqlUuid, _>(carrier.run_id)
    .bind::<SqlUuid, _>(carrier.digest_id)
    .bind::<Int4, _>(i32::try_from(carrier.step).unwrap_or(i32::MAX))
    .bind::<SqlUuid, _>(carrier.workflow_id)
    .bind::<Text, _>(&carrier.lines)
    .execute(connection)
    .await?;
    Ok(())
}

statement!(
    /// Ends runs that wait, and says how: one of which a message could not be rendered fails.
    EndInDigest(
        ids: Vec<Uuid> => Array<SqlUuid>,
        status: &'static str => Text,
        reason: &'static str => Text,
        lines: String => Text,
    ) -> Text =
        "WITH held AS (
             SELECT id, sent @> '[{\"failed\": true}]' AS has_failed FROM workflow_runs
             WHERE id = ANY(?) AND status = 'waiting' ORDER BY id FOR UPDATE
         ), asked AS (
             SELECT * FROM (SELECT ?::text, ?::text, ?::jsonb) AS asked (status, reason, lines)
         )
         UPDATE workflow_runs r SET due_at = NULL, finished_at = now(), timeline = r.timeline || asked.lines,
             status = CASE WHEN held.has_failed AND asked.status = 'finished' THEN 'failed' ELSE asked.status END,
             reason = CASE WHEN held.has_failed AND asked.status = 'finished' THEN 'template_error'
                 ELSE asked.reason END
         FROM held, asked WHERE r.id = held.id
         RETURNING r.reason"
);

/// Ends runs of digests, with a reason and lines that they share. Answers how each that waited has ended.
///
/// # Errors
/// The database's.
pub async fn end(
    connection: &mut AsyncPgConnection,
    runs: &[Uuid],
    reason: RunEnd,
    lines: &str,
) -> Result<Vec<RunEnd>, StoreError> {
    let end = EndInDigest {
        ids: runs.to_vec(),
        status: reason.outcome().as_str(),
        reason: reason.as_str(),
        lines: lines.to_owned(),
    };
    let ended: Vec<String> = end.load(connection).await?;
    let ends = ended.iter().map(|word| word.parse().unwrap_or(reason));
    Ok(ends.collect())
}
