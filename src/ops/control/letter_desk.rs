//! Dead letters and jobs about them, as the HTTP API may look at and act on them.

use std::collections::BTreeMap;

use serde_json::json;
use uuid::Uuid;

use super::desk::{Desk, DeskError};
use crate::domain::{JobKind, JobState, TimePlace};
use crate::ops::replay::{self, ReplayFate};
use crate::runtime::clock;
use crate::store::audit::{self, AuditChanges, AuditEntry, DoneBy};
use crate::store::dead_letters::{self, DeadLetter, LetterFilter};
use crate::store::jobs::going_on::{self, JobResult};
use crate::store::jobs::{self, JobOrder, NewJob, StoredJob};
use crate::store::{Database, PgConnection, StoreError};

/// Most dead letters that a preview judges one by one, the newest; beyond, it counts them alone.
const MOST_JUDGED: u64 = 2_000;
/// Dead letters that are judged at once.
const PART: usize = 200;

/// Looks at dead letters, and acts on them. Clones share it.
#[derive(Debug, Clone)]
pub struct LetterDesk {
    /// Does the work.
    pub desk: Desk,
}

/// What a replay would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayPreview {
    /// How many dead letters are meant.
    pub planned: u64,
    /// How many of them were looked at, the newest: all, unless there are very many.
    pub judged: u64,
    /// How many of those would have each result.
    pub by_result: BTreeMap<String, u64>,
}

impl LetterDesk {
    /// At most so many dead letters, the newest first, behind a place.
    ///
    /// # Errors
    /// The database is out of reach.
    pub async fn page(
        &self,
        filter: LetterFilter,
        after: Option<TimePlace>,
        most: usize,
    ) -> Result<Vec<DeadLetter>, DeskError> {
        let work = async move |database: Database| {
            Ok(dead_letters::list(&database, &filter, after, most).await?)
        };
        self.desk.with("list dead letters", work).await
    }

    /// A dead letter of a tenant, of any without one, by its id or its notification's.
    ///
    /// # Errors
    /// There is none; or the database is out of reach.
    pub async fn get(&self, tenant_id: Option<Uuid>, id: Uuid) -> Result<DeadLetter, DeskError> {
        let work = async move |database: Database| one(&database, tenant_id, id).await;
        self.desk.with("get a dead letter", work).await
    }

    /// Sends one on its way again; says what became of it.
    ///
    /// # Errors
    /// There is none; or the database is out of reach.
    pub async fn replay(
        &self,
        tenant_id: Option<Uuid>,
        id: Uuid,
        by: DoneBy,
    ) -> Result<ReplayFate, DeskError> {
        let work = async move |database: Database| {
            let letter = one(&database, tenant_id, id).await?;
            let now = clock::now();
            let judged = replay::judge(&database, vec![letter], |_| now).await?;
            let Some(judged) = judged.into_iter().next() else {
                return Err(DeskError::NotFound("dead letter"));
            };
            let Some(wanted) = replay::wanted(&judged) else {
                return Ok(judged.fate);
            };
            let letter = &judged.letter;
            let replayed = database.transaction(async |connection| {
                let sent = dead_letters::replay_within(connection, &[wanted], None, now).await?;
                if !sent.is_empty() {
                    let changes = AuditChanges::none();
                    let whose = (letter.tenant_id, letter.id);
                    note(connection, whose, &by, "replay", changes).await?;
                }
                Ok(sent)
            });
            Ok(match replayed.await?.is_empty() {
                false => judged.fate.clone(),
                true => ReplayFate::Skipped(replay::Skip::NotFailed),
            })
        };
        self.desk.with("replay a dead letter", work).await
    }

    /// Marks one as dealt with, with what somebody wrote down.
    ///
    /// # Errors
    /// There is none, or it was dealt with before; or the database is out of reach.
    pub async fn resolve(
        &self,
        tenant_id: Option<Uuid>,
        id: Uuid,
        written: Option<String>,
        by: DoneBy,
    ) -> Result<DeadLetter, DeskError> {
        let work = async move |database: Database| {
            let letter = one(&database, tenant_id, id).await?;
            let (letter_id, tenant) = (letter.id, letter.tenant_id);
            let resolved = database.transaction(async |connection| {
                let written = written.as_deref();
                let resolved = dead_letters::resolve_one(connection, letter_id, written).await?;
                if resolved {
                    let said = |resolved: bool, note| json!({ "resolved": resolved, "note": note });
                    let changes = AuditChanges::between(said(false, None), said(true, written));
                    note(connection, (tenant, letter_id), &by, "resolve", changes).await?;
                }
                Ok(resolved)
            });
            if !resolved.await? {
                let words = "the dead letter was dealt with before".to_owned();
                return Err(DeskError::Conflict("already_resolved", words));
            }
            one(&database, Some(tenant), letter_id).await
        };
        self.desk.with("resolve a dead letter", work).await
    }

    /// What a replay of these would do now.
    ///
    /// # Errors
    /// The database is out of reach.
    pub async fn preview(&self, filter: LetterFilter) -> Result<ReplayPreview, DeskError> {
        let work = async move |database: Database| {
            let planned = dead_letters::count(&database, &filter).await?;
            let by_result = judge_newest(&database, &filter).await?;
            Ok::<_, DeskError>(ReplayPreview {
                planned: u64::try_from(planned).unwrap_or(u64::MAX),
                judged: by_result.values().sum(),
                by_result,
            })
        };
        self.desk.with("preview a replay", work).await
    }

    /// Orders a replay of these, so many a second; answers the job.
    ///
    /// # Errors
    /// The database is out of reach.
    pub async fn order(
        &self,
        filter: LetterFilter,
        rate: u32,
        by: DoneBy,
    ) -> Result<StoredJob, DeskError> {
        let work = async move |database: Database| {
            let planned = dead_letters::count(&database, &filter).await?;
            let planned = u64::try_from(planned).unwrap_or(u64::MAX);
            let job = database.transaction(async |connection| {
                let job = NewJob {
                    tenant_id: filter.tenant_id,
                    order: &JobOrder::DlqReplay(Box::new(filter.clone())),
                    rate,
                    planned,
                    request: None,
                };
                let id = jobs::order(connection, &job).await?;
                let id = id.ok_or(StoreError::NotFound)?;
                let entry = AuditEntry {
                    tenant_id: filter.tenant_id,
                    action: "create",
                    resource: "job",
                    resource_id: id.to_string(),
                    changes: AuditChanges::made(json!({
                        "kind": "dlq_replay", "filter": filter, "rate": rate, "planned": planned,
                    })),
                };
                audit::record(connection, &by, entry).await?;
                jobs::find(connection, None, id).await
            });
            job.await?.ok_or(DeskError::NotFound("job"))
        };
        self.desk.with("order a replay", work).await
    }

    /// At most so many replays of a tenant, of all without one, the newest first, of those before an id.
    ///
    /// # Errors
    /// The database is out of reach.
    pub async fn jobs(
        &self,
        tenant_id: Option<Uuid>,
        before: Option<Uuid>,
        most: usize,
    ) -> Result<Vec<StoredJob>, DeskError> {
        let work = async move |database: Database| {
            let mut connection = database.get().await?;
            let whose = (tenant_id, JobKind::DlqReplay);
            Ok(jobs::page(&mut connection, whose, before, most).await?)
        };
        self.desk.with("list jobs", work).await
    }

    /// A job of a tenant; of any, without one.
    ///
    /// # Errors
    /// There is none; or the database is out of reach.
    pub async fn job(&self, tenant_id: Option<Uuid>, id: Uuid) -> Result<StoredJob, DeskError> {
        let work = async move |database: Database| {
            let mut connection = database.get().await?;
            found(&mut connection, tenant_id, id).await
        };
        self.desk.with("get a job", work).await
    }

    /// Pauses, resumes or ends a job.
    ///
    /// # Errors
    /// There is none, or it has ended; or the database is out of reach.
    pub async fn turn(
        &self,
        tenant_id: Option<Uuid>,
        id: Uuid,
        to: JobState,
        by: DoneBy,
    ) -> Result<StoredJob, DeskError> {
        let work = async move |database: Database| {
            let mut connection = database.get().await?;
            let before = found(&mut connection, tenant_id, id).await?;
            drop(connection);
            let turned = database.transaction(async |connection| {
                let turned = jobs::turn(connection, id, to).await?;
                if turned && before.state != to {
                    let said = |state: JobState| json!({ "state": state });
                    let entry = AuditEntry {
                        tenant_id: before.tenant_id,
                        action: "update",
                        resource: "job",
                        resource_id: id.to_string(),
                        changes: AuditChanges::between(said(before.state), said(to)),
                    };
                    audit::record(connection, &by, entry).await?;
                }
                Ok(turned)
            });
            if !turned.await? {
                let words = "the job has ended".to_owned();
                return Err(DeskError::Conflict("job_ended", words));
            }
            let mut connection = database.get().await?;
            found(&mut connection, tenant_id, id).await
        };
        self.desk.with("turn a job", work).await
    }

    /// At most so many results of a job, behind a number.
    ///
    /// # Errors
    /// There is no such job; or the database is out of reach.
    pub async fn results(
        &self,
        tenant_id: Option<Uuid>,
        id: Uuid,
        after: u64,
        most: usize,
    ) -> Result<Vec<JobResult>, DeskError> {
        let work = async move |database: Database| {
            let mut connection = database.get().await?;
            found(&mut connection, tenant_id, id).await?;
            Ok(going_on::results(&mut connection, id, after, most).await?)
        };
        self.desk.with("list a job's results", work).await
    }
}

async fn one(
    database: &Database,
    tenant_id: Option<Uuid>,
    id: Uuid,
) -> Result<DeadLetter, DeskError> {
    let filter = LetterFilter {
        id: Some(id),
        tenant_id,
        ..LetterFilter::default()
    };
    let letters = dead_letters::list(database, &filter, None, 1).await?;
    let letter = letters.into_iter().next();
    letter.ok_or(DeskError::NotFound("dead letter"))
}

async fn found(
    connection: &mut PgConnection,
    tenant_id: Option<Uuid>,
    id: Uuid,
) -> Result<StoredJob, DeskError> {
    let job = jobs::find(connection, tenant_id, id).await?;
    job.ok_or(DeskError::NotFound("job"))
}

/// As a job does it, but that nothing is sent, and only for the newest.
async fn judge_newest(
    database: &Database,
    filter: &LetterFilter,
) -> Result<BTreeMap<String, u64>, StoreError> {
    let (now, mut after, mut counts) = (clock::now(), None, BTreeMap::new());
    while counts.values().sum::<u64>() < MOST_JUDGED {
        let letters = dead_letters::list(database, filter, after, PART).await?;
        let Some(last) = letters.last() else { break };
        after = Some(last.place());
        for judged in replay::judge(database, letters, |_| now).await? {
            *counts.entry(judged.fate.as_str().to_owned()).or_default() += 1;
        }
    }
    Ok(counts)
}

async fn note(
    connection: &mut PgConnection,
    whose: (Uuid, Uuid),
    by: &DoneBy,
    action: &'static str,
    changes: AuditChanges,
) -> Result<(), StoreError> {
    audit::record_of(connection, by, "dead_letter", whose, action, changes).await
}
