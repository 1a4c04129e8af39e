//! A job: how far it has come, and whether it goes on.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use uuid::Uuid;

use super::PATH;
use crate::api::console::answer::{ConsoleError, html, id_of, see_other};
use crate::api::console::figures::{ShownMoment, number};
use crate::api::console::frame::PageFrame;
use crate::api::console::sent_form::SentForm;
use crate::api::console::visitor::ConsoleVisitor;
use crate::domain::{ApiAction, ApiResource, JobState};
use crate::ops::control::{Desks, StoredJob};

#[derive(Template)]
#[template(path = "console/job.html")]
struct JobPage {
    page: PageFrame,
    job: JobProgress,
    /// Whether it may be turned.
    writes: bool,
}

/// The part of it that is looked at again and again.
#[derive(Template)]
#[template(path = "console/job_live.html")]
struct JobLivePart {
    job: JobProgress,
}

/// How far a job has come.
struct JobProgress {
    id: Uuid,
    state: JobState,
    planned: u64,
    done: u64,
    rate: u32,
    ordered: ShownMoment,
    finished: Option<ShownMoment>,
    counts: Vec<(String, String)>,
}

impl JobProgress {
    fn is_running(&self) -> bool {
        self.state == JobState::Running
    }

    fn is_open(&self) -> bool {
        self.state.is_open()
    }
}

/// A job.
pub(super) async fn page(
    visitor: ConsoleVisitor,
    desks: Data<Desks>,
    id: Path<String>,
) -> Result<HttpResponse, ConsoleError> {
    let job = progress(&visitor, &desks, &id).await?;
    let page = JobPage {
        page: PageFrame::new(&visitor, "Job", PATH),
        job,
        writes: visitor.writes(ApiResource::DeadLetters),
    };
    Ok(html(StatusCode::OK, &page))
}

/// Its progress alone.
pub(super) async fn part(
    visitor: ConsoleVisitor,
    desks: Data<Desks>,
    id: Path<String>,
) -> Result<HttpResponse, ConsoleError> {
    let job = progress(&visitor, &desks, &id).await?;
    Ok(html(StatusCode::OK, &JobLivePart { job }))
}

/// Pauses, resumes or ends it.
pub(super) async fn turn(
    visitor: ConsoleVisitor,
    request: HttpRequest,
    desks: Data<Desks>,
    path: Path<(String, String)>,
    payload: Payload,
) -> Result<HttpResponse, ConsoleError> {
    SentForm::of(&visitor, &request, payload).await?;
    visitor.needs(ApiResource::DeadLetters, ApiAction::Write)?;
    let (id, turn) = path.into_inner();
    let id = id_of(&id, "job")?;
    let to = match turn.as_str() {
        "pause" => JobState::Paused,
        "resume" => JobState::Running,
        "cancel" => JobState::Cancelled,
        _ => return Err(ConsoleError::NotFound("page")),
    };
    let tenant_id = visitor.tenant_id();
    desks.letters.turn(tenant_id, id, to, visitor.by()).await?;
    Ok(see_other(&format!("/console/jobs/{id}")))
}

async fn progress(
    visitor: &ConsoleVisitor,
    desks: &Desks,
    id: &str,
) -> Result<JobProgress, ConsoleError> {
    visitor.needs(ApiResource::DeadLetters, ApiAction::Read)?;
    let job = desks
        .letters
        .job(visitor.tenant_id(), id_of(id, "job")?)
        .await?;
    Ok(JobProgress::from(&job))
}

impl From<&StoredJob> for JobProgress {
    fn from(job: &StoredJob) -> Self {
        let counts = job.counts.iter();
        let whole = |count: u64| number(i64::try_from(count).unwrap_or(i64::MAX));
        Self {
            id: job.id,
            state: job.state,
            planned: job.planned,
            done: job.done,
            rate: job.rate,
            ordered: job.created_at.into(),
            finished: job.finished_at.map(ShownMoment::from),
            counts: counts
                .map(|(result, count)| (result.clone(), whole(*count)))
                .collect(),
        }
    }
}
