//! Workflows: what is published, a picture of its steps, its versions, and what it would do with an event.

mod picture;
mod trying;

use actix_web::http::StatusCode;
use actix_web::web::{self, Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

use self::picture::StepsPicture;
use super::answer::{ConsoleError, html};
use super::figures::ShownMoment;
use super::frame::PageFrame;
use super::lists::{ListPage, ListRow, MOST, ShownList, after, escaped, query};
use super::look;
use super::visitor::ConsoleVisitor;
use crate::domain::{ApiAction, ApiResource, DEFAULT_TENANT};
use crate::ops::control::{Desks, StoredWorkflow};

/// Where workflows are.
const WORKFLOWS: &str = "/console/workflows";
/// Versions that are listed.
const VERSIONS: usize = 20;

pub(super) fn routes(routes: &mut web::ServiceConfig) {
    routes
        .service(web::resource("/workflows").route(look(list)))
        .service(web::resource("/workflows/{name}").route(look(page)))
        .service(web::resource("/workflows/{name}/try").route(web::post().to(trying::dry_run)));
}

#[derive(Template)]
#[template(path = "console/workflow.html")]
struct WorkflowPage {
    page: PageFrame,
    name: String,
    /// The name as it stands in an address.
    place: String,
    shown: Vec<ShownVersion>,
    versions: Vec<ShownVersion>,
    /// Whether it may be tried.
    writes: bool,
}

/// A version with its picture.
struct ShownVersion {
    number: i32,
    state: String,
    on: String,
    recipients: String,
    made: ShownMoment,
    picture: StepsPicture,
}

impl From<&StoredWorkflow> for ShownVersion {
    fn from(stored: &StoredWorkflow) -> Self {
        let text = |name: &str| match stored.definition.get(name) {
            Some(serde_json::Value::String(text)) => text.clone(),
            Some(serde_json::Value::Array(items)) => {
                let items = items.iter().filter_map(serde_json::Value::as_str);
                items.collect::<Vec<_>>().join(", ")
            }
            _ => String::new(),
        };
        Self {
            number: stored.version,
            state: stored.state.clone(),
            on: text("on"),
            recipients: text("recipients"),
            made: stored.created_at.into(),
            picture: StepsPicture::of(&stored.definition),
        }
    }
}

/// A tenant's workflows; the default tenant's for an operator who looks at all.
async fn list(
    visitor: ConsoleVisitor,
    request: HttpRequest,
    desks: Data<Desks>,
) -> Result<HttpResponse, ConsoleError> {
    visitor.needs(ApiResource::Workflows, ApiAction::Read)?;
    let behind = after::<String>(&mut query(&request)?)?;
    let tenant_id = visitor.tenant_id().unwrap_or(DEFAULT_TENANT);
    let found = desks.workflows.page(tenant_id, behind, MOST + 1).await?;
    let row = |it: &StoredWorkflow| {
        let shown = ShownVersion::from(it);
        ListRow {
            link: Some(format!("{WORKFLOWS}/{}", escaped(&it.name))),
            cells: vec![
                it.name.clone(),
                it.state.clone(),
                it.version.to_string(),
                shown.on,
                shown.recipients,
                shown.made.text,
            ],
            ..ListRow::default()
        }
    };
    let what = (
        "What becomes of events. Its page shows its steps, and tries it.",
        &["Name", "State", "Version", "On", "Tells", "Made"][..],
    );
    let page = ListPage {
        page: PageFrame::new(&visitor, "Workflows", WORKFLOWS),
        list: ShownList::of(what, found, |it| it.name.clone(), row),
    };
    Ok(html(StatusCode::OK, &page))
}

/// A workflow.
async fn page(
    visitor: ConsoleVisitor,
    desks: Data<Desks>,
    name: Path<String>,
) -> Result<HttpResponse, ConsoleError> {
    visitor.needs(ApiResource::Workflows, ApiAction::Read)?;
    let (name, tenant_id) = (
        name.into_inner(),
        visitor.tenant_id().unwrap_or(DEFAULT_TENANT),
    );
    let name = named(&name)?;
    let mut standing = desks.workflows.standing(tenant_id, name.clone()).await?;
    standing.sort_by_key(|it| (it.state != "published", -it.version));
    let versions = desks
        .workflows
        .versions(tenant_id, name.clone(), None, VERSIONS)
        .await?;
    let page = WorkflowPage {
        page: PageFrame::new(&visitor, name.clone(), WORKFLOWS),
        place: escaped(&name),
        name,
        shown: standing.iter().map(ShownVersion::from).collect(),
        versions: versions.iter().map(ShownVersion::from).collect(),
        writes: visitor.writes(ApiResource::Workflows),
    };
    Ok(html(StatusCode::OK, &page))
}

/// What cannot be a name is no workflow.
fn named(name: &str) -> Result<String, ConsoleError> {
    let named = crate::domain::field::comparable(name, 100);
    named.map_err(|_| ConsoleError::NotFound("workflow"))
}
