//! Lists that operators look at: system events, the audit log.

use actix_web::web::{self, Data};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

use super::answer::{ConsoleError, html};
use super::figures::ShownMoment;
use super::frame::PageFrame;
use super::lists::{ListRow, MOST, ShownList, after, query};
use super::look;
use super::typed::TypedFields;
use super::visitor::ConsoleVisitor;
use crate::domain::{ApiAction, ApiResource, Severity, TimePlace};
use crate::ops::control::{AuditFilter, Desks, EventFilter, StoredAudit, StoredEvent};

/// Fields that narrow the audit log down.
const AUDIT_FIELDS: &[&str] = &[
    "actor",
    "action",
    "resource_type",
    "resource_id",
    "since",
    "until",
];

#[derive(Template)]
#[template(path = "console/events.html")]
struct EventsPage {
    page: PageFrame,
    list: ShownList,
    typed: TypedFields,
    severities: &'static [Severity],
}

#[derive(Template)]
#[template(path = "console/audit.html")]
struct AuditPage {
    page: PageFrame,
    list: ShownList,
    typed: TypedFields,
}

pub(super) fn routes(routes: &mut web::ServiceConfig) {
    routes
        .service(web::resource("/events").route(look(events)))
        .service(web::resource("/audit").route(look(audit)));
}

async fn events(
    visitor: ConsoleVisitor,
    request: HttpRequest,
    desks: Data<Desks>,
) -> Result<HttpResponse, ConsoleError> {
    visitor.needs(ApiResource::SystemEvents, ApiAction::Read)?;
    let mut typed = query(&request)?;
    let before = after::<i64>(&mut typed)?;
    let filter = EventFilter {
        resolved: typed.read("state", |word| match word {
            "open" => Ok(false),
            "over" => Ok(true),
            _ => Err("Write open or over.".to_owned()),
        }),
        severity: typed.word("severity"),
    };
    let found = match typed.is_wrong() {
        true => vec![],
        false => {
            let events = desks
                .watch
                .events(visitor.tenant_id(), filter, before, MOST + 1);
            events.await?
        }
    };
    let row = |it: &StoredEvent| ListRow {
        cells: vec![
            ShownMoment::from(it.created_at).text,
            it.severity.clone(),
            it.event_type.clone(),
            it.description.clone(),
            it.resolved_at
                .map_or_else(|| "open".to_owned(), |at| ShownMoment::from(at).text),
        ],
        ..ListRow::default()
    };
    let what = (
        "What operators should see, the newest first.",
        &["Began", "Severity", "Kind", "What happened", "Over"][..],
    );
    let list = ShownList::of(what, found, |it| it.id.to_string(), row);
    let page = EventsPage {
        page: PageFrame::new(&visitor, "System events", "/console/events"),
        list: list.among(&typed, &["state", "severity"]),
        severities: Severity::ALL,
        typed,
    };
    Ok(html(page.typed.status(), &page))
}

async fn audit(
    visitor: ConsoleVisitor,
    request: HttpRequest,
    desks: Data<Desks>,
) -> Result<HttpResponse, ConsoleError> {
    visitor.needs(ApiResource::AuditLogs, ApiAction::Read)?;
    let mut typed = query(&request)?;
    let place = after::<TimePlace>(&mut typed)?;
    let filter = AuditFilter {
        actor: typed.line("actor"),
        action: typed.line("action"),
        resource_type: typed.line("resource_type"),
        resource_id: typed.line("resource_id"),
        since: typed.moment("since"),
        until: typed.moment("until"),
    };
    let found = match typed.is_wrong() {
        true => vec![],
        false => {
            let audit = desks
                .watch
                .audit(visitor.tenant_id(), filter, place, MOST + 1);
            audit.await?
        }
    };
    let shows = visitor.reads(ApiResource::Contents);
    let row = |it: &StoredAudit| ListRow {
        cells: vec![
            ShownMoment::from(it.created_at).text,
            it.actor.clone().unwrap_or_default(),
            it.address.clone().unwrap_or_default(),
            it.action.clone(),
            format!(
                "{} {}",
                it.resource_type,
                it.resource_id.as_deref().unwrap_or_default()
            ),
            match (&it.changes, shows) {
                (Some(changes), true) => changes.to_string(),
                (Some(_), false) => "masked".to_owned(),
                (None, _) => String::new(),
            },
        ],
        ..ListRow::default()
    };
    let what = (
        "Who did what, the newest first. What changed may hold addresses: it takes the scope contents:read.",
        &["When", "Who", "From", "What", "To what", "Changes"][..],
    );
    let list = ShownList::of(what, found, |it| it.place().to_string(), row);
    let page = AuditPage {
        page: PageFrame::new(&visitor, "Audit log", "/console/audit"),
        list: list.among(&typed, AUDIT_FIELDS),
        typed,
    };
    Ok(html(page.typed.status(), &page))
}
