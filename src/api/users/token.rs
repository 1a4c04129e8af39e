//! `/v1/users/{id}/token`: a token for a person's browser or app, issued for whoever has shown who they are.

use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret;
use serde::Serialize;
use utoipa::ToSchema;

use super::of;
use crate::api::authority::Authority;
use crate::api::body;
use crate::api::endpoint::Endpoint;
use crate::api::fields::SentFields;
use crate::api::problem::Problem;
use crate::domain::user_token::LONGEST_LIFE;
use crate::domain::{ApiAction, ApiResource, PersonGrant, PersonGrants};
use crate::ops::control::{Desks, TokenOrder};

/// Largest body.
const MOST_BYTES: usize = 4 * 1_024;
/// Most grants.
const MOST_GRANTS: usize = 100;

/// A token to be issued.
#[derive(ToSchema)]
#[schema(as = NewUserToken)]
#[expect(dead_code, reason = "it describes what `order` reads")]
struct AskedToken {
    /// How long it lives; an hour without it.
    #[schema(minimum = 1, maximum = 3_600, example = 900)]
    ttl_seconds: Option<i64>,
    /// What it opens: `inbox`, `preferences`, `devices` or `tickets`, with `:read` or `:write`; all without it, nothing if it
    /// is empty.
    #[schema(max_items = 100, example = json!(["inbox:read", "inbox:write"]))]
    grants: Option<Vec<String>>,
}

/// A token that was issued.
#[derive(Serialize, ToSchema)]
#[schema(as = UserToken)]
struct IssuedToken<'a> {
    /// Its text.
    token: &'a str,
    /// When it opens nothing any more.
    expires_at: Timestamp,
}

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::post("/v1/users/{id}/token", issue)
            .named("issueUserToken", "A token for a person's browser or app")
            .details(
                "It opens the person's own inbox, preferences, devices and tickets. Ask from a server, once the person has \
                 shown who they are. Revoke Herald's own key (`/v1/token-keys`) to end all that were issued.",
            )
            .scope(ApiResource::Users, ApiAction::Write)
            .optional_body::<AskedToken>()
            .problem(409, "unreadable")
            .answers::<IssuedToken<'_>>(200, "the token"),
    ]
}

async fn issue(
    who: Authority,
    request: HttpRequest,
    desks: Data<Desks>,
    id: Path<String>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let of = of(&who, &id)?;
    let sent = body::fields_or_none(&request, payload, MOST_BYTES).await?;
    let order = order(sent)?;
    let (token, expires_at) = desks.tokens.issue(of, order, who.by()).await?;
    let token = token.expose_secret();
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(IssuedToken { token, expires_at }))
}

fn order(mut sent: SentFields) -> Result<TokenOrder, Problem> {
    let seconds = sent.integer("ttl_seconds", 1..=LONGEST_LIFE.as_secs());
    let life = seconds.map_or(LONGEST_LIFE, SignedDuration::from_secs);
    let grants = sent.texts("grants", |word| {
        word.parse::<PersonGrant>()
            .map_err(|error| error.to_string())
    });
    if grants.as_ref().is_some_and(|it| it.len() > MOST_GRANTS) {
        sent.wrong(&["grants"], "too_many", format!("at most {MOST_GRANTS}"));
    }
    let grants = grants.map_or(PersonGrants::All, |grants| {
        PersonGrants::Some(grants.into_iter().collect())
    });
    sent.finish(Some(TokenOrder { life, grants }))
}
