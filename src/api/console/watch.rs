//! Lists that operators look at: system events, suppressed addresses, API keys, the audit log.

mod acts;

use actix_web::http::StatusCode;
use actix_web::web::{self, Data};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

use super::answer::{ConsoleError, html};
use super::figures::ShownMoment;
use super::frame::PageFrame;
use super::look;
use super::mask::masked;
use super::sent_form::SentForm;
use super::typed::TypedFields;
use super::visitor::ConsoleVisitor;
use crate::domain::{ApiAction, ApiResource, TimePlace};
use crate::ops::control::{
    AuditFilter, Desks, EventFilter, StoredApiKey, StoredAudit, StoredEvent, StoredSuppression,
};

/// Entries of a page.
const MOST: usize = 50;

#[derive(Template)]
#[template(path = "console/list.html")]
struct ListPage {
    page: PageFrame,
    says: &'static str,
    heads: &'static [&'static str],
    rows: Vec<ListRow>,
    /// The address of the next page.
    older: Option<String>,
}

/// A row of a list.
struct ListRow {
    cells: Vec<String>,
    act: Option<ListAct>,
}

/// What may be done with a row.
struct ListAct {
    path: String,
    label: &'static str,
    /// Whether somebody must say why.
    asks_why: bool,
}

pub(super) fn routes(routes: &mut web::ServiceConfig) {
    routes
        .service(web::resource("/events").route(look(events)))
        .service(web::resource("/suppressions").route(look(suppressions)))
        .service(web::resource("/suppressions/{id}/lift").route(web::post().to(acts::lift)))
        .service(web::resource("/keys").route(look(keys)))
        .service(web::resource("/keys/{id}/revoke").route(web::post().to(acts::revoke)))
        .service(web::resource("/audit").route(look(audit)));
}

/// The fields of the query, of which `after` is the place where the page begins.
fn query(request: &HttpRequest) -> Result<TypedFields, ConsoleError> {
    Ok(TypedFields::of(SentForm::of_query(request)?))
}

/// The place where a page begins.
fn after<K: std::str::FromStr>(fields: &mut TypedFields) -> Result<Option<K>, ConsoleError> {
    let place = fields.read("after", |text| text.parse::<K>().map_err(|_| String::new()));
    match fields.is_wrong() {
        true => Err(ConsoleError::Bad("That is no place in the list.")),
        false => Ok(place),
    }
}

/// The page of a list of which one entry more than fits was looked for.
fn list<T>(
    frame: PageFrame,
    (says, heads): (&'static str, &'static [&'static str]),
    mut found: Vec<T>,
    place: impl Fn(&T) -> String,
    row: impl Fn(&T) -> ListRow,
) -> ListPage {
    let goes_on = found.len() > MOST;
    found.truncate(MOST);
    let last = found.last().filter(|_| goes_on);
    ListPage {
        older: last.map(|last| format!("?after={}", place(last))),
        rows: found.iter().map(row).collect(),
        page: frame,
        says,
        heads,
    }
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
        act: None,
    };
    let what = (
        "What operators should see, the newest first.",
        &["Began", "Severity", "Kind", "What happened", "Over"][..],
    );
    let frame = PageFrame::new(&visitor, "System events", "/console/events");
    let page = list(frame, what, found, |it| it.id.to_string(), row);
    Ok(html(StatusCode::OK, &page))
}

async fn suppressions(
    visitor: ConsoleVisitor,
    request: HttpRequest,
    desks: Data<Desks>,
) -> Result<HttpResponse, ConsoleError> {
    visitor.needs(ApiResource::Suppressions, ApiAction::Read)?;
    let query = query(&request)?;
    let done = query.value("done").to_owned();
    let before = after(&mut { query })?;
    let found = desks
        .suppressions
        .page(visitor.tenant_id(), (None, None), before, MOST + 1)
        .await?;
    let writes = visitor.writes(ApiResource::Suppressions);
    let row = |it: &StoredSuppression| ListRow {
        cells: vec![
            ShownMoment::from(it.since).text,
            it.suppression.channel.to_string(),
            masked(&it.suppression.address),
            it.suppression.reason.to_string(),
            it.suppression.category.clone().unwrap_or_default(),
            it.ends_at
                .map_or_else(String::new, |at| ShownMoment::from(at).text),
        ],
        act: writes.then(|| ListAct {
            path: format!("/console/suppressions/{}/lift", it.id),
            label: "Take it off the list",
            asks_why: true,
        }),
    };
    let what = (
        "Addresses that nothing is sent to.",
        &["Since", "Channel", "Address", "Why", "Category", "Until"][..],
    );
    let frame = PageFrame::new(&visitor, "Suppressed addresses", "/console/suppressions");
    let page = list(frame.after(&done), what, found, |it| it.id.to_string(), row);
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
        act: (writes && it.revoked_at.is_none()).then(|| ListAct {
            path: format!("/console/keys/{}/revoke", it.id),
            label: "Revoke it",
            asks_why: false,
        }),
    };
    let what = (
        "Who may ask. A new key is made by the API or on the command line.",
        &["Name", "Prefix", "Scopes", "Tenant", "Last used", "State"][..],
    );
    let frame = PageFrame::new(&visitor, "API keys", "/console/keys");
    let page = list(frame.after(&done), what, found, |it| it.id.to_string(), row);
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
        act: None,
    };
    let what = (
        "Who did what, the newest first. What changed may hold addresses: it takes the scope contents:read.",
        &["When", "Who", "From", "What", "To what", "Changes"][..],
    );
    let frame = PageFrame::new(&visitor, "Audit log", "/console/audit");
    let page = list(frame, what, found, |it| it.place().to_string(), row);
    Ok(html(StatusCode::OK, &page))
}
