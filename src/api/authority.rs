//! Who asks, and whether they may: somebody with an API key, or a person with a user token.

mod bearer;
mod key_or_person;
mod person;
mod stream_person;

use std::net::IpAddr;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::web::Data;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use futures_util::future::LocalBoxFuture;
use uuid::Uuid;

pub(super) use self::key_or_person::KeyOrPerson;
pub(super) use self::person::Person;
pub(super) use self::stream_person::{StreamPerson, TOKEN};

use self::bearer::Bearer;
use super::client_address;
use super::endpoint::{Accesses, EndpointAccess};
use super::front::KeyStanding;
use super::problem::Problem;
use super::request_id::RequestId;
use super::server_settings::ServerSettings;
use crate::domain::{ApiScope, DEFAULT_TENANT};
use crate::ops::control::{ApiCaller, Desks, DoneBy, KeyRefusal};

/// The header by which an operator names a tenant.
const TENANT: &str = "herald-tenant";

/// Somebody who may do what they ask for: a handler that takes it is called for nobody else.
#[derive(Debug)]
pub(super) struct Authority {
    /// Their key.
    pub(super) caller: ApiCaller,
    /// The tenant that they ask about; `None` is an operator who named none.
    pub(super) tenant_id: Option<Uuid>,
    /// From where they come.
    pub(super) address: IpAddr,
    /// The number of their request.
    pub(super) request_id: Option<Uuid>,
}

impl Authority {
    /// Who does what is done, for the audit trail.
    pub(super) fn by(&self) -> DoneBy {
        DoneBy::key(self.caller.key_id, self.address, self.request_id)
    }

    /// Counts so many further requests of the key: a batch costs its items.
    pub(super) async fn pay(
        &self,
        request: &HttpRequest,
        desks: &Desks,
        more: usize,
    ) -> Result<(), Problem> {
        let more = u32::try_from(more).unwrap_or(u32::MAX);
        pay(request, desks, &self.caller, (more, 1)).await
    }

    /// The tenant whose things are made and changed: the default one for an operator who named none.
    pub(super) fn own_tenant(&self) -> Uuid {
        self.tenant_id.unwrap_or(DEFAULT_TENANT)
    }
}

/// Checks the key, and the scope that the endpoint's description names.
impl FromRequest for Authority {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move { authority(&request).await })
    }
}

async fn authority(request: &HttpRequest) -> Result<Authority, Problem> {
    let (desks, access) = described(request)?;
    let Some((resource, action)) = access.scope() else {
        tracing::error!(path = ?request.match_pattern(), "an endpoint that no key opens asks for a key");
        return Err(Problem::internal());
    };
    let address = address(request);
    let key = match bearer::of(request)? {
        Bearer::Key(key) => key,
        Bearer::Token(token) => return Err(person::not_here(&desks, token, address).await),
    };
    let caller = desks.keys.verify(key, address).await.map_err(refused)?;
    pay(request, &desks, &caller, (1, 0)).await?;
    let mut others = access.other_scopes();
    let does = others.any(|(resource, action)| caller.scopes.allow(resource, action));
    if !does && !caller.scopes.allow(resource, action) {
        let detail = format!(
            "the API key has no scope {}",
            ApiScope::On(resource, action)
        );
        return Err(Problem::new(StatusCode::FORBIDDEN, "missing_scope", detail));
    }
    if matches!(access, EndpointAccess::Operator(..)) && caller.tenant_id.is_some() {
        let detail = "the API key belongs to one tenant, and this belongs to all: ask an operator";
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "operator_required",
            detail,
        ));
    }
    let tenant_id = tenant(request, caller.tenant_id)?;
    Ok(Authority {
        caller,
        tenant_id,
        address,
        request_id: request_id(request),
    })
}

/// The desks, and who may ask here.
fn described(request: &HttpRequest) -> Result<(Data<Desks>, EndpointAccess), Problem> {
    let desks = request.app_data::<Data<Desks>>();
    let accesses = request.app_data::<Data<Accesses>>();
    let access = accesses.zip(request.match_pattern());
    let access = access.and_then(|(accesses, path)| accesses.get(request.method(), path));
    let Some((desks, access)) = desks.zip(access) else {
        tracing::error!(path = ?request.match_pattern(), "an endpoint is not described");
        return Err(Problem::internal());
    };
    Ok((desks.clone(), access))
}

/// From where somebody asks.
fn address(request: &HttpRequest) -> IpAddr {
    let settings = request.app_data::<Data<ServerSettings>>();
    let proxies = settings.map_or(&[][..], |settings| &settings.trusted_proxies);
    client_address::of(request, proxies)
}

fn request_id(request: &HttpRequest) -> Option<Uuid> {
    request.extensions().get::<RequestId>().map(|id| id.0)
}

/// Counts requests of a key; the answer will say how it stands.
async fn pay(
    request: &HttpRequest,
    desks: &Desks,
    caller: &ApiCaller,
    (cost, paid): (u32, u32),
) -> Result<(), Problem> {
    if cost == 0 {
        return Ok(());
    }
    let Some(paid) = desks.keys.pay(caller, (cost, paid)).await? else {
        return Ok(());
    };
    request.extensions_mut().insert(KeyStanding(paid.standing));
    let Some(wait) = paid.refused_for else {
        return Ok(());
    };
    let limit = paid.standing.limit;
    let detail = format!(
        "the API key may ask {limit} times at once, and has: wait, or ask for a higher limit"
    );
    Err(too_many("rate_limited", detail, wait))
}

fn too_many(code: &'static str, detail: String, wait: Duration) -> Problem {
    let seconds = wait.as_millis().div_ceil(1_000).max(1);
    Problem::new(StatusCode::TOO_MANY_REQUESTS, code, detail).with(RETRY_AFTER, seconds.to_string())
}

fn refused(refusal: KeyRefusal) -> Problem {
    match refusal {
        KeyRefusal::Unavailable(why) => {
            tracing::warn!(why, "API keys cannot be looked up");
            Problem::unavailable()
        }
        KeyRefusal::TooMany(wait) => too_many("too_many_attempts", refusal.to_string(), wait),
        KeyRefusal::Elsewhere => Problem::new(
            StatusCode::FORBIDDEN,
            "address_not_allowed",
            refusal.to_string(),
        ),
        KeyRefusal::Unknown | KeyRefusal::Revoked | KeyRefusal::Expired => {
            unauthorized("invalid_key", refusal.to_string())
        }
    }
}

fn unauthorized(code: &'static str, detail: String) -> Problem {
    let challenge = match code {
        "missing_key" | "missing_token" => "Bearer realm=\"herald\"",
        _ => "Bearer realm=\"herald\", error=\"invalid_token\"",
    };
    Problem::new(StatusCode::UNAUTHORIZED, code, detail).with(WWW_AUTHENTICATE, challenge)
}

/// The tenant that is asked about. Other tenants do not exist for whoever belongs to one.
fn tenant(request: &HttpRequest, own: Option<Uuid>) -> Result<Option<Uuid>, Problem> {
    let Some(named) = request.headers().get(TENANT) else {
        return Ok(own);
    };
    let named = named
        .to_str()
        .ok()
        .and_then(|text| Uuid::parse_str(text).ok());
    let named = named.ok_or_else(|| {
        let detail = "the header `Herald-Tenant` is no UUID";
        Problem::new(StatusCode::BAD_REQUEST, "invalid_header", detail)
    })?;
    if own.is_some_and(|own| own != named) {
        return Err(Problem::not_found("tenant"));
    }
    Ok(Some(named))
}
