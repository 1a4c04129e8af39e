//! What was done: to one ticket, and to the desk's rules.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::ticket::name_of;
use super::{DeskFrame, DeskRoster, PATH, framed, needs, refused};
use crate::api::console::answer::{ConsoleError, html};
use crate::api::console::figures::ShownMoment;
use crate::api::console::frame::PageFrame;
use crate::api::console::lists::{ListRow, MOST, ShownList, after, query};
use crate::api::console::visitor::ConsoleVisitor;
use crate::domain::{ApiAction, ApiResource};
use crate::tickets::desk::{DeskChange, TicketDesk};
use crate::tickets::domain::{HistoryEntry, TicketViewer};

#[derive(Template)]
#[template(path = "console/desk/history.html")]
struct HistoryPage {
    page: PageFrame,
    desk: DeskFrame,
    number: i64,
    lines: Vec<DeedLine>,
    /// The address of what was done later.
    later: Option<String>,
}

/// A line of a history.
struct DeedLine {
    at: ShownMoment,
    deed: &'static str,
    by: String,
    details: Vec<(String, String)>,
}

#[derive(Template)]
#[template(path = "console/desk/changes.html")]
struct ChangesPage {
    page: PageFrame,
    desk: DeskFrame,
    list: ShownList,
}

pub(super) async fn history(
    visitor: ConsoleVisitor,
    request: HttpRequest,
    desk: Data<TicketDesk>,
    name: Path<String>,
) -> Result<HttpResponse, ConsoleError> {
    needs(&visitor)?;
    let name = name_of(&name)?;
    let first = after::<i32>(&mut query(&request)?)?;
    let of = (visitor.own_tenant(), TicketViewer::Tenant);
    let ticket = desk.get(of, name).await.map_err(refused)?;
    let found = desk.history(of, name, (first, false), MOST + 1).await;
    let mut found = found.map_err(refused)?;
    let goes_on = found.len() > MOST;
    found.truncate(MOST);
    let last = found.last().filter(|_| goes_on);
    let later =
        last.map(|last| format!("{PATH}/{}/history?after={}", ticket.number, last.sequence));
    let roster = DeskRoster::of(&visitor, &desk).await?;
    let page = HistoryPage {
        page: framed(&visitor, format!("History of #{}", ticket.number)),
        desk: DeskFrame::of(&visitor, ""),
        number: ticket.number,
        lines: found.iter().map(|it| DeedLine::of(it, &roster)).collect(),
        later,
    };
    Ok(html(StatusCode::OK, &page))
}

impl DeedLine {
    fn of(line: &HistoryEntry, roster: &DeskRoster) -> Self {
        let entry = &line.entry;
        let by = entry.actor_id.map(|id| roster.name(id));
        Self {
            at: entry.at.into(),
            deed: entry.deed.as_str(),
            by: by.unwrap_or_default(),
            details: words(&entry.details, roster),
        }
    }
}

/// Details in words; whoever is of the staff by their name.
fn words(details: &Map<String, Value>, roster: &DeskRoster) -> Vec<(String, String)> {
    let plain = |value: &Value| match value {
        Value::Null => "nobody".to_owned(),
        Value::String(text) => match Uuid::parse_str(text) {
            Ok(id) => roster.name(id),
            Err(_) => text.clone(),
        },
        other => other.to_string(),
    };
    let each = details.iter();
    each.map(|(name, value)| (name.replace('_', " "), plain(value)))
        .collect()
}

/// Who changed the staff, the categories, and, in the console, tickets.
pub(super) async fn changes(
    visitor: ConsoleVisitor,
    request: HttpRequest,
    desk: Data<TicketDesk>,
) -> Result<HttpResponse, ConsoleError> {
    visitor.needs(ApiResource::AuditLogs, ApiAction::Read)?;
    needs(&visitor)?;
    let before = after::<Uuid>(&mut query(&request)?)?;
    let found = desk.changes(visitor.own_tenant(), before, MOST + 1).await;
    let what = (
        "Who changed the staff and the categories, and what was done to tickets in the console.",
        &[
            "When",
            "By key",
            "Deed",
            "To what",
            "Which",
            "From",
            "What differs",
        ][..],
    );
    let page = ChangesPage {
        page: framed(&visitor, "Who changed what"),
        desk: DeskFrame::of(&visitor, "/console/ticket-audit"),
        list: ShownList::of(what, found.map_err(refused)?, |it| it.id.to_string(), row),
    };
    Ok(html(StatusCode::OK, &page))
}

fn row(change: &DeskChange) -> ListRow {
    let of_ticket = change.resource_type == "ticket";
    ListRow {
        link: of_ticket.then(|| format!("{PATH}/{}", change.resource_id)),
        cells: vec![
            ShownMoment::from(change.created_at).text,
            change.actor.clone(),
            change.action.clone(),
            change.resource_type.clone(),
            change.resource_id.to_string(),
            change.ip_address.clone().unwrap_or_default(),
            change.changes.to_string(),
        ],
        ..ListRow::default()
    }
}
