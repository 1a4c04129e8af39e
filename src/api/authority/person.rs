//! A person who asks for what is their own, with a user token.

use std::net::IpAddr;

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use futures_util::future::LocalBoxFuture;
use jiff::Timestamp;
use uuid::Uuid;

use super::{address, bearer, described, request_id, tenant, too_many, unauthorized};
use crate::api::front::KeyStanding;
use crate::api::problem::Problem;
use crate::domain::user_token::TokenFault;
use crate::domain::{PersonGrant, PersonGrants};
use crate::ops::control::{Desks, DoneBy, TokenBearer, TokenRefusal};

/// A person whose token opens the endpoint: a handler that takes it is called for nobody else. All that they ask
/// for is their own, whatever else there is.
#[derive(Debug, Clone)]
pub(in crate::api) struct Person {
    /// Whose person.
    pub(in crate::api) tenant_id: Uuid,
    /// Their id.
    pub(in crate::api) user_id: Uuid,
    /// When their token opens nothing any more.
    pub(in crate::api) expires_at: Timestamp,
    /// The key that signed it.
    pub(in crate::api) key_id: Uuid,
    /// From where they come.
    pub(in crate::api) address: IpAddr,
    /// The number of their request.
    pub(in crate::api) request_id: Option<Uuid>,
}

impl Person {
    /// Who does what is done, for the audit trail.
    pub(in crate::api) fn by(&self) -> DoneBy {
        DoneBy::person(self.address, self.request_id)
    }
}

/// Checks the token, and the grant that the endpoint's description names.
impl FromRequest for Person {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move { person(&request, None).await })
    }
}

/// The person who asks; `elsewhere` is a token that does not stand in the header.
pub(super) async fn person(
    request: &HttpRequest,
    elsewhere: Option<String>,
) -> Result<Person, Problem> {
    let (desks, access) = described(request)?;
    let Some(grant) = access.grant() else {
        tracing::error!(path = ?request.match_pattern(), "an endpoint that no token opens asks for one");
        return Err(Problem::internal());
    };
    let said = match elsewhere {
        Some(token) => Some(token),
        None => bearer::said(request)?.map(str::to_owned),
    };
    let token = said.ok_or_else(|| {
        let detail =
            "send `Authorization: Bearer <user token>`; `POST /v1/users/{id}/token` issues one";
        unauthorized("missing_token", detail.to_owned())
    })?;
    if token.starts_with("hk_") {
        let detail = "an API key opens nobody's inbox, and no browser holds one: send a user token, which \
                      `POST /v1/users/{id}/token` issues";
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "user_token_required",
            detail,
        ));
    }
    let address = address(request);
    let TokenBearer { token, key_id } = verified(&desks, token, address).await?;
    count(request, &desks, token.user_id)?;
    allowed(&token.grants, grant)?;
    tenant(request, Some(token.tenant_id))?;
    Ok(Person {
        tenant_id: token.tenant_id,
        user_id: token.user_id,
        expires_at: token.expires_at,
        key_id,
        address,
        request_id: request_id(request),
    })
}

async fn verified(desks: &Desks, token: String, from: IpAddr) -> Result<TokenBearer, Problem> {
    desks.tokens.verify(token, from).await.map_err(refused)
}

/// What a token is told where it opens nothing.
pub(super) async fn not_here(desks: &Desks, token: String, from: IpAddr) -> Problem {
    if let Err(problem) = verified(desks, token, from).await {
        return problem;
    }
    let detail = "a user token opens the person's own inbox, preferences, devices and tickets, and nothing else: ask with \
                  an API key, from a server";
    Problem::new(StatusCode::FORBIDDEN, "user_token_not_allowed", detail)
}

fn allowed(grants: &PersonGrants, grant: PersonGrant) -> Result<(), Problem> {
    if grants.allow(grant) {
        return Ok(());
    }
    let detail = format!("the user token has no grant {grant}");
    Err(Problem::new(StatusCode::FORBIDDEN, "missing_grant", detail))
}

/// Counts a request of a person; the answer will say how they stand.
fn count(request: &HttpRequest, desks: &Desks, user_id: Uuid) -> Result<(), Problem> {
    let Some((standing, refused_for)) = desks.tokens.count(user_id) else {
        return Ok(());
    };
    request.extensions_mut().insert(KeyStanding(standing));
    let Some(wait) = refused_for else {
        return Ok(());
    };
    let limit = standing.limit;
    let detail = format!("a person may ask {limit} times a minute, and has: wait");
    Err(too_many("rate_limited", detail, wait))
}

fn refused(refusal: TokenRefusal) -> Problem {
    let detail = refusal.to_string();
    match refusal {
        TokenRefusal::Unavailable(why) => {
            tracing::warn!(why, "user tokens cannot be looked up");
            Problem::unavailable()
        }
        TokenRefusal::TooMany(wait) => too_many("too_many_attempts", detail, wait),
        TokenRefusal::Fault(TokenFault::Expired) => unauthorized("token_expired", detail),
        TokenRefusal::Fault(_) => unauthorized("invalid_token", detail),
    }
}
