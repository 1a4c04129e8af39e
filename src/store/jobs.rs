//! Jobs: what is many in one act, as a row that any node works on, a part at a time.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Double, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::dead_letters::LetterFilter;
use super::schema::notification_schema::{job_results, jobs};
use super::time::{from_database, to_database};
use super::{Database, StoreError};
use crate::domain::{JobState, TimePlace};

/// The only kind so far.
const DLQ_REPLAY: &str = "dlq_replay";

/// A replay of dead letters, as a job.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredJob {
    /// Its id.
    pub id: Uuid,
    /// Whose; `None` is an operator's, over all tenants.
    pub tenant_id: Option<Uuid>,
    /// Where it stands.
    pub state: JobState,
    /// Which dead letters, as they were meant when it was ordered.
    pub filter: LetterFilter,
    /// Notifications that become due in a second.
    pub rate: u32,
    /// How many there were when it was ordered.
    pub planned: u64,
    /// How many were looked at so far.
    pub done: u64,
    /// How many of them have each result.
    pub counts: BTreeMap<String, u64>,
    /// The last one that was looked at.
    pub place: Option<TimePlace>,
    /// When the next one becomes due.
    pub next_due: Option<Timestamp>,
    /// When it was ordered.
    pub created_at: Timestamp,
    /// When it went on last.
    pub updated_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

/// What became of one item of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobResult {
    /// Its number in the job, from 1 on.
    pub number: u64,
    /// The dead letter.
    pub item_id: Uuid,
    /// Its notification.
    pub notification_id: Uuid,
    /// What became of it: `replayed`, or why not.
    pub result: String,
}

/// A part of a job that is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobPart {
    /// The last one that was looked at.
    pub place: TimePlace,
    /// When the next one becomes due.
    pub next_due: Timestamp,
    /// What became of each.
    pub results: Vec<JobResult>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = jobs)]
struct JobRow {
    id: Uuid,
    tenant_id: Option<Uuid>,
    state: String,
    filter: Value,
    rate: i32,
    planned: i64,
    done: i64,
    counts: Value,
    place_at: Option<DateTime<Utc>>,
    place_id: Option<Uuid>,
    next_due: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    finished_at: Option<DateTime<Utc>>,
}

impl JobRow {
    fn job(self) -> Result<StoredJob, StoreError> {
        let unread = |what: &str| StoreError::Corrupt(format!("the {what} of job {}", self.id));
        let count = |count: i64| u64::try_from(count).unwrap_or(0);
        let place = self.place_at.zip(self.place_id);
        Ok(StoredJob {
            id: self.id,
            tenant_id: self.tenant_id,
            state: self.state.parse().map_err(|_| unread("state"))?,
            filter: serde_json::from_value(self.filter).map_err(|_| unread("filter"))?,
            rate: u32::try_from(self.rate).unwrap_or(1),
            planned: count(self.planned),
            done: count(self.done),
            counts: serde_json::from_value(self.counts).map_err(|_| unread("counts"))?,
            place: place.map(|(at, id)| TimePlace {
                at: from_database(at),
                id,
            }),
            next_due: self.next_due.map(from_database),
            created_at: from_database(self.created_at),
            updated_at: from_database(self.updated_at),
            finished_at: self.finished_at.map(from_database),
        })
    }
}

/// Orders a replay of dead letters; answers its id.
///
/// # Errors
/// The database is out of reach.
pub async fn order(
    connection: &mut AsyncPgConnection,
    filter: &LetterFilter,
    rate: u32,
    planned: u64,
) -> Result<Uuid, StoreError> {
    let id = Uuid::now_v7();
    diesel::insert_into(jobs::table)
        .values((
            jobs::id.eq(id),
            jobs::tenant_id.eq(filter.tenant_id),
            jobs::kind.eq(DLQ_REPLAY),
            jobs::filter.eq(json!(filter)),
            jobs::rate.eq(i32::try_from(rate).unwrap_or(i32::MAX)),
            jobs::planned.eq(i64::try_from(planned).unwrap_or(i64::MAX)),
        ))
        .execute(connection)
        .await?;
    Ok(id)
}

/// A job of a tenant; of any, without one.
///
/// # Errors
/// The database is out of reach.
pub async fn find(
    connection: &mut AsyncPgConnection,
    tenant_id: Option<Uuid>,
    id: Uuid,
) -> Result<Option<StoredJob>, StoreError> {
    let mut jobs = jobs::table
        .filter(jobs::id.eq(id))
        .select(JobRow::as_select())
        .into_boxed();
    if let Some(tenant_id) = tenant_id {
        jobs = jobs.filter(jobs::tenant_id.eq(tenant_id));
    }
    let row: Option<JobRow> = jobs.first(connection).await.optional()?;
    row.map(JobRow::job).transpose()
}

/// At most so many jobs of a tenant, of all without one, the newest first, of those before an id.
///
/// # Errors
/// The database is out of reach.
pub async fn page(
    connection: &mut AsyncPgConnection,
    tenant_id: Option<Uuid>,
    before: Option<Uuid>,
    most: usize,
) -> Result<Vec<StoredJob>, StoreError> {
    let mut jobs = jobs::table
        .select(JobRow::as_select())
        .order(jobs::id.desc())
        .limit(i64::try_from(most).unwrap_or(i64::MAX))
        .into_boxed();
    if let Some(tenant_id) = tenant_id {
        jobs = jobs.filter(jobs::tenant_id.eq(tenant_id));
    }
    if let Some(before) = before {
        jobs = jobs.filter(jobs::id.lt(before));
    }
    let rows: Vec<JobRow> = jobs.load(connection).await?;
    rows.into_iter().map(JobRow::job).collect()
}

/// Has a job that is open stand elsewhere. Says whether it was open.
///
/// # Errors
/// The database is out of reach.
pub async fn turn(
    connection: &mut AsyncPgConnection,
    id: Uuid,
    to: JobState,
) -> Result<bool, StoreError> {
    let open = JobState::ALL.iter().filter(|state| state.is_open());
    let open: Vec<&str> = open.map(|state| state.as_str()).collect();
    let turned = diesel::sql_query(
        "UPDATE jobs SET state = $2, finished_at = CASE WHEN $3 THEN now() END
         WHERE id = $1 AND state = ANY($4)",
    )
    .bind::<SqlUuid, _>(id)
    .bind::<Text, _>(to.as_str())
    .bind::<Bool, _>(!to.is_open())
    .bind::<Array<Text>, _>(open)
    .execute(connection)
    .await?;
    Ok(turned > 0)
}

/// The running job that went on longest ago, of those that nobody works on and that are not further ahead of their
/// rate than `ahead`; locked until the end of the transaction. With its id, should it not be readable.
///
/// # Errors
/// The database is out of reach.
pub async fn next(
    connection: &mut AsyncPgConnection,
    ahead: Duration,
) -> Result<Option<(Uuid, Result<StoredJob, StoreError>)>, StoreError> {
    let ahead = sql::<Timestamptz>("now() + make_interval(secs => ")
        .bind::<Double, _>(ahead.as_secs_f64())
        .sql(")");
    let row: Option<JobRow> = jobs::table
        .filter(jobs::state.eq(JobState::Running.as_str()))
        .filter(
            jobs::next_due
                .is_null()
                .or(jobs::next_due.assume_not_null().le(ahead)),
        )
        .order(jobs::updated_at)
        .select(JobRow::as_select())
        .for_update()
        .skip_locked()
        .first(connection)
        .await
        .optional()?;
    Ok(row.map(|row| (row.id, row.job())))
}

/// A job could not go on: the others come first, and it is tried again once it is no further ahead than it may be
/// from then.
///
/// # Errors
/// The database is out of reach.
pub async fn put_off(
    connection: &mut AsyncPgConnection,
    id: Uuid,
    wait: Duration,
) -> Result<(), StoreError> {
    let put_off = diesel::sql_query(
        "UPDATE jobs SET next_due = greatest(next_due, now() + make_interval(secs => $2)) WHERE id = $1",
    );
    put_off
        .bind::<SqlUuid, _>(id)
        .bind::<Double, _>(wait.as_secs_f64())
        .execute(connection)
        .await?;
    Ok(())
}

/// Notes a part that is done, in the transaction in which it was.
///
/// # Errors
/// The database is out of reach.
pub async fn advance(
    connection: &mut AsyncPgConnection,
    job: &StoredJob,
    part: &JobPart,
) -> Result<(), StoreError> {
    let mut counts = job.counts.clone();
    for result in &part.results {
        *counts.entry(result.result.clone()).or_default() += 1;
    }
    let number = |result: &JobResult| i64::try_from(result.number).unwrap_or(i64::MAX);
    let done = part.results.last().map_or(job.done, |last| last.number);
    let results = &part.results;
    diesel::sql_query(
        "INSERT INTO job_results (job_id, number, item_id, notification_id, result)
         SELECT $1, * FROM unnest($2, $3, $4, $5)",
    )
    .bind::<SqlUuid, _>(job.id)
    .bind::<Array<BigInt>, _>(results.iter().map(number).collect::<Vec<_>>())
    .bind::<Array<SqlUuid>, _>(results.iter().map(|it| it.item_id).collect::<Vec<_>>())
    .bind::<Array<SqlUuid>, _>(
        results
            .iter()
            .map(|it| it.notification_id)
            .collect::<Vec<_>>(),
    )
    .bind::<Array<Text>, _>(
        results
            .iter()
            .map(|it| it.result.as_str())
            .collect::<Vec<_>>(),
    )
    .execute(connection)
    .await?;
    diesel::update(jobs::table.find(job.id))
        .set((
            jobs::place_at.eq(to_database(part.place.at)),
            jobs::place_id.eq(part.place.id),
            jobs::next_due.eq(to_database(part.next_due)),
            jobs::done.eq(i64::try_from(done).unwrap_or(i64::MAX)),
            jobs::counts.eq(json!(counts)),
        ))
        .execute(connection)
        .await?;
    Ok(())
}

/// At most so many results of a job, in their order, behind a number.
///
/// # Errors
/// The database is out of reach.
pub async fn results(
    connection: &mut AsyncPgConnection,
    job: Uuid,
    after: u64,
    most: usize,
) -> Result<Vec<JobResult>, StoreError> {
    use job_results as r;
    let rows: Vec<(i64, Uuid, Uuid, String)> = r::table
        .filter(r::job_id.eq(job))
        .filter(r::number.gt(i64::try_from(after).unwrap_or(i64::MAX)))
        .order(r::number)
        .limit(i64::try_from(most).unwrap_or(i64::MAX))
        .select((r::number, r::item_id, r::notification_id, r::result))
        .load(connection)
        .await?;
    let result =
        |(number, item_id, notification_id, result): (i64, Uuid, Uuid, String)| JobResult {
            number: u64::try_from(number).unwrap_or(0),
            item_id,
            notification_id,
            result,
        };
    Ok(rows.into_iter().map(result).collect())
}

/// Removes jobs that ended a month ago, with their results; returns how many.
///
/// # Errors
/// The database is out of reach; what is left is removed the next time.
pub async fn forget(database: &Database) -> Result<u64, StoreError> {
    let old = diesel::sql_query("DELETE FROM jobs WHERE finished_at < now() - interval '30 days'");
    let gone = old.execute(&mut *database.get().await?).await?;
    Ok(u64::try_from(gone).unwrap_or(0))
}
