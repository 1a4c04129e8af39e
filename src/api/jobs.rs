//! `/v1/jobs`: what is many in one act.

use std::collections::BTreeMap;

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::authority::Authority;
use super::endpoint::Endpoint;
use super::page::Query;
use super::problem::Problem;
use super::things;
use crate::domain::{ApiAction, ApiResource, JobKind, JobState};
use crate::ops::control::{Desks, JobResult, StoredJob};

/// A job: what is many in one act.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Job)]
pub(super) struct ShownJob {
    /// Names it in paths.
    id: Uuid,
    /// Whose things alone it touches; null for all tenants'.
    tenant_id: Option<Uuid>,
    /// What it does: `dlq_replay`, `fan_out` or `webhook_replay`.
    kind: &'static str,
    /// Where it stands: `running`, `paused`, `cancelled` or `finished`.
    state: &'static str,
    /// Notifications that become due in a second, or deliveries that are sent again, at most.
    rate: u32,
    /// How many dead letters, subscriptions or deliveries there were when it was ordered.
    planned: u64,
    /// How many it has looked at so far.
    done: u64,
    /// How many of them, or of the people who subscribe, have each result: `replayed`, `accepted`, or why not.
    counts: BTreeMap<String, u64>,
    /// When it was ordered.
    created_at: Timestamp,
    /// When it went on last.
    updated_at: Timestamp,
    /// When it ended.
    finished_at: Option<Timestamp>,
}

/// What became of one item of a job.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = JobResult)]
struct ShownJobResult {
    /// Its number in the job.
    number: u64,
    /// The dead letter, of a replay.
    dead_letter_id: Option<Uuid>,
    /// The person, of a fan-out.
    user_id: Option<Uuid>,
    /// Its notification, if there is one.
    notification_id: Option<Uuid>,
    /// `replayed`, or why not.
    result: String,
}

pub(super) fn endpoints() -> Vec<Endpoint> {
    use ApiAction::{Read, Write};
    use ApiResource::{DeadLetters, Notifications, Webhooks};
    const ANY: &[ApiResource] = &[DeadLetters, Notifications, Webhooks];
    let turned = |endpoint: Endpoint| {
        endpoint
            .any_scope(ANY, Write)
            .problem(409, "job_ended")
            .answers::<ShownJob>(200, "the job as it is now")
    };
    vec![
        Endpoint::get("/v1/jobs/{id}", get)
            .named("getJob", "How far a job has come")
            .any_scope(ANY, Read)
            .answers::<ShownJob>(200, "the job"),
        Endpoint::get("/v1/jobs/{id}/results", results)
            .named("listJobResults", "What became of each, in their order")
            .details(
                "Of a fan-out those alone who got nothing though they were meant, and those whom the order leaves out; of \
                 webhooks none: their deliveries say it.",
            )
            .any_scope(ANY, Read)
            .page::<ShownJobResult>("results"),
        turned(Endpoint::post("/v1/jobs/{id}/pause", pause)).named(
            "pauseJob",
            "Stops a job for a while, after the part that it is at",
        ),
        turned(Endpoint::post("/v1/jobs/{id}/resume", resume))
            .named("resumeJob", "Has a job go on where it was"),
        turned(Endpoint::post("/v1/jobs/{id}/cancel", cancel))
            .named("cancelJob", "Ends a job; what was done stays done"),
    ]
}

/// How far a job has come.
async fn get(
    who: Authority,
    desks: Data<Desks>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let job = found(&who, &desks, id_of(&id)?, ApiAction::Read).await?;
    Ok(HttpResponse::Ok().json(ShownJob::from(&job)))
}

/// A job that the key opens, by what it is about.
async fn found(
    who: &Authority,
    desks: &Desks,
    id: Uuid,
    action: ApiAction,
) -> Result<StoredJob, Problem> {
    let job = desks.letters.job(who.tenant_id, id).await?;
    match who.caller.scopes.allow(job.order.kind().resource(), action) {
        true => Ok(job),
        false => Err(Problem::not_found("job")),
    }
}

/// What became of each.
async fn results(
    who: Authority,
    request: HttpRequest,
    desks: Data<Desks>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = id_of(&id)?;
    let mut query = Query::of(&request);
    let page = query.page::<u64>(&format!("job-results {id}"), who.tenant_id);
    let page = query.finish(page)?;
    let (after, most) = (page.after.unwrap_or(0), page.limit + 1);
    let kind = found(&who, &desks, id, ApiAction::Read).await?.order.kind();
    let results = desks
        .letters
        .results(who.tenant_id, id, after, most)
        .await?;
    let entries = results
        .into_iter()
        .map(|it| (it.number, ShownJobResult::of(kind, it)));
    Ok(HttpResponse::Ok().json(page.answer(entries.collect())))
}

async fn pause(
    who: Authority,
    desks: Data<Desks>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    turn(&who, &desks, &id, JobState::Paused).await
}

async fn resume(
    who: Authority,
    desks: Data<Desks>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    turn(&who, &desks, &id, JobState::Running).await
}

async fn cancel(
    who: Authority,
    desks: Data<Desks>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    turn(&who, &desks, &id, JobState::Cancelled).await
}

async fn turn(
    who: &Authority,
    desks: &Desks,
    id: &str,
    to: JobState,
) -> Result<HttpResponse, Problem> {
    let id = id_of(id)?;
    found(who, desks, id, ApiAction::Write).await?;
    let job = desks.letters.turn(who.tenant_id, id, to, who.by()).await?;
    Ok(HttpResponse::Ok().json(ShownJob::from(&job)))
}

/// What is no UUID is no job.
fn id_of(id: &str) -> Result<Uuid, Problem> {
    things::id_of(id, "job")
}

impl From<&StoredJob> for ShownJob {
    fn from(job: &StoredJob) -> Self {
        Self {
            id: job.id,
            tenant_id: job.tenant_id,
            kind: job.order.kind().as_str(),
            state: job.state.as_str(),
            rate: job.rate,
            planned: job.planned,
            done: job.done,
            counts: job.counts.clone(),
            created_at: job.created_at,
            updated_at: job.updated_at,
            finished_at: job.finished_at,
        }
    }
}

impl ShownJobResult {
    fn of(kind: JobKind, result: JobResult) -> Self {
        let item = |of: JobKind| (kind == of).then_some(result.item_id);
        Self {
            number: result.number,
            dead_letter_id: item(JobKind::DlqReplay),
            user_id: item(JobKind::FanOut),
            notification_id: result.notification_id,
            result: result.result,
        }
    }
}
