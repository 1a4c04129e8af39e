//! API keys: made, changed, given another secret, taken back. A key that is made or changed here opens no more than the
//! visitor's.

mod one;

use actix_web::http::StatusCode;
use actix_web::web::{self, Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use uuid::Uuid;

use super::answer::{ConsoleError, html, see_other};
use super::figures::ShownMoment;
use super::frame::PageFrame;
use super::lists::{ListAct, ListRow, MOST, ShownList, after, query};
use super::look;
use super::posted::ProvenForm;
use super::typed::{FieldKind, TypedFields};
use super::visitor::ConsoleVisitor;
use crate::api::api_keys::key_order;
use crate::domain::{ApiAction, ApiKey, ApiResource};
use crate::ops::control::{Desks, StoredApiKey};
use crate::runtime::clock;

/// Where the desk is.
const PATH: &str = "/console/keys";
/// What is said of a key that is made.
const FIELDS: &[(&str, FieldKind)] = &[
    ("name", FieldKind::Text),
    ("scopes", FieldKind::Words),
    ("networks", FieldKind::Words),
    ("rate_limit", FieldKind::Number),
    ("expires_at", FieldKind::Moment),
];

#[derive(Template)]
#[template(path = "console/keys.html")]
struct KeysPage {
    page: PageFrame,
    list: ShownList,
    typed: TypedFields,
    writes: bool,
}

/// A key's text, which is shown once.
#[derive(Template)]
#[template(path = "console/key.html")]
struct KeyPage<'a> {
    page: PageFrame,
    key: &'a str,
    says: String,
}

pub(super) fn routes(routes: &mut web::ServiceConfig) {
    let list = web::resource("/keys")
        .route(look(page))
        .route(web::post().to(make));
    routes
        .service(list)
        .service(web::resource("/keys/{id}").route(look(one::page)))
        .service(web::resource("/keys/{id}/change").route(web::post().to(one::change)))
        .service(web::resource("/keys/{id}/rotate").route(web::post().to(one::rotate)))
        .service(web::resource("/keys/{id}/revoke").route(web::post().to(revoke)));
}

async fn page(
    visitor: ConsoleVisitor,
    request: HttpRequest,
    desks: Data<Desks>,
) -> Result<HttpResponse, ConsoleError> {
    let mut typed = query(&request)?;
    let before = after(&mut typed)?;
    let shown = shown(&visitor, &desks, typed, before).await?;
    Ok(html(StatusCode::OK, &shown))
}

async fn shown(
    visitor: &ConsoleVisitor,
    desks: &Desks,
    typed: TypedFields,
    before: Option<Uuid>,
) -> Result<KeysPage, ConsoleError> {
    visitor.needs(ApiResource::ApiKeys, ApiAction::Read)?;
    let found = desks.keys.page(visitor.tenant_id(), before, MOST + 1);
    let found = found.await?;
    let writes = visitor.writes(ApiResource::ApiKeys);
    let what = (
        "Who may ask, and with what. An operator's key is made on the command line.",
        &["Name", "Prefix", "Scopes", "Tenant", "Last used", "State"][..],
    );
    let frame = PageFrame::new(visitor, "API keys", PATH);
    Ok(KeysPage {
        page: frame.after(typed.value("done")),
        list: ShownList::of(what, found, |it| it.id.to_string(), |it| row(it, writes)),
        typed,
        writes,
    })
}

fn row(it: &StoredApiKey, writes: bool) -> ListRow {
    let tenant = it.tenant_id.map(|id| id.to_string());
    let used = it.last_used_at.map(|at| ShownMoment::from(at).text);
    let act = |deed: &str, label| ListAct {
        path: format!("{PATH}/{}/{deed}", it.id),
        label,
        asks_why: false,
    };
    ListRow {
        link: Some(format!("{PATH}/{}", it.id)),
        cells: vec![
            it.name.clone(),
            format!("hk_{}", it.prefix),
            it.scopes.words().join(", "),
            tenant.unwrap_or_else(|| "operator".to_owned()),
            used.unwrap_or_default(),
            state(it),
        ],
        acts: match writes && it.revoked_at.is_none() {
            true => vec![act("rotate", "Another secret"), act("revoke", "Revoke it")],
            false => vec![],
        },
    }
}

fn state(key: &StoredApiKey) -> String {
    match (key.revoked_at, key.expires_at) {
        (Some(at), _) => format!("revoked {}", ShownMoment::from(at).text),
        (None, Some(at)) if at <= clock::now() => {
            format!("ended {}", ShownMoment::from(at).text)
        }
        (None, Some(at)) => format!("until {}", ShownMoment::from(at).text),
        (None, None) => "opens".to_owned(),
    }
}

/// Makes a key of the tenant that is looked at, and shows it this once.
async fn make(form: ProvenForm, desks: Data<Desks>) -> Result<HttpResponse, ConsoleError> {
    form.changes(ApiResource::ApiKeys)?;
    let ProvenForm { visitor, mut typed } = form;
    let own = &visitor.caller().scopes;
    let whose = (visitor.own_tenant(), visitor.by());
    let Some(order) = typed.as_api(FIELDS, |sent| key_order(sent, own, whose)) else {
        let shown = shown(&visitor, &desks, typed, None).await?;
        return Ok(html(StatusCode::UNPROCESSABLE_ENTITY, &shown));
    };
    let (_, key) = desks.keys.make(order).await?;
    let says = "The key. Nobody can show it again: copy it now to where it is used.";
    Ok(once(&visitor, &key, says.to_owned()))
}

/// Takes a key back.
async fn revoke(
    form: ProvenForm,
    desks: Data<Desks>,
    id: Path<String>,
) -> Result<HttpResponse, ConsoleError> {
    let (tenant_id, id) = form.changes_of(ApiResource::ApiKeys, (&id, "API key"))?;
    let revoked = desks.keys.revoke(id, tenant_id, form.visitor.by());
    revoked.await?;
    Ok(see_other("/console/keys?done=revoked"))
}

/// A key's text: no page is kept by browsers, and this one is made once.
fn once(visitor: &ConsoleVisitor, key: &ApiKey, says: String) -> HttpResponse {
    let page = KeyPage {
        page: PageFrame::new(visitor, "API key", PATH),
        key: key.expose(),
        says,
    };
    html(StatusCode::OK, &page)
}
