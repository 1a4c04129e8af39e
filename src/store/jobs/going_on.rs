//! Going on with jobs, a part at a time: what was done and the place in the job are stored together.

use std::collections::BTreeMap;
use std::time::Duration;

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Double, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

use super::{JobPlace, JobRow, StoredJob};
use crate::domain::JobState;
use crate::store::StoreError;
use crate::store::schema::notification_schema::{job_results, jobs};
use crate::store::time::to_database;

/// What became of one item of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobResult {
    /// Its number in the job, from 1 on.
    pub number: u64,
    /// The dead letter, or the person.
    pub item_id: Uuid,
    /// Its notification, if there is one.
    pub notification_id: Option<Uuid>,
    /// What became of it: `replayed`, or why not.
    pub result: String,
}

/// A part of a job that is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobPart {
    /// Where it has come to.
    pub place: JobPlace,
    /// When the next one becomes due.
    pub next_due: Timestamp,
    /// How many things were looked at in it.
    pub looked_at: u64,
    /// How many of them have each result.
    pub counts: BTreeMap<String, u64>,
    /// What became of those of which a result is kept.
    pub results: Vec<JobResult>,
}

/// The running job that went on longest ago, of those that nobody works on and that are not further ahead of their
/// rate than `ahead` (a fan-out: than `fan_out_ahead`); locked until the end of the transaction. With its id, should it
/// not be readable.
///
/// # Errors
/// The database is out of reach.
pub async fn next(
    connection: &mut AsyncPgConnection,
    (ahead, fan_out_ahead): (Duration, Duration),
) -> Result<Option<(Uuid, Result<StoredJob, StoreError>)>, StoreError> {
    let ahead =
        sql::<Timestamptz>("now() + make_interval(secs => CASE WHEN kind = 'fan_out' THEN ")
            .bind::<Double, _>(fan_out_ahead.as_secs_f64())
            .sql(" ELSE ")
            .bind::<Double, _>(ahead.as_secs_f64())
            .sql(" END)");
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

/// Notes how many things a job is to look at, where that was not known when it was ordered.
///
/// # Errors
/// The database is out of reach.
pub async fn plan(
    connection: &mut AsyncPgConnection,
    id: Uuid,
    planned: u64,
) -> Result<(), StoreError> {
    diesel::update(jobs::table.find(id))
        .set(jobs::planned.eq(i64::try_from(planned).unwrap_or(i64::MAX)))
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
    for (result, number) in &part.counts {
        *counts.entry(result.clone()).or_default() += number;
    }
    let done = job.done.saturating_add(part.looked_at);
    let (at, id) = match part.place {
        JobPlace::Letter(place) => (Some(to_database(place.at)), place.id),
        JobPlace::Person(id) | JobPlace::Delivery(id) => (None, id),
    };
    keep(connection, job.id, &part.results).await?;
    diesel::update(jobs::table.find(job.id))
        .set((
            jobs::place_at.eq(at),
            jobs::place_id.eq(id),
            jobs::next_due.eq(to_database(part.next_due)),
            jobs::done.eq(i64::try_from(done).unwrap_or(i64::MAX)),
            jobs::counts.eq(json!(counts)),
        ))
        .execute(connection)
        .await?;
    Ok(())
}

/// Keeps results of a job.
async fn keep(
    connection: &mut AsyncPgConnection,
    job: Uuid,
    results: &[JobResult],
) -> Result<(), StoreError> {
    if results.is_empty() {
        return Ok(());
    }
    let number = |result: &JobResult| i64::try_from(result.number).unwrap_or(i64::MAX);
    diesel::sql_query(
        "INSERT INTO job_results (job_id, number, item_id, notification_id, result)
         SELECT $1, * FROM unnest($2, $3, $4, $5)",
    )
    .bind::<SqlUuid, _>(job)
    .bind::<Array<BigInt>, _>(results.iter().map(number).collect::<Vec<_>>())
    .bind::<Array<SqlUuid>, _>(results.iter().map(|it| it.item_id).collect::<Vec<_>>())
    .bind::<Array<Nullable<SqlUuid>>, _>(
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
    let rows: Vec<(i64, Uuid, Option<Uuid>, String)> = r::table
        .filter(r::job_id.eq(job))
        .filter(r::number.gt(i64::try_from(after).unwrap_or(i64::MAX)))
        .order(r::number)
        .limit(i64::try_from(most).unwrap_or(i64::MAX))
        .select((r::number, r::item_id, r::notification_id, r::result))
        .load(connection)
        .await?;
    let result =
        |(number, item_id, notification_id, result): (i64, Uuid, Option<Uuid>, String)| JobResult {
            number: u64::try_from(number).unwrap_or(0),
            item_id,
            notification_id,
            result,
        };
    Ok(rows.into_iter().map(result).collect())
}
