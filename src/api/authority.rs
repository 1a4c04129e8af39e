//! Who asks, and whether they may.

use std::net::{IpAddr, Ipv4Addr};

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use actix_web::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use uuid::Uuid;

use super::problem::Problem;
use crate::domain::{ApiAction, ApiKey, ApiResource, ApiScope};
use crate::ops::control::{ApiCaller, KeyDesk, KeyRefusal};

/// The header by which an operator names a tenant.
const TENANT: &str = "herald-tenant";

/// Somebody who may do what they ask for.
#[derive(Debug)]
pub(super) struct Authority {
    /// Their key.
    pub(super) caller: ApiCaller,
    /// The tenant that they ask about; `None` is an operator who named none.
    pub(super) tenant_id: Option<Uuid>,
    /// From where they come.
    pub(super) address: IpAddr,
}

/// Whether whoever sent a request may do this.
pub(super) async fn authority(
    request: &HttpRequest,
    desk: &KeyDesk,
    resource: ApiResource,
    action: ApiAction,
) -> Result<Authority, Problem> {
    let key = key(request)?;
    let address = request.peer_addr().map(|peer| peer.ip());
    // Only a connection without an address, which a TCP listener has not, comes from nowhere.
    let address = address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    let caller = desk
        .verify(key, address)
        .await
        .map_err(|refusal| match refusal {
            KeyRefusal::Unavailable(why) => {
                tracing::warn!(why, "API keys cannot be looked up");
                Problem::unavailable()
            }
            KeyRefusal::Elsewhere => Problem::new(
                StatusCode::FORBIDDEN,
                "address_not_allowed",
                refusal.to_string(),
            ),
            KeyRefusal::Unknown | KeyRefusal::Revoked | KeyRefusal::Expired => {
                unauthorized("invalid_key", refusal.to_string())
            }
        })?;
    if !caller.scopes.allow(resource, action) {
        let detail = format!(
            "the API key has no scope {}",
            ApiScope::On(resource, action)
        );
        return Err(Problem::new(StatusCode::FORBIDDEN, "missing_scope", detail));
    }
    let tenant_id = tenant(request, &caller)?;
    Ok(Authority {
        caller,
        tenant_id,
        address,
    })
}

fn key(request: &HttpRequest) -> Result<ApiKey, Problem> {
    let said = request.headers().get(AUTHORIZATION);
    let said = said.ok_or_else(|| {
        let detail = "send `Authorization: Bearer hk_...`; `herald keys create` makes a key";
        unauthorized("missing_key", detail.to_owned())
    })?;
    let text = said.to_str().ok();
    let token = text.and_then(|text| {
        let (scheme, token) = text.split_once(' ')?;
        scheme
            .eq_ignore_ascii_case("bearer")
            .then_some(token.trim())
    });
    let token = token.ok_or_else(|| {
        let detail = "the header `Authorization` is not `Bearer hk_...`";
        unauthorized("invalid_key", detail.to_owned())
    })?;
    let parsed = token.parse::<ApiKey>();
    parsed.map_err(|error| unauthorized("invalid_key", format!("the API key is {error}")))
}

fn unauthorized(code: &'static str, detail: String) -> Problem {
    let challenge = match code {
        "missing_key" => "Bearer realm=\"herald\"",
        _ => "Bearer realm=\"herald\", error=\"invalid_token\"",
    };
    Problem::new(StatusCode::UNAUTHORIZED, code, detail).with(WWW_AUTHENTICATE, challenge)
}

/// The tenant that is asked about. Other tenants do not exist for a key that belongs to one.
fn tenant(request: &HttpRequest, caller: &ApiCaller) -> Result<Option<Uuid>, Problem> {
    let Some(named) = request.headers().get(TENANT) else {
        return Ok(caller.tenant_id);
    };
    let named = named
        .to_str()
        .ok()
        .and_then(|text| Uuid::parse_str(text).ok());
    let named = named.ok_or_else(|| {
        let detail = "the header `Herald-Tenant` is no UUID";
        Problem::new(StatusCode::BAD_REQUEST, "invalid_header", detail)
    })?;
    if caller.tenant_id.is_some_and(|own| own != named) {
        return Err(Problem::not_found("tenant"));
    }
    Ok(Some(named))
}
