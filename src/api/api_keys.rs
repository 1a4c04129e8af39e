//! `/v1/api-keys`. A key that is made here opens no more than the one that makes it, and one tenant.

use actix_web::http::header::{CACHE_CONTROL, LOCATION};
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

use super::authority::{Authority, authority};
use super::body;
use super::fields::SentFields;
use super::page::Page;
use super::problem::Problem;
use crate::domain::{ApiAction, ApiResource, ApiScope, ApiScopes, DEFAULT_TENANT, Network};
use crate::ops::control::{KeyDesk, KeyOrder, shown_key};
use crate::runtime::clock;

/// Largest body.
const MOST_BYTES: usize = 16 * 1_024;
/// Longest name.
const NAME_CHARS: usize = 100;
/// Most networks of a key.
const NETWORKS: usize = 100;

/// The keys of a tenant; of all for an operator who names none.
pub(super) async fn list(
    request: HttpRequest,
    desk: Data<KeyDesk>,
) -> Result<HttpResponse, Problem> {
    let who = authority(&request, &desk, ApiResource::ApiKeys, ApiAction::Read).await?;
    let tenant = who.tenant_id.map(|id| id.to_string());
    let list = format!("api-keys {}", tenant.as_deref().unwrap_or("*"));
    let page = Page::asked(&request, &list)?;
    let keys = desk.page(who.tenant_id, page.after, page.limit + 1).await?;
    let entries = keys.iter().map(|key| (key.id, shown_key(key))).collect();
    Ok(HttpResponse::Ok().json(page.answer(&list, entries)))
}

/// Makes a key, and shows it this once.
pub(super) async fn create(
    request: HttpRequest,
    desk: Data<KeyDesk>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let who = authority(&request, &desk, ApiResource::ApiKeys, ApiAction::Write).await?;
    let sent = body::object(&request, payload, MOST_BYTES).await?;
    let order = order(SentFields::of(sent), &who)?;
    let (id, key) = desk.make(order).await?;
    Ok(HttpResponse::Created()
        .insert_header((LOCATION, format!("/v1/api-keys/{id}")))
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(json!({ "id": id, "key": key.expose() })))
}

/// Takes a key back.
pub(super) async fn revoke(
    request: HttpRequest,
    desk: Data<KeyDesk>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let who = authority(&request, &desk, ApiResource::ApiKeys, ApiAction::Write).await?;
    // What is no UUID is no key.
    let id = Uuid::parse_str(&id).map_err(|_| Problem::not_found("API key"))?;
    desk.revoke(id, who.tenant_id, who.caller.key_id, who.address)
        .await?;
    Ok(HttpResponse::NoContent().finish())
}

fn order(mut fields: SentFields, who: &Authority) -> Result<KeyOrder, Problem> {
    let name = fields.text("name", |text| {
        let length = text.chars().count();
        let good = (1..=NAME_CHARS).contains(&length) && !text.chars().any(char::is_control);
        let why = format!("1 to {NAME_CHARS} characters, and no control character");
        good.then(|| text.to_owned()).ok_or(why)
    });
    let name = fields.required("name", name);
    let scopes = fields.texts("scopes", |word| scope(word, who));
    let scopes = fields.required("scopes", scopes);
    if scopes.as_ref().is_some_and(Vec::is_empty) {
        fields.wrong(&["scopes"], "required", "at least one scope");
    }
    let networks = fields.texts("networks", |text| {
        text.parse::<Network>().map_err(|error| error.to_string())
    });
    let networks = networks.unwrap_or_default();
    if networks.len() > NETWORKS {
        fields.wrong(&["networks"], "too_many", format!("at most {NETWORKS}"));
    }
    let now = clock::now();
    let expires_at = fields.text("expires_at", |text| {
        let moment = text.parse::<Timestamp>().ok();
        let ahead = moment.filter(|moment| *moment > now);
        ahead.ok_or_else(|| "a time ahead, as 2027-03-01T12:00:00Z is".to_owned())
    });
    let order = name.zip(scopes).map(|(name, scopes)| KeyOrder {
        name,
        scopes: scopes.into_iter().collect(),
        networks,
        expires_at,
        tenant_id: who.tenant_id.unwrap_or(DEFAULT_TENANT),
        by: who.caller.key_id,
        address: who.address,
    });
    fields.finish(order)
}

/// A scope that whoever makes the key has as well.
fn scope(word: &str, who: &Authority) -> Result<ApiScope, String> {
    let scope: ApiScope = word.parse().map_err(|error| format!("{error}"))?;
    let own: &ApiScopes = &who.caller.scopes;
    if own.include(scope) {
        return Ok(scope);
    }
    Err("the API key that makes this one has no such scope itself".to_owned())
}
