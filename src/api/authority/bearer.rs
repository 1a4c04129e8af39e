//! What whoever asks brings: an API key, or a user token.

use actix_web::HttpRequest;
use actix_web::http::header::AUTHORIZATION;

use super::unauthorized;
use crate::api::problem::Problem;
use crate::domain::ApiKey;
use crate::domain::user_token::SentToken;

/// What stands in the header `Authorization`.
#[derive(Debug)]
pub(super) enum Bearer {
    Key(ApiKey),
    Token(String),
}

/// What a request brings.
///
/// # Errors
/// Nothing, or something else.
pub(super) fn of(request: &HttpRequest) -> Result<Bearer, Problem> {
    let said = said(request)?.ok_or_else(|| {
        let detail = "send `Authorization: Bearer hk_...`; `herald keys create` makes a key";
        unauthorized("missing_key", detail.to_owned())
    })?;
    if SentToken::looks_like_one(said) {
        return Ok(Bearer::Token(said.to_owned()));
    }
    let parsed = said.parse::<ApiKey>();
    let key =
        parsed.map_err(|error| unauthorized("invalid_key", format!("the API key is {error}")))?;
    Ok(Bearer::Key(key))
}

/// The text behind `Bearer`, if there is such a header.
pub(super) fn said(request: &HttpRequest) -> Result<Option<&str>, Problem> {
    let Some(said) = request.headers().get(AUTHORIZATION) else {
        return Ok(None);
    };
    let text = said.to_str().ok();
    let token = text.and_then(|text| {
        let (scheme, token) = text.split_once(' ')?;
        scheme
            .eq_ignore_ascii_case("bearer")
            .then_some(token.trim())
    });
    token.map(Some).ok_or_else(|| {
        let detail = "the header `Authorization` is not `Bearer hk_...` or `Bearer <user token>`";
        unauthorized("invalid_key", detail.to_owned())
    })
}
