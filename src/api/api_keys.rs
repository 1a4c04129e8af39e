//! `/v1/api-keys`. A key that is made here opens no more than the one that makes it, and one tenant.

use actix_web::http::header::{CACHE_CONTROL, LOCATION};
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::authority::Authority;
use super::body;
use super::endpoint::Endpoint;
use super::fields::SentFields;
use super::page::Page;
use super::problem::Problem;
use crate::domain::{ApiAction, ApiResource, ApiScope, ApiScopes, Network};
use crate::ops::control::{Desks, KeyOrder, ShownKey};
use crate::runtime::clock;

/// Largest body.
const MOST_BYTES: usize = 16 * 1_024;
/// Longest name.
const NAME_CHARS: usize = 100;
/// Most networks of a key.
const NETWORKS: usize = 100;

/// A key to be made.
#[derive(ToSchema)]
#[schema(as = NewApiKey)]
#[expect(dead_code, reason = "it describes what `order` reads")]
struct AskedKey {
    /// What people call it.
    #[schema(min_length = 1, max_length = 100, example = "shop")]
    name: String,
    /// What it opens: at most what the key that makes it opens.
    #[schema(min_items = 1, example = json!(["notifications:read"]))]
    scopes: Vec<String>,
    /// From where it may be used, in CIDR notation; from anywhere without it.
    #[schema(max_items = 100, example = json!(["10.0.0.0/8", "127.0.0.1"]))]
    networks: Option<Vec<String>>,
    /// When it ends by itself: a time ahead.
    #[schema(example = "2099-01-01T00:00:00Z")]
    expires_at: Option<Timestamp>,
}

/// A key that was made.
#[derive(Serialize, ToSchema)]
#[schema(as = MadeApiKey)]
struct MadeKey<'a> {
    /// Names it in paths and in the audit trail.
    id: Uuid,
    /// Its text, shown this once.
    key: &'a str,
}

pub(super) fn endpoints() -> Vec<Endpoint> {
    use ApiAction::{Read, Write};
    use ApiResource::ApiKeys;
    vec![
        Endpoint::get("/v1/api-keys", list)
            .named("listApiKeys", "The tenant's keys, the newest first")
            .details("All keys for an operator who names no tenant.")
            .scope(ApiKeys, Read)
            .page::<ShownKey>("keys, without their secrets"),
        Endpoint::post("/v1/api-keys", create)
            .named("createApiKey", "Makes a key, and shows it this once")
            .details("It belongs to the tenant of the request, and opens no more than the key that makes it.")
            .scope(ApiKeys, Write)
            .body::<AskedKey>()
            .answers::<MadeKey<'_>>(201, "the key"),
        Endpoint::delete("/v1/api-keys/{id}", revoke)
            .named("revokeApiKey", "Takes a key back")
            .details("It opens nothing any more, on no node within a second.")
            .scope(ApiKeys, Write)
            .answers_other(204, "it is revoked", None),
    ]
}

/// The keys of a tenant; of all for an operator who names none.
async fn list(
    who: Authority,
    request: HttpRequest,
    desks: Data<Desks>,
) -> Result<HttpResponse, Problem> {
    let page = Page::asked(&request, "api-keys", who.tenant_id)?;
    let keys = desks.keys.page(who.tenant_id, page.after, page.limit + 1);
    let keys = keys.await?;
    let entries = keys.iter().map(|key| (key.id, ShownKey::from(key)));
    Ok(HttpResponse::Ok().json(page.answer(entries.collect())))
}

/// Makes a key, and shows it this once.
async fn create(
    who: Authority,
    request: HttpRequest,
    desks: Data<Desks>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let sent = body::object(&request, payload, MOST_BYTES).await?;
    let order = order(SentFields::of(sent), &who)?;
    let (id, key) = desks.keys.make(order).await?;
    let key = key.expose();
    Ok(HttpResponse::Created()
        .insert_header((LOCATION, format!("/v1/api-keys/{id}")))
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(MadeKey { id, key }))
}

/// Takes a key back.
async fn revoke(
    who: Authority,
    desks: Data<Desks>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    // What is no UUID is no key.
    let id = Uuid::parse_str(&id).map_err(|_| Problem::not_found("API key"))?;
    desks.keys.revoke(id, who.tenant_id, who.by()).await?;
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
        tenant_id: who.own_tenant(),
        by: who.by(),
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
