//! One key: what it opens, from where and until when; what may be changed of it, and another secret for it.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use uuid::Uuid;

use super::{FIELDS, PATH, once, state};
use crate::api::api_keys::{KeyChange, OVERLAP, key_overlap};
use crate::api::console::answer::{ConsoleError, html, id_of, see_other};
use crate::api::console::figures::ShownMoment;
use crate::api::console::frame::PageFrame;
use crate::api::console::lists::query;
use crate::api::console::posted::ProvenForm;
use crate::api::console::typed::{FieldKind, TypedFields};
use crate::api::console::visitor::ConsoleVisitor;
use crate::domain::{ApiAction, ApiResource};
use crate::ops::control::{Desks, ShownKey, StoredApiKey};
use crate::runtime::clock;

/// How long both secrets may open, in seconds and in words.
const OVERLAPS: &[(i64, &str)] = &[
    (0, "not at all"),
    (3_600, "an hour"),
    (OVERLAP, "a day"),
    (7 * 86_400, "a week"),
    (30 * 86_400, "30 days"),
];

#[derive(Template)]
#[template(path = "console/one_key.html")]
struct OneKeyPage {
    page: PageFrame,
    id: Uuid,
    facts: Vec<(&'static str, String)>,
    typed: TypedFields,
    overlaps: &'static [(i64, &'static str)],
    /// Whether it may be changed: it was not taken back.
    changes: bool,
}

pub(super) async fn page(
    visitor: ConsoleVisitor,
    request: HttpRequest,
    desks: Data<Desks>,
    id: Path<String>,
) -> Result<HttpResponse, ConsoleError> {
    visitor.needs(ApiResource::ApiKeys, ApiAction::Read)?;
    let id = id_of(&id, "API key")?;
    let key = desks.keys.get(id, visitor.tenant_id()).await?;
    let mut typed = query(&request)?;
    fill(&mut typed, &key);
    Ok(html(StatusCode::OK, &shown(&visitor, &key, typed)))
}

/// Changes all that the form says of it.
pub(super) async fn change(
    form: ProvenForm,
    desks: Data<Desks>,
    id: Path<String>,
) -> Result<HttpResponse, ConsoleError> {
    let (tenant_id, id) = form.changes_of(ApiResource::ApiKeys, (&id, "API key"))?;
    let ProvenForm { visitor, mut typed } = form;
    let own = visitor.caller().scopes.clone();
    let key = desks.keys.get(id, tenant_id).await?;
    let Some(change) = typed.as_api(FIELDS, |sent| KeyChange::whole(sent, &own)) else {
        let page = shown(&visitor, &key, typed);
        return Ok(html(StatusCode::UNPROCESSABLE_ENTITY, &page));
    };
    let change = |were| change.of(were);
    let changed = desks
        .keys
        .change((id, tenant_id), own, change, visitor.by());
    changed.await?;
    Ok(see_other(&format!("{PATH}/{id}?done=key_changed")))
}

/// Gives it another secret, and shows it this once.
pub(super) async fn rotate(
    form: ProvenForm,
    desks: Data<Desks>,
    id: Path<String>,
) -> Result<HttpResponse, ConsoleError> {
    let (tenant_id, id) = form.changes_of(ApiResource::ApiKeys, (&id, "API key"))?;
    let ProvenForm { visitor, mut typed } = form;
    let stored = desks.keys.get(id, tenant_id).await?;
    let overlap = typed.as_api(&[("overlap_seconds", FieldKind::Number)], key_overlap);
    let Some(overlap) = overlap else {
        fill(&mut typed, &stored);
        let page = shown(&visitor, &stored, typed);
        return Ok(html(StatusCode::UNPROCESSABLE_ENTITY, &page));
    };
    let own = visitor.caller().scopes.clone();
    let rotated = desks
        .keys
        .rotate((id, tenant_id), own, overlap, visitor.by());
    let key = rotated.await?;
    let until = clock::now().saturating_add(overlap).ok();
    let until = until.filter(|_| !overlap.is_zero());
    let old = until.map_or_else(
        || "The old secret opens nothing any more.".to_owned(),
        |until| {
            let until = ShownMoment::from(until).text;
            format!("The old secret opens beside it until {until}.")
        },
    );
    let says = format!(
        "The key with its new secret. Nobody can show it again: copy it now to where it is used. {old}"
    );
    Ok(once(&visitor, &key, says))
}

fn shown(visitor: &ConsoleVisitor, key: &StoredApiKey, typed: TypedFields) -> OneKeyPage {
    let frame = PageFrame::new(visitor, key.name.clone(), PATH);
    OneKeyPage {
        page: frame.after(typed.value("done")),
        id: key.id,
        facts: facts(key),
        typed,
        overlaps: OVERLAPS,
        changes: visitor.writes(ApiResource::ApiKeys) && key.revoked_at.is_none(),
    }
}

/// What is stored of it, as the form has it.
fn fill(typed: &mut TypedFields, key: &StoredApiKey) {
    let shown = ShownKey::from(key);
    typed.fill("name", shown.name);
    typed.fill("scopes", shown.scopes.join(", "));
    typed.fill("networks", shown.networks.join(", "));
    let number = shown.rate_limit.map(|it| it.to_string());
    typed.fill("rate_limit", number.unwrap_or_default());
    let until = shown.expires_at.map(|it| it.to_string());
    typed.fill("expires_at", until.unwrap_or_default());
}

fn facts(key: &StoredApiKey) -> Vec<(&'static str, String)> {
    let shown = ShownKey::from(key);
    let moment = |at: Option<_>| at.map(|at| ShownMoment::from(at).text);
    let some = |words: String| Some(words).filter(|words| !words.is_empty());
    let tenant = shown.tenant_id.map(|id| id.to_string());
    let rate = shown.rate_limit.map(|it| format!("{it} requests a second"));
    let facts = [
        ("State", Some(state(key))),
        ("Begins with", Some(format!("hk_{}", shown.prefix))),
        ("Opens", some(shown.scopes.join(", "))),
        (
            "From",
            some(shown.networks.join(", ")).or_else(|| Some("anywhere".to_owned())),
        ),
        ("Limit", rate),
        ("Old secret until", moment(shown.previous_until)),
        ("Last used", moment(shown.last_used_at)),
        ("Made", moment(Some(shown.created_at))),
        (
            "Tenant",
            Some(tenant.unwrap_or_else(|| "operator".to_owned())),
        ),
    ];
    let known = facts.into_iter();
    known
        .filter_map(|(name, fact)| Some((name, fact?)))
        .collect()
}
