//! Messages that could not be accepted, in `herald.rejected`: read without taking them out, and published again. For
//! operators: of what cannot be read nobody knows the tenant.

use actix_web::http::StatusCode;
use actix_web::web::{self, Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

use super::answer::{ConsoleError, html, see_other};
use super::figures::whole;
use super::frame::PageFrame;
use super::lists::{ListPage, ListRow, MOST, ShownList, query};
use super::look;
use super::posted::ProvenForm;
use super::visitor::ConsoleVisitor;
use crate::domain::{ApiAction, ApiResource};
use crate::ops::control::{AsideMessage, DeskError, Desks};

/// Where the desk is.
const PATH: &str = "/console/rejected";
/// Characters of a body that are shown.
const MOST_CHARS: usize = 20_000;

#[derive(Template)]
#[template(path = "console/rejected.html")]
struct AsidePage {
    page: PageFrame,
    id: String,
    facts: Vec<(&'static str, String)>,
    detail: String,
    /// What it says; `None` while it is masked.
    body: Option<String>,
    writes: bool,
    reveals: bool,
    /// Why something could not be done.
    mistake: Option<String>,
}

pub(super) fn routes(routes: &mut web::ServiceConfig) {
    let of = |end: &str| format!("/rejected/{{id}}{end}");
    routes
        .service(web::resource("/rejected").route(look(list)))
        .service(web::resource(of("")).route(look(page)))
        .service(web::resource(of("/reveal")).route(web::post().to(reveal)))
        .service(web::resource(of("/replay")).route(web::post().to(replay)));
}

fn needs(visitor: &ConsoleVisitor, action: ApiAction) -> Result<(), ConsoleError> {
    visitor.needs(ApiResource::DeadLetters, action)?;
    visitor.needs_operator()
}

async fn list(
    visitor: ConsoleVisitor,
    request: HttpRequest,
    desks: Data<Desks>,
) -> Result<HttpResponse, ConsoleError> {
    needs(&visitor, ApiAction::Read)?;
    let done = query(&request)?.value("done").to_owned();
    let look = desks.aside.look(MOST).await.map_err(unreachable)?;
    let row = |it: &AsideMessage| ListRow {
        link: Some(format!("{PATH}/{}", it.id)),
        cells: vec![
            it.reason.clone(),
            it.detail.clone(),
            it.lane.map_or_else(String::new, |lane| lane.to_string()),
            whole(u64::try_from(it.body.len()).unwrap_or(u64::MAX)),
            it.message_id.clone().unwrap_or_default(),
        ],
        ..ListRow::default()
    };
    let what = (
        "What could not be accepted, the eldest fifty. They stay in herald.rejected until they are published again.",
        &["Reason", "In words", "Lane", "Bytes", "Message id"][..],
    );
    let title = format!("Rejected messages ({})", whole(look.waiting));
    let page = ListPage {
        page: PageFrame::new(&visitor, title, PATH).after(&done),
        list: ShownList::of(what, look.messages, |it| it.id.clone(), row),
    };
    Ok(html(StatusCode::OK, &page))
}

async fn page(
    visitor: ConsoleVisitor,
    desks: Data<Desks>,
    id: Path<String>,
) -> Result<HttpResponse, ConsoleError> {
    needs(&visitor, ApiAction::Read)?;
    let found = desks.aside.get(id.into_inner()).await;
    let page = AsidePage::of(&visitor, found.map_err(unreachable)?, false);
    Ok(html(StatusCode::OK, &page))
}

/// Shows what it says, once that is written down.
async fn reveal(
    form: ProvenForm,
    desks: Data<Desks>,
    id: Path<String>,
) -> Result<HttpResponse, ConsoleError> {
    let visitor = &form.visitor;
    visitor.needs(ApiResource::Contents, ApiAction::Read)?;
    needs(visitor, ApiAction::Read)?;
    let found = desks.aside.get(id.into_inner()).await;
    let found = found.map_err(unreachable)?;
    let noted = desks.aside.note_shown(found.id.clone(), visitor.by());
    noted.await?;
    let page = AsidePage::of(visitor, found, true);
    Ok(html(StatusCode::OK, &page))
}

/// Publishes it to its lane again.
async fn replay(
    form: ProvenForm,
    desks: Data<Desks>,
    id: Path<String>,
) -> Result<HttpResponse, ConsoleError> {
    needs(&form.visitor, ApiAction::Write)?;
    let id = id.into_inner();
    let found = desks.aside.get(id.clone()).await.map_err(unreachable)?;
    let published = desks.aside.publish_again(id, form.visitor.by()).await;
    match published {
        Ok(_) => Ok(see_other("/console/rejected?done=replayed")),
        Err(DeskError::Conflict(_, says)) => {
            let mut page = AsidePage::of(&form.visitor, found, false);
            page.mistake = Some(says);
            Ok(html(StatusCode::CONFLICT, &page))
        }
        Err(error) => Err(unreachable(error)),
    }
}

/// Why nothing is shown or done, where RabbitMQ is asked as well.
fn unreachable(error: DeskError) -> ConsoleError {
    match error {
        DeskError::Unavailable(why) => {
            tracing::warn!(why, "a page of the console could not be shown");
            ConsoleError::NoBroker
        }
        other => other.into(),
    }
}

impl AsidePage {
    fn of(visitor: &ConsoleVisitor, it: AsideMessage, open: bool) -> Self {
        let lane = it
            .lane
            .map_or_else(|| "unknown".to_owned(), |lane| lane.to_string());
        let bytes = whole(u64::try_from(it.body.len()).unwrap_or(u64::MAX));
        let facts = vec![
            ("Reason", it.reason),
            ("Lane", lane),
            ("Bytes", bytes),
            ("Message id", it.message_id.unwrap_or_default()),
        ];
        Self {
            page: PageFrame::new(visitor, "Rejected message", PATH),
            facts,
            detail: it.detail,
            body: open.then(|| readable(&it.body)),
            id: it.id,
            writes: visitor.writes(ApiResource::DeadLetters),
            reveals: visitor.reads(ApiResource::Contents),
            mistake: None,
        }
    }
}

/// A body as text, as far as it is one, and no longer than a page bears.
fn readable(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let mut shown: String = text.chars().take(MOST_CHARS).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_shown_as_far_as_it_is_text_and_fits() {
        assert_eq!(readable(b"a\xffb"), "a\u{fffd}b");
        let long = "\u{e9}".repeat(MOST_CHARS + 1);
        assert_eq!(readable(long.as_bytes()).chars().count(), MOST_CHARS + 1);
    }
}
