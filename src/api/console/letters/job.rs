//! A job: how far it has come, and whether it goes on.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use uuid::Uuid;

use crate::api::console::answer::{ConsoleError, html, id_of, see_other};
use crate::api::console::figures::{ShownMoment, whole};
use crate::api::console::frame::PageFrame;
use crate::api::console::lists::{ListPage, ListRow, MOST, ShownList, after, query};
use crate::api::console::posted::ProvenForm;
use crate::api::console::visitor::ConsoleVisitor;
use crate::domain::{ApiAction, ApiResource, JobKind, JobState};
use crate::ops::control::{Desks, StoredJob};

/// Where jobs are.
const JOBS: &str = "/console/jobs";

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
    kind: JobKind,
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

/// All jobs, the newest first.
pub(super) async fn list(
    visitor: ConsoleVisitor,
    request: HttpRequest,
    desks: Data<Desks>,
) -> Result<HttpResponse, ConsoleError> {
    visitor.needs(ApiResource::DeadLetters, ApiAction::Read)?;
    let before = after(&mut query(&request)?)?;
    let tenant_id = visitor.tenant_id();
    let found = desks.letters.jobs(tenant_id, before, MOST + 1).await?;
    let what = (
        "Replays of dead letters: how far each has come. Its page pauses, resumes and ends it.",
        &["Ordered", "State", "Done", "Planned", "A second", "Ended"][..],
    );
    let page = ListPage {
        page: PageFrame::new(&visitor, "Jobs", JOBS),
        list: ShownList::of(what, found, |it| it.id.to_string(), row),
    };
    Ok(html(StatusCode::OK, &page))
}

fn row(job: &StoredJob) -> ListRow {
    let ended = job.finished_at.map(|at| ShownMoment::from(at).text);
    ListRow {
        link: Some(format!("{JOBS}/{}", job.id)),
        cells: vec![
            ShownMoment::from(job.created_at).text,
            job.state.to_string(),
            whole(job.done),
            whole(job.planned),
            job.rate.to_string(),
            ended.unwrap_or_default(),
        ],
        ..ListRow::default()
    }
}

/// A job.
pub(super) async fn page(
    visitor: ConsoleVisitor,
    desks: Data<Desks>,
    id: Path<String>,
) -> Result<HttpResponse, ConsoleError> {
    let job = progress(&visitor, &desks, &id).await?;
    let writes = visitor.writes(job.kind.resource());
    let path = match job.kind {
        JobKind::DlqReplay => JOBS,
        JobKind::FanOut => "/console/fan-outs",
        JobKind::WebhookReplay => "/console/webhooks",
    };
    let page = JobPage {
        page: PageFrame::new(&visitor, "Job", path),
        job,
        writes,
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
    form: ProvenForm,
    desks: Data<Desks>,
    path: Path<(String, String)>,
) -> Result<HttpResponse, ConsoleError> {
    let (id, turn) = path.into_inner();
    let (visitor, tenant_id) = (&form.visitor, form.visitor.tenant_id());
    let id = found(visitor, &desks, &id, ApiAction::Write).await?.id;
    let to = match turn.as_str() {
        "pause" => JobState::Paused,
        "resume" => JobState::Running,
        "cancel" => JobState::Cancelled,
        _ => return Err(ConsoleError::NotFound("page")),
    };
    let turned = desks.letters.turn(tenant_id, id, to, form.visitor.by());
    turned.await?;
    Ok(see_other(&format!("{JOBS}/{id}")))
}

async fn progress(
    visitor: &ConsoleVisitor,
    desks: &Desks,
    id: &str,
) -> Result<JobProgress, ConsoleError> {
    let job = found(visitor, desks, id, ApiAction::Read).await?;
    Ok(JobProgress::from(&job))
}

/// A job whose kind the visitor's key opens.
async fn found(
    visitor: &ConsoleVisitor,
    desks: &Desks,
    id: &str,
    action: ApiAction,
) -> Result<StoredJob, ConsoleError> {
    let any = JobKind::ALL.iter().map(|kind| kind.resource());
    if let Some(first) = JobKind::ALL.first()
        && !any
            .into_iter()
            .any(|resource| visitor.may(resource, action))
    {
        // Nothing is looked for on behalf of who may see none.
        visitor.needs(first.resource(), action)?;
    }
    let id = id_of(id, "job")?;
    let job = desks.letters.job(visitor.tenant_id(), id).await?;
    visitor.needs(job.order.kind().resource(), action)?;
    Ok(job)
}

impl From<&StoredJob> for JobProgress {
    fn from(job: &StoredJob) -> Self {
        let counts = job.counts.iter();
        Self {
            id: job.id,
            kind: job.order.kind(),
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
