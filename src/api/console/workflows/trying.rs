//! A dry run, shown.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use askama::Template;
use uuid::Uuid;

use super::{WORKFLOWS, named};
use crate::api::console::answer::{ConsoleError, html};
use crate::api::console::figures::ShownMoment;
use crate::api::console::frame::PageFrame;
use crate::api::console::lists::escaped;
use crate::api::console::posted::ProvenForm;
use crate::domain::{ApiResource, DEFAULT_TENANT};
use crate::ops::control::{Desks, DryRun};

#[derive(Template)]
#[template(path = "console/workflow_try.html")]
struct TryPage {
    page: PageFrame,
    name: String,
    place: String,
    version: i32,
    event_id: Uuid,
    run: DryRun,
    people: Vec<TriedPersonShown>,
    /// Whether contents may be shown.
    reveals: bool,
}

struct TriedPersonShown {
    user_id: Uuid,
    reason: String,
    lines: Vec<TriedLine>,
}

struct TriedLine {
    at: ShownMoment,
    step: String,
    what: String,
    decision: Option<String>,
    words: Vec<String>,
}

/// Tries a version on an event, and shows what would come of it. Nothing is sent or written.
pub(super) async fn dry_run(
    mut form: ProvenForm,
    desks: Data<Desks>,
    name: Path<String>,
) -> Result<HttpResponse, ConsoleError> {
    form.changes(ApiResource::Workflows)?;
    let name = named(&name)?;
    let id = |text: &str| Uuid::parse_str(text.trim()).map_err(|_| String::new());
    let event_id = form.typed.read("event_id", id);
    let event_id = event_id.ok_or(ConsoleError::Bad("That is no id of an event."))?;
    let number = |text: &str| text.parse::<i32>().map_err(|_| String::new());
    let number = form.typed.read("version", number);
    let visitor = &form.visitor;
    let tenant_id = visitor.tenant_id().unwrap_or(DEFAULT_TENANT);
    let tried = desks
        .workflows
        .dry_run((tenant_id, name.clone()), number, event_id);
    let (version, run) = tried.await?;
    let reveals = visitor.reads(ApiResource::Contents);
    let page = TryPage {
        page: PageFrame::new(visitor, format!("{name}, tried"), WORKFLOWS),
        place: escaped(&name),
        name,
        version: version.version,
        event_id,
        people: people(&run, reveals),
        run,
        reveals,
    };
    Ok(html(StatusCode::OK, &page))
}

fn people(run: &DryRun, reveals: bool) -> Vec<TriedPersonShown> {
    let people = run.people.iter().map(|person| TriedPersonShown {
        user_id: person.user_id,
        reason: person.reason.clone(),
        lines: person
            .steps
            .iter()
            .map(|step| {
                let message = step.message.as_ref();
                let content = message
                    .filter(|_| reveals)
                    .map(|it| [&it.subject, &it.title, &it.body, &it.error]);
                TriedLine {
                    at: step.at.into(),
                    step: step.step.clone(),
                    what: step.what.clone(),
                    decision: message.map(|it| it.decision.clone()),
                    words: content.into_iter().flatten().flatten().cloned().collect(),
                }
            })
            .collect(),
    });
    people.collect()
}
