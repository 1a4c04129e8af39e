//! Lists that operators look at: system events, API keys, the audit log.

mod acts;

use actix_web::http::StatusCode;
use actix_web::web::{self, Data};
use actix_web::{HttpRequest, HttpResponse};

use super::answer::{ConsoleError, html};
use super::figures::ShownMoment;
use super::frame::PageFrame;
use super::lists::{ListAct, ListPage, ListRow, MOST, ShownList, after, query};
use super::look;
use super::visitor::ConsoleVisitor;
use crate::domain::{ApiAction, ApiResource, TimePlace};
use crate::ops::control::{
    AuditFilter, Desks, EventFilter, StoredApiKey, StoredAudit, StoredEvent,
};

pub(super) fn routes(routes: &mut web::ServiceConfig) {
    routes
        .service(web::resource("/events").route(look(events)))
        .service(web::resource("/keys").route(look(keys)))
        .service(web::resource("/keys/{id}/revoke").route(web::post().to(acts::revoke)))
        .service(web::resource("/audit").route(look(audit)));
}

async fn events(
    visitor: ConsoleVisitor,
    request: HttpRequest,
    desks: Data<Desks>,
) -> Result<HttpResponse, ConsoleError> {
    visitor.needs(ApiResource::SystemEvents, ApiAction::Read)?;
    let before = after::<i64>(&mut query(&request)?)?;
    let all = EventFilter::default();
    let found = desks
        .watch
        .events(visitor.tenant_id(), all, before, MOST + 1)
        .await?;
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
    let frame = PageFrame::new(&visitor, "System events", "/console/events");
    let page = ListPage {
        page: frame,
        list: ShownList::of(what, found, |it| it.id.to_string(), row),
    };
    Ok(html(StatusCode::OK, &page))
}

async fn keys(
    visitor: ConsoleVisitor,
    request: HttpRequest,
    desks: Data<Desks>,
) -> Result<HttpResponse, ConsoleError> {
    visitor.needs(ApiResource::ApiKeys, ApiAction::Read)?;
    let query = query(&request)?;
    let done = query.value("done").to_owned();
    let before = after(&mut { query })?;
    let found = desks
        .keys
        .page(visitor.tenant_id(), before, MOST + 1)
        .await?;
    let writes = visitor.writes(ApiResource::ApiKeys);
    let row = |it: &StoredApiKey| ListRow {
        cells: vec![
            it.name.clone(),
            format!("hk_{}", it.prefix),
            it.scopes.words().join(", "),
            it.tenant_id
                .map_or_else(|| "operator".to_owned(), |id| id.to_string()),
            it.last_used_at
                .map_or_else(String::new, |at| ShownMoment::from(at).text),
            state(it),
        ],
        acts: match writes && it.revoked_at.is_none() {
            true => vec![ListAct {
                path: format!("/console/keys/{}/revoke", it.id),
                label: "Revoke it",
                asks_why: false,
            }],
            false => vec![],
        },
        ..ListRow::default()
    };
    let what = (
        "Who may ask. A new key is made by the API or on the command line.",
        &["Name", "Prefix", "Scopes", "Tenant", "Last used", "State"][..],
    );
    let frame = PageFrame::new(&visitor, "API keys", "/console/keys");
    let page = ListPage {
        page: frame.after(&done),
        list: ShownList::of(what, found, |it| it.id.to_string(), row),
    };
    Ok(html(StatusCode::OK, &page))
}

fn state(key: &StoredApiKey) -> String {
    match (key.revoked_at, key.expires_at) {
        (Some(at), _) => format!("revoked {}", ShownMoment::from(at).text),
        (None, Some(at)) => format!("until {}", ShownMoment::from(at).text),
        (None, None) => "opens".to_owned(),
    }
}

async fn audit(
    visitor: ConsoleVisitor,
    request: HttpRequest,
    desks: Data<Desks>,
) -> Result<HttpResponse, ConsoleError> {
    visitor.needs(ApiResource::AuditLogs, ApiAction::Read)?;
    let place = after::<TimePlace>(&mut query(&request)?)?;
    let all = AuditFilter::default();
    let found = desks
        .watch
        .audit(visitor.tenant_id(), all, place, MOST + 1)
        .await?;
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
    let frame = PageFrame::new(&visitor, "Audit log", "/console/audit");
    let page = ListPage {
        page: frame,
        list: ShownList::of(what, found, |it| it.place().to_string(), row),
    };
    Ok(html(StatusCode::OK, &page))
}
