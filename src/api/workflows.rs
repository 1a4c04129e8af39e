//! `/v1/workflows`: drafts and versions.

mod trying;

use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

use super::authority::Authority;
use super::body;
use super::endpoint::Endpoint;
use super::page::Query;
use super::problem::{FieldError, Problem};
use crate::domain::{ApiAction, ApiResource, field, storable};
use crate::ops::control::{Desks, StoredWorkflow, WorkflowDeskError};

/// Largest body.
const MOST_BYTES: usize = 256 * 1_024;
/// Most characters of a name.
pub(super) const NAME_CHARS: usize = 100;

/// A definition, as `[[workflows]]` of `herald apply` has it. The name is the path's.
#[derive(ToSchema)]
#[schema(as = WorkflowDefinition)]
#[expect(dead_code, reason = "it describes what the engine reads")]
struct AskedWorkflow {
    /// The path's, if it is here as well.
    #[schema(max_length = 100)]
    name: Option<String>,
    /// A type of event; `*` and `#` as in AMQP.
    #[schema(example = "ticket.replied")]
    on: String,
    /// An expression over the event: only if it is true.
    when: Option<String>,
    /// Expressions that make user ids or lists of them, or `topic:NAME`.
    #[schema(example = json!(["data.requester_id"]))]
    recipients: Vec<String>,
    /// Expressions: who is not told.
    exclude: Option<Vec<String>>,
    /// An expression: what a run is about.
    key: Option<String>,
    /// `type` and `key`: which events end runs that are about the same.
    cancel_on: Option<Value>,
    /// `type` and `id`: what its notifications are about.
    source: Option<Value>,
    /// The category of its notifications.
    category: Option<String>,
    /// What is done, in this order.
    #[schema(example = json!([{ "delay": { "for": "10m" } }]))]
    steps: Vec<Value>,
}

/// A version of a workflow.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WorkflowVersion)]
struct ShownWorkflow {
    /// Its name, unique within the tenant.
    name: String,
    /// Whose it is.
    tenant_id: Uuid,
    /// Counts up from 1.
    version: i32,
    /// `draft`, `published` or `retired`.
    #[schema(example = "published")]
    state: String,
    /// What it says.
    #[schema(value_type = Object)]
    definition: Map<String, Value>,
    /// When it was made.
    created_at: Timestamp,
    /// When it was published, if it was.
    published_at: Option<Timestamp>,
}

impl From<StoredWorkflow> for ShownWorkflow {
    fn from(stored: StoredWorkflow) -> Self {
        Self {
            name: stored.name,
            tenant_id: stored.tenant_id,
            version: stored.version,
            state: stored.state,
            definition: stored.definition,
            created_at: stored.created_at,
            published_at: stored.published_at,
        }
    }
}

/// A workflow with its newest versions.
#[derive(Debug, Serialize, ToSchema)]
struct WorkflowWithVersions {
    /// Its name.
    name: String,
    /// The version that is published; null if none is.
    published: Option<ShownWorkflow>,
    /// The draft; null if there is none.
    draft: Option<ShownWorkflow>,
    /// How many versions there are.
    versions: i32,
}

pub(super) fn endpoints() -> Vec<Endpoint> {
    use ApiAction::{Read, Write};
    use ApiResource::Workflows;
    let mut endpoints = vec![
        Endpoint::get("/v1/workflows", list)
            .named("listWorkflows", "The tenant's workflows, by name")
            .details("Of each the published version, else the newest.")
            .scope(Workflows, Read)
            .page::<ShownWorkflow>("workflows"),
        Endpoint::get("/v1/workflows/{name}", get)
            .named("getWorkflow", "A workflow: what is published, and its draft")
            .scope(Workflows, Read)
            .answers::<WorkflowWithVersions>(200, "the workflow"),
        Endpoint::put("/v1/workflows/{name}", save)
            .named("saveWorkflow", "Saves a draft")
            .details("It is checked as `herald apply` does, all mistakes at once. No event starts it before it is published.")
            .scope(Workflows, Write)
            .body::<AskedWorkflow>()
            .answers::<ShownWorkflow>(200, "the draft; or what is published, if it says the same"),
        Endpoint::post("/v1/workflows/{name}/publish", publish)
            .named("publishWorkflow", "Publishes the draft")
            .details("What runs keeps its version; open digests go on with this one.")
            .scope(Workflows, Write)
            .problem(409, "no_draft")
            .answers::<ShownWorkflow>(200, "the version that is published"),
        Endpoint::delete("/v1/workflows/{name}", retire)
            .named("deleteWorkflow", "Retires a workflow: no event starts it any more")
            .details("What runs goes on. Its versions stay to be read.")
            .scope(Workflows, Write)
            .answers_other(204, "it is retired", None),
        Endpoint::get("/v1/workflows/{name}/versions", versions)
            .named("listWorkflowVersions", "The versions of a workflow, newest first")
            .scope(Workflows, Read)
            .page::<ShownWorkflow>("versions"),
    ];
    endpoints.extend(trying::endpoints());
    endpoints
}

/// A tenant's workflows.
async fn list(
    who: Authority,
    request: HttpRequest,
    desks: Data<Desks>,
) -> Result<HttpResponse, Problem> {
    let mut query = Query::of(&request);
    let page = query.page::<String>("workflows", Some(who.own_tenant()));
    let page = query.finish(page)?;
    let found = desks
        .workflows
        .page(who.own_tenant(), page.after.clone(), page.limit + 1)
        .await?;
    let entries = found
        .into_iter()
        .map(|it| (it.name.clone(), ShownWorkflow::from(it)));
    Ok(HttpResponse::Ok().json(page.answer(entries.collect())))
}

/// A workflow.
async fn get(
    who: Authority,
    desks: Data<Desks>,
    name: Path<String>,
) -> Result<HttpResponse, Problem> {
    let name = named(&name)?;
    let found = desks
        .workflows
        .standing(who.own_tenant(), name.clone())
        .await?;
    let versions = found.iter().map(|it| it.version).max().unwrap_or(0);
    let (mut published, mut draft) = (None, None);
    for version in found {
        match version.state.as_str() {
            "published" => published = Some(version.into()),
            "draft" => draft = Some(version.into()),
            _ => {}
        }
    }
    Ok(HttpResponse::Ok().json(WorkflowWithVersions {
        name,
        published,
        draft,
        versions,
    }))
}

/// Saves a draft.
async fn save(
    who: Authority,
    request: HttpRequest,
    desks: Data<Desks>,
    name: Path<String>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let name = named(&name)?;
    let sent = body::value(&request, payload, MOST_BYTES).await?;
    storable::check(&sent).map_err(|unfit| body::malformed(unfit.to_string()))?;
    let Value::Object(mut definition) = sent else {
        return Err(body::malformed("not a JSON object"));
    };
    match definition.get("name") {
        None => drop(definition.insert("name".to_owned(), Value::String(name.clone()))),
        Some(said) if *said == Value::String(name.clone()) => {}
        Some(_) => {
            let error = FieldError {
                pointer: "#/name".to_owned(),
                code: "invalid",
                detail: "the path names another workflow".to_owned(),
            };
            return Err(Problem::invalid("invalid_body", vec![error]));
        }
    }
    let saved = desks
        .workflows
        .save((who.own_tenant(), name), definition, who.by());
    Ok(HttpResponse::Ok().json(ShownWorkflow::from(saved.await?)))
}

/// Publishes the draft.
async fn publish(
    who: Authority,
    desks: Data<Desks>,
    name: Path<String>,
) -> Result<HttpResponse, Problem> {
    let published = desks
        .workflows
        .publish(who.own_tenant(), named(&name)?, who.by());
    Ok(HttpResponse::Ok().json(ShownWorkflow::from(published.await?)))
}

/// Retires a workflow.
async fn retire(
    who: Authority,
    desks: Data<Desks>,
    name: Path<String>,
) -> Result<HttpResponse, Problem> {
    desks
        .workflows
        .retire(who.own_tenant(), named(&name)?, who.by())
        .await?;
    Ok(HttpResponse::NoContent().finish())
}

/// The versions of a workflow.
async fn versions(
    who: Authority,
    request: HttpRequest,
    desks: Data<Desks>,
    name: Path<String>,
) -> Result<HttpResponse, Problem> {
    let name = named(&name)?;
    let mut query = Query::of(&request);
    let page = query.page::<i32>(&format!("workflow-versions {name}"), Some(who.own_tenant()));
    let page = query.finish(page)?;
    let found = desks
        .workflows
        .versions(who.own_tenant(), name, page.after, page.limit + 1)
        .await?;
    let entries = found
        .into_iter()
        .map(|it| (it.version, ShownWorkflow::from(it)));
    Ok(HttpResponse::Ok().json(page.answer(entries.collect())))
}

/// What cannot be a name is no workflow.
fn named(name: &str) -> Result<String, Problem> {
    field::comparable(name, NAME_CHARS).map_err(|_| Problem::not_found("workflow"))
}

impl From<WorkflowDeskError> for Problem {
    fn from(error: WorkflowDeskError) -> Self {
        match error {
            WorkflowDeskError::Desk(error) => error.into(),
            WorkflowDeskError::Mistakes(mistakes) => {
                let errors = mistakes.into_iter().map(|mistake| FieldError {
                    pointer: format!("#{}", mistake.pointer),
                    code: mistake.code,
                    detail: mistake.detail,
                });
                Self::invalid("invalid_body", errors.collect())
            }
        }
    }
}
