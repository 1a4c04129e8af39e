//! `/v1/token-keys`: the keys that sign a tenant's user tokens.

mod asked;

use actix_web::http::header::LOCATION;
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use uuid::Uuid;

use super::authority::Authority;
use super::body;
use super::endpoint::Endpoint;
use super::page::Page;
use super::problem::Problem;
use super::things;
use crate::domain::{ApiAction, ApiResource};
use crate::ops::control::{Desks, ShownTokenKey};
use asked::AskedTokenKey;

/// Largest body.
const MOST_BYTES: usize = 32 * 1_024;

pub(super) fn endpoints() -> Vec<Endpoint> {
    use ApiAction::{Read, Write};
    use ApiResource::TokenKeys;
    vec![
        Endpoint::get("/v1/token-keys", list)
            .named(
                "listTokenKeys",
                "The keys that sign the tenant's user tokens, the newest first",
            )
            .details("Revoked ones as well. All keys for an operator who names no tenant.")
            .scope(TokenKeys, Read)
            .page::<ShownTokenKey>("keys, without their secrets"),
        Endpoint::post("/v1/token-keys", create)
            .named("createTokenKey", "Registers a key that signs user tokens")
            .details(
                "The public half of a key of the tenant's, as PEM or JWK; or a secret of both sides. Whoever has \
                 the private half or the secret can act as any person of the tenant.",
            )
            .scope(TokenKeys, Write)
            .body::<AskedTokenKey>()
            .problem(409, "kid_taken")
            .problem(409, "too_many_token_keys")
            .answers::<ShownTokenKey>(201, "the key"),
        Endpoint::get("/v1/token-keys/{id}", get)
            .named("getTokenKey", "One key, without its secret")
            .scope(TokenKeys, Read)
            .answers::<ShownTokenKey>(200, "the key"),
        Endpoint::delete("/v1/token-keys/{id}", revoke)
            .named("revokeTokenKey", "Takes a key back")
            .details(
                "What it signed opens nothing any more, on no node within a second. Herald makes another key of its \
                 own when it issues the next token.",
            )
            .scope(TokenKeys, Write)
            .answers_other(204, "it is revoked", None),
    ]
}

/// The keys of a tenant; of all for an operator who names none.
async fn list(
    who: Authority,
    request: HttpRequest,
    desks: Data<Desks>,
) -> Result<HttpResponse, Problem> {
    let page = Page::asked(&request, "token-keys", who.tenant_id)?;
    let keys = desks.tokens.page(who.tenant_id, page.after, page.limit + 1);
    let keys = keys.await?;
    let entries = keys.iter().map(|key| (key.id, ShownTokenKey::from(key)));
    Ok(HttpResponse::Ok().json(page.answer(entries.collect())))
}

/// Registers a key.
async fn create(
    who: Authority,
    request: HttpRequest,
    desks: Data<Desks>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let sent = body::fields(&request, payload, MOST_BYTES).await?;
    let order = asked::order(sent, who.own_tenant())?;
    let key = desks.tokens.register(order, who.by()).await?;
    Ok(HttpResponse::Created()
        .insert_header((LOCATION, format!("/v1/token-keys/{}", key.id)))
        .json(ShownTokenKey::from(&key)))
}

/// One key.
async fn get(
    who: Authority,
    desks: Data<Desks>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let key = desks.tokens.get(parsed(&id)?, who.tenant_id).await?;
    Ok(HttpResponse::Ok().json(ShownTokenKey::from(&key)))
}

/// Takes a key back.
async fn revoke(
    who: Authority,
    desks: Data<Desks>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = parsed(&id)?;
    desks.tokens.revoke(id, who.tenant_id, who.by()).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// What is no UUID is no key.
fn parsed(id: &str) -> Result<Uuid, Problem> {
    things::id_of(id, "token key")
}
