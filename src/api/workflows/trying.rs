//! Trying versions of workflows on recorded events.

use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::named;
use crate::api::authority::Authority;
use crate::api::body;
use crate::api::endpoint::Endpoint;
use crate::api::page::Query;
use crate::api::parameters::{number, uuid};
use crate::api::problem::Problem;
use crate::domain::{ApiAction, ApiResource};
use crate::ops::control::{Desks, DryRun, WorkflowComparison};

/// Largest body.
const MOST_BYTES: usize = 16 * 1_024;

/// What is to be tried.
#[derive(ToSchema)]
#[schema(as = NewDryRun, example = json!({ "event_id": "019c2f5e-0000-7000-8000-000000000001" }))]
#[expect(dead_code, reason = "it describes what `dry_run` reads")]
struct AskedDryRun {
    /// An event that was accepted: the `id` of `GET /v1/events`.
    event_id: Uuid,
    /// The version; the draft when it is absent, else what is published.
    #[schema(minimum = 1)]
    version: Option<i32>,
}

/// What a version would do with an event.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WorkflowDryRun)]
struct ShownDryRun {
    /// The version that was tried.
    version: i32,
    /// The event.
    event_id: Uuid,
    /// What it would do.
    #[serde(flatten)]
    run: DryRun,
}

/// What two versions would do with the same events.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WorkflowDiff)]
struct ShownDiff {
    /// The first version.
    from: i32,
    /// The second.
    to: i32,
    /// What they would do.
    #[serde(flatten)]
    compared: WorkflowComparison,
}

pub(super) fn endpoints() -> [Endpoint; 2] {
    use ApiAction::{Read, Write};
    use ApiResource::Workflows;
    [
        Endpoint::post("/v1/workflows/{name}/dry-run", dry_run)
            .named("tryWorkflow", "What a version would do with a recorded event")
            .details(
                "Who would be told, by what channel, when, why not, and with which words: of at most 20 people. \
                 Sends and writes nothing. Nobody reads anything meanwhile, throttles have room, a digest gathers \
                 this event alone, and daily caps begin empty; people, rules and templates are as they are now.",
            )
            .scope(Workflows, Write)
            .body::<AskedDryRun>()
            .problem(409, "unreadable")
            .answers::<ShownDryRun>(200, "what it would do"),
        Endpoint::get("/v1/workflows/{name}/diff", diff)
            .named("diffWorkflow", "What two versions would do with the last hundred events of their triggers")
            .details(
                "Counts what becomes of people by each version, and what differs, with some events. Each is tried as a \
                 dry run, with at most 20 people of an event. Sends and writes nothing.",
            )
            .scope(Workflows, Read)
            .query("from", "the first version; what is published without it", number())
            .query("to", "the second; the draft without it", number())
            .problem(409, "unreadable")
            .answers::<ShownDiff>(200, "what differs"),
    ]
}

/// Tries a version.
async fn dry_run(
    who: Authority,
    request: HttpRequest,
    desks: Data<Desks>,
    name: Path<String>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let name = named(&name)?;
    let mut sent = body::fields(&request, payload, MOST_BYTES).await?;
    let event_id = sent.text("event_id", uuid);
    if event_id.is_none() && !sent.has("event_id") {
        sent.wrong(&["event_id"], "required", "name an event that was accepted");
    }
    let version = sent.integer("version", 1..=i64::from(i32::MAX));
    let event_id = sent.finish(event_id)?;
    let version = version.and_then(|number| i32::try_from(number).ok());
    let tried = desks
        .workflows
        .dry_run((who.own_tenant(), name), version, event_id);
    let (tried, run) = tried.await?;
    Ok(HttpResponse::Ok().json(ShownDryRun {
        version: tried.version,
        event_id,
        run,
    }))
}

/// Compares two versions.
async fn diff(
    who: Authority,
    request: HttpRequest,
    desks: Data<Desks>,
    name: Path<String>,
) -> Result<HttpResponse, Problem> {
    let name = named(&name)?;
    let mut query = Query::of(&request);
    let read = |text: &str| match text.parse::<i32>() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err("is no number of a version".to_owned()),
    };
    let versions = (query.text("from", read), query.text("to", read));
    let versions = query.finish(versions)?;
    let compared = desks.workflows.compare((who.own_tenant(), name), versions);
    let (from, to, compared) = compared.await?;
    Ok(HttpResponse::Ok().json(ShownDiff { from, to, compared }))
}
