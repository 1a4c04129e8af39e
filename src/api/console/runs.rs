//! Runs of workflows with their stories, and digests that are open.

use actix_web::http::StatusCode;
use actix_web::web::{self, Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use uuid::Uuid;

use super::answer::{ConsoleError, html, id_of, see_other};
use super::figures::ShownMoment;
use super::frame::PageFrame;
use super::lists::{ListPage, ListRow, MOST, ShownList, after, escaped, query};
use super::look;
use super::posted::ProvenForm;
use super::visitor::ConsoleVisitor;
use crate::domain::{ApiAction, ApiResource, DEFAULT_TENANT};
use crate::ops::control::{Desks, OpenDigest, RunFilter, RunLine, RunsMeant, StoredRun};

/// Where runs are.
const RUNS: &str = "/console/runs";
/// By what runs are found: the words of the query.
const FILTERS: [&str; 4] = ["workflow", "status", "reason", "key"];

pub(super) fn routes(routes: &mut web::ServiceConfig) {
    routes
        .service(web::resource("/runs").route(look(list)))
        .service(web::resource("/runs/{id}").route(look(page)))
        .service(web::resource("/runs/{id}/cancel").route(web::post().to(cancel)))
        .service(web::resource("/digests").route(look(digests)));
}

#[derive(Template)]
#[template(path = "console/run.html")]
struct RunPage {
    page: PageFrame,
    run: StoredRun,
    facts: Vec<(&'static str, String)>,
    lines: Vec<(ShownMoment, RunLine)>,
    /// Whether its notifications may be looked at.
    reads_sent: bool,
    /// Whether it may be cancelled.
    cancels: bool,
}

/// A tenant's runs, the newest first.
async fn list(
    visitor: ConsoleVisitor,
    request: HttpRequest,
    desks: Data<Desks>,
) -> Result<HttpResponse, ConsoleError> {
    visitor.needs(ApiResource::Workflows, ApiAction::Read)?;
    let mut fields = query(&request)?;
    let before = after::<Uuid>(&mut fields)?;
    let mut word = |name: &'static str| {
        let plain = |text: &str| match text.chars().any(char::is_control) {
            true => Err(String::new()),
            false => Ok(text.to_owned()),
        };
        fields.read(name, plain)
    };
    let [workflow, status, reason, key] = FILTERS.map(&mut word);
    let filter = RunFilter {
        workflow,
        status,
        reason,
        key,
        ..RunFilter::default()
    };
    let kept = kept(&filter);
    let tenant_id = visitor.tenant_id().unwrap_or(DEFAULT_TENANT);
    let found = desks.runs.page(tenant_id, filter, before, MOST + 1).await?;
    let what = (
        "What workflows do for events and people, the newest first. Its page has a run's story.",
        &["Began", "Workflow", "Person", "About", "Status", "Reason"][..],
    );
    let mut list = ShownList::of(what, found, |it| it.id.to_string(), row);
    list.older = list.older.map(|older| format!("{older}{kept}"));
    let page = ListPage {
        page: PageFrame::new(&visitor, "Runs", RUNS),
        list,
    };
    Ok(html(StatusCode::OK, &page))
}

/// What a list is filtered by, as the rest of a query.
fn kept(filter: &RunFilter) -> String {
    let values = [
        &filter.workflow,
        &filter.status,
        &filter.reason,
        &filter.key,
    ];
    let pairs = FILTERS.iter().zip(values);
    let pairs =
        pairs.filter_map(|(name, value)| Some(format!("&{name}={}", escaped(value.as_deref()?))));
    pairs.collect()
}

fn row(run: &StoredRun) -> ListRow {
    ListRow {
        link: Some(format!("{RUNS}/{}", run.id)),
        cells: vec![
            ShownMoment::from(run.created_at).text,
            format!("{}, version {}", run.workflow, run.version),
            run.user_id.map(|id| id.to_string()).unwrap_or_default(),
            run.key.clone().unwrap_or_default(),
            run.status.clone(),
            run.reason.clone().unwrap_or_default(),
        ],
        ..ListRow::default()
    }
}

/// A run with its story.
async fn page(
    visitor: ConsoleVisitor,
    desks: Data<Desks>,
    id: Path<String>,
) -> Result<HttpResponse, ConsoleError> {
    visitor.needs(ApiResource::Workflows, ApiAction::Read)?;
    let tenant_id = visitor.tenant_id().unwrap_or(DEFAULT_TENANT);
    let run = desks.runs.get(tenant_id, id_of(&id, "run")?).await?;
    let page = RunPage {
        page: PageFrame::new(&visitor, "Run", RUNS),
        facts: facts(&run),
        lines: run
            .timeline
            .iter()
            .map(|line| (line.at.into(), line.clone()))
            .collect(),
        reads_sent: visitor.reads(ApiResource::Notifications),
        cancels: run.status == "waiting" && visitor.writes(ApiResource::Workflows),
        run,
    };
    Ok(html(StatusCode::OK, &page))
}

fn facts(run: &StoredRun) -> Vec<(&'static str, String)> {
    let due = run.due_at.map(|at| ShownMoment::from(at).text);
    let waits = match (run.status.as_str(), due, run.digest_id) {
        ("waiting", Some(due), _) => Some(due),
        ("waiting", None, Some(_)) => Some("when its digest closes".to_owned()),
        _ => None,
    };
    let facts = [
        (
            "Workflow",
            Some(format!("{}, version {}", run.workflow, run.version)),
        ),
        ("About", run.key.clone()),
        ("Event", Some(run.event_id.to_string())),
        ("Person", run.user_id.map(|id| id.to_string())),
        ("Began", Some(ShownMoment::from(run.created_at).text)),
        ("Goes on", waits),
        (
            "Ended",
            run.finished_at.map(|at| ShownMoment::from(at).text),
        ),
    ];
    facts
        .into_iter()
        .filter_map(|(name, fact)| Some((name, fact?)))
        .collect()
}

/// Ends a run.
async fn cancel(
    form: ProvenForm,
    desks: Data<Desks>,
    id: Path<String>,
) -> Result<HttpResponse, ConsoleError> {
    let (tenant_id, id) = form.changes_of(ApiResource::Workflows, (&id, "run"))?;
    let tenant_id = tenant_id.unwrap_or(DEFAULT_TENANT);
    let cancelled = desks
        .runs
        .cancel(tenant_id, RunsMeant::Run(id), form.visitor.by());
    let counts = cancelled.await?;
    if counts.cancelled == 0 && counts.items == 0 {
        return Err(ConsoleError::Conflict("The run has ended.".to_owned()));
    }
    Ok(see_other(&format!("{RUNS}/{id}")))
}

/// Digests that are open, those that close first first.
async fn digests(
    visitor: ConsoleVisitor,
    desks: Data<Desks>,
) -> Result<HttpResponse, ConsoleError> {
    visitor.needs(ApiResource::Workflows, ApiAction::Read)?;
    let tenant_id = visitor.tenant_id().unwrap_or(DEFAULT_TENANT);
    let found = desks.runs.open_digests(tenant_id, MOST).await?;
    let row = |it: &OpenDigest| ListRow {
        cells: vec![
            it.workflow.clone(),
            it.user_id.to_string(),
            it.key.clone(),
            it.came.to_string(),
            ShownMoment::from(it.opened_at).text,
            ShownMoment::from(it.closes_at).text,
        ],
        link: Some(format!(
            "{RUNS}?workflow={}&status=waiting",
            escaped(&it.workflow)
        )),
        ..ListRow::default()
    };
    let what = (
        "What is gathered for people at this moment: the fifty that close first.",
        &["Workflow", "Person", "About", "Items", "Opened", "Closes"][..],
    );
    let page = ListPage {
        page: PageFrame::new(&visitor, "Open digests", "/console/digests"),
        list: ShownList::of(what, found, |it| it.key.clone(), row),
    };
    Ok(html(StatusCode::OK, &page))
}
