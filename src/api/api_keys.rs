//! `/v1/api-keys`. A key that is made here opens no more than the one that makes it, and one tenant.

mod asked;

use actix_web::http::header::{CACHE_CONTROL, LOCATION};
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::authority::Authority;
use super::body;
use super::endpoint::Endpoint;
use super::page::Page;
use super::problem::Problem;
use super::things;
use crate::domain::{ApiAction, ApiResource};
use crate::ops::control::{Desks, ShownKey};
use asked::{AskedKey, AskedKeyChange, AskedKeyRotation};
pub(super) use asked::{KeyChange, OVERLAP, key_order, key_overlap};

/// Largest body.
const MOST_BYTES: usize = 16 * 1_024;

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
        Endpoint::get("/v1/api-keys/{id}", get)
            .named("getApiKey", "One key, without its secret")
            .scope(ApiKeys, Read)
            .answers::<ShownKey>(200, "the key"),
        Endpoint::patch("/v1/api-keys/{id}", change)
            .named("changeApiKey", "Changes what is said of a key; the rest stays")
            .details("On every node within a second. Only a key that opens as much may change it.")
            .scope(ApiKeys, Write)
            .body::<AskedKeyChange>()
            .problem(409, "key_opens_more")
            .answers::<ShownKey>(200, "the key as it is now"),
        Endpoint::post("/v1/api-keys/{id}/rotate", rotate)
            .named("rotateApiKey", "Gives a key another secret, and shows it this once")
            .details("The old one opens beside it for a while. Only a key that opens as much may do so.")
            .scope(ApiKeys, Write)
            .optional_body::<AskedKeyRotation>()
            .problem(409, "key_opens_more")
            .answers::<MadeKey<'_>>(200, "the key with its new secret"),
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
    let sent = body::fields(&request, payload, MOST_BYTES).await?;
    let order = asked::order(sent, &who)?;
    let (id, key) = desks.keys.make(order).await?;
    let key = key.expose();
    Ok(HttpResponse::Created()
        .insert_header((LOCATION, format!("/v1/api-keys/{id}")))
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(MadeKey { id, key }))
}

/// One key, without its secret.
async fn get(
    who: Authority,
    desks: Data<Desks>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let key = desks.keys.get(parsed(&id)?, who.tenant_id).await?;
    Ok(HttpResponse::Ok().json(ShownKey::from(&key)))
}

/// Changes what is said of a key.
async fn change(
    who: Authority,
    request: HttpRequest,
    desks: Data<Desks>,
    id: Path<String>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let of = (parsed(&id)?, who.tenant_id);
    desks.keys.get(of.0, of.1).await?;
    let sent = body::fields(&request, payload, MOST_BYTES).await?;
    let change = asked::change(sent, &who)?;
    let own = who.caller.scopes.clone();
    let change = |were| change.of(were);
    let key = desks.keys.change(of, own, change, who.by()).await?;
    Ok(HttpResponse::Ok().json(ShownKey::from(&key)))
}

/// Gives a key another secret.
async fn rotate(
    who: Authority,
    request: HttpRequest,
    desks: Data<Desks>,
    id: Path<String>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let of = (parsed(&id)?, who.tenant_id);
    desks.keys.get(of.0, of.1).await?;
    let sent = body::fields_or_none(&request, payload, MOST_BYTES).await?;
    let overlap = asked::overlap(sent)?;
    let own = who.caller.scopes.clone();
    let key = desks.keys.rotate(of, own, overlap, who.by()).await?;
    let (id, key) = (of.0, key.expose());
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(MadeKey { id, key }))
}

/// Takes a key back.
async fn revoke(
    who: Authority,
    desks: Data<Desks>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = parsed(&id)?;
    desks.keys.revoke(id, who.tenant_id, who.by()).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// What is no UUID is no key.
fn parsed(id: &str) -> Result<Uuid, Problem> {
    things::id_of(id, "API key")
}
