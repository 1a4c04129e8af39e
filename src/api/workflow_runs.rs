//! `/v1/workflow-runs`: what workflows do for events and people.

use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::authority::Authority;
use super::body;
use super::endpoint::Endpoint;
use super::page::Query;
use super::parameters::{id, moment, one_of, plain, plain_within, time, uuid, word, words};
use super::problem::Problem;
use super::runs_cancelled::ShownRunsCancelled;
use super::things;
use super::workflows::NAME_CHARS;
use crate::domain::{ApiAction, ApiResource, RunEnd};
use crate::ops::control::{Desks, RunFilter, RunLine, RunsMeant, StoredRun};

/// Largest body.
const MOST_BYTES: usize = 16 * 1_024;
/// How a run may stand.
const STATUSES: [&str; 4] = ["waiting", "finished", "failed", "cancelled"];

/// A run of a workflow.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WorkflowRun)]
pub(super) struct ShownRun {
    /// Names it in paths.
    id: Uuid,
    /// Whose it is.
    tenant_id: Uuid,
    /// The workflow.
    workflow: String,
    /// The version that it goes on with.
    version: i32,
    /// The event that started it.
    event_id: Uuid,
    /// Who is told; null where nobody could be.
    user_id: Option<Uuid>,
    /// What it is about.
    key: Option<String>,
    /// `waiting`, `finished`, `failed` or `cancelled`.
    status: String,
    /// How it ended; null while it waits.
    reason: Option<String>,
    /// When it goes on; null while it waits in a digest, and at its end.
    due_at: Option<Timestamp>,
    /// The digest that it waits in, or carries on.
    digest_id: Option<Uuid>,
    /// Its notifications, in order.
    notifications: Vec<Uuid>,
    /// When it began.
    created_at: Timestamp,
    /// When it ended.
    finished_at: Option<Timestamp>,
    /// Its story.
    timeline: Vec<ShownRunLine>,
}

/// A line of a run's story.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WorkflowRunLine)]
struct ShownRunLine {
    /// When.
    at: Timestamp,
    /// Which step: `2`, or `2.1` within a route; empty where it is about the run.
    step: String,
    /// What happened.
    words: String,
}

impl From<RunLine> for ShownRunLine {
    fn from(line: RunLine) -> Self {
        Self {
            at: line.at,
            step: line.step,
            words: line.words,
        }
    }
}

impl From<StoredRun> for ShownRun {
    fn from(run: StoredRun) -> Self {
        Self {
            id: run.id,
            tenant_id: run.tenant_id,
            workflow: run.workflow,
            version: run.version,
            event_id: run.event_id,
            user_id: run.user_id,
            key: run.key,
            status: run.status,
            reason: run.reason,
            due_at: run.due_at,
            digest_id: run.digest_id,
            notifications: run.sent.into_iter().map(|it| it.id).collect(),
            created_at: run.created_at,
            finished_at: run.finished_at,
            timeline: run.timeline.into_iter().map(ShownRunLine::from).collect(),
        }
    }
}

/// Which runs are cancelled: exactly one of `event_id`, `user_id` and `key`.
#[derive(ToSchema)]
#[schema(as = CancelRuns)]
#[expect(dead_code, reason = "it describes what `cancel_many` reads")]
struct AskedCancel {
    /// Those of an event.
    event_id: Option<Uuid>,
    /// A person's that wait.
    user_id: Option<Uuid>,
    /// Those that are about this.
    #[schema(max_length = 255, example = "4711")]
    key: Option<String>,
    /// Beside `key`: of this workflow alone.
    #[schema(max_length = 100)]
    workflow: Option<String>,
}

pub(super) fn endpoints() -> Vec<Endpoint> {
    use ApiAction::{Read, Write};
    use ApiResource::Workflows;
    vec![
        Endpoint::get("/v1/workflow-runs", list)
            .named("listWorkflowRuns", "The tenant's runs, newest first")
            .scope(Workflows, Read)
            .query("workflow", "of this workflow only", words(NAME_CHARS))
            .query("status", "that stand so only", one_of(&STATUSES))
            .query("reason", "that ended so only", one_of(RunEnd::ALL))
            .query("event_id", "of this event only", id())
            .query("user_id", "of this person only", id())
            .query("key", "that are about this only", words(255))
            .query("since", "of events that were accepted at this time or later", time())
            .query("until", "of events that were accepted before this time", time())
            .page::<ShownRun>("runs"),
        Endpoint::get("/v1/workflow-runs/{id}", get)
            .named("getWorkflowRun", "A run with its story")
            .scope(Workflows, Read)
            .answers::<ShownRun>(200, "the run"),
        Endpoint::post("/v1/workflow-runs/{id}/cancel", cancel)
            .named("cancelWorkflowRun", "Ends a run that waits")
            .details(
                "What it would have told is left out of digests, and what waits of its notifications is cancelled, also if \
                 it has ended. 409 when there is nothing of that; `state` says how it ended.",
            )
            .scope(Workflows, Write)
            .problem(409, "too_late")
            .answers::<ShownRunsCancelled>(200, "it is cancelled"),
        Endpoint::post("/v1/workflow-runs/cancel", cancel_many)
            .named("cancelWorkflowRuns", "Ends what waits of an event, a person or a key")
            .details(
                "With what waits of their notifications, also of runs that have ended. 404, without a later effect, when \
                 there is nothing that is meant.",
            )
            .scope(Workflows, Write)
            .body::<AskedCancel>()
            .answers::<ShownRunsCancelled>(200, "how much was cancelled"),
    ]
}

/// A tenant's runs.
async fn list(
    who: Authority,
    request: HttpRequest,
    desks: Data<Desks>,
) -> Result<HttpResponse, Problem> {
    let mut query = Query::of(&request);
    let status = |text: &str| match STATUSES.contains(&text) {
        true => Ok(text.to_owned()),
        false => Err(format!("write one of {}", STATUSES.join(", "))),
    };
    let filter = RunFilter {
        workflow: query.text("workflow", name),
        status: query.text("status", status),
        reason: query
            .text("reason", word::<RunEnd>)
            .map(|end| end.as_str().to_owned()),
        event_id: query.text("event_id", uuid),
        user_id: query.text("user_id", uuid),
        key: query.text("key", plain),
        since: query.text("since", moment),
        until: query.text("until", moment),
    };
    let span = filter.since.zip(filter.until);
    if span.is_some_and(|(since, until)| since >= until) {
        query.wrong("since", "invalid", "a time before `until`");
    }
    let page = query.page::<Uuid>("workflow-runs", Some(who.own_tenant()));
    let page = query.finish(page)?;
    let found = desks
        .runs
        .page(who.own_tenant(), filter, page.after, page.limit + 1)
        .await?;
    let entries = found.into_iter().map(|it| (it.id, ShownRun::from(it)));
    Ok(HttpResponse::Ok().json(page.answer(entries.collect())))
}

/// A run.
async fn get(
    who: Authority,
    desks: Data<Desks>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let run = desks
        .runs
        .get(who.own_tenant(), things::id_of(&id, "run")?)
        .await?;
    Ok(HttpResponse::Ok().json(ShownRun::from(run)))
}

/// Ends a run.
async fn cancel(
    who: Authority,
    desks: Data<Desks>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = things::id_of(&id, "run")?;
    let counts = desks
        .runs
        .cancel(who.own_tenant(), RunsMeant::Run(id), who.by())
        .await?;
    if !counts.has_ended_any() {
        let run = desks.runs.get(who.own_tenant(), id).await?;
        let state = match counts.under_way {
            0 => ended(&run),
            _ => "in_flight",
        };
        return Err(Problem::conflict("too_late", state, "the run has ended"));
    }
    Ok(HttpResponse::Ok().json(ShownRunsCancelled::from(counts)))
}

/// How a run ended, as a state.
fn ended(run: &StoredRun) -> &'static str {
    match run.status.as_str() {
        "finished" if !run.sent.is_empty() => "sent",
        "finished" => "finished",
        "failed" => "failed",
        _ => "cancelled",
    }
}

/// Ends many.
async fn cancel_many(
    who: Authority,
    request: HttpRequest,
    desks: Data<Desks>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let mut sent = body::fields(&request, payload, MOST_BYTES).await?;
    let names = ["event_id", "user_id", "key"];
    let named = names.into_iter().filter(|name| sent.has(name)).count();
    let event_id = sent.text("event_id", uuid);
    let user_id = sent.text("user_id", uuid);
    let key = sent.text("key", plain);
    let workflow = sent.text("workflow", name);
    if named != 1 {
        sent.wrong(
            &["key"],
            "required",
            "name one of `event_id`, `user_id` and `key`",
        );
    }
    let meant = match (event_id, user_id, key) {
        (Some(id), ..) => Some(RunsMeant::Event(id)),
        (_, Some(id), _) => Some(RunsMeant::Person(id)),
        (_, _, Some(key)) => Some(RunsMeant::Key(workflow, key)),
        _ => None,
    };
    let meant = sent.finish(meant)?;
    let counts = desks.runs.cancel(who.own_tenant(), meant, who.by()).await?;
    Ok(HttpResponse::Ok().json(ShownRunsCancelled::from(counts)))
}

/// The name of a workflow, to look for.
fn name(text: &str) -> Result<String, String> {
    plain_within(text, NAME_CHARS)
}
