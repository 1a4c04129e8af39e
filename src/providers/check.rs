//! Asks whether an account works, in words for an operator.

use std::time::Duration;

use super::Leave;
use super::http::{HttpAnswer, HttpClient, Request};
use crate::runtime::clock;

/// Puts a harmless request. `credential` names the setting to mend when it is refused.
pub(crate) async fn asks(
    http: &HttpClient,
    request: Request,
    timeout: Duration,
    credential: &str,
) -> Result<(), String> {
    judge(&answer(http, request, timeout).await?, credential)
}

/// The answer to a harmless request, or why there is none.
pub(crate) async fn answer(
    http: &HttpClient,
    request: Request,
    timeout: Duration,
) -> Result<HttpAnswer, String> {
    let host = request.uri().host().unwrap_or_default().to_owned();
    let deadline = clock::instant() + timeout;
    let trouble = match http.call(request, Leave::for_good(), deadline).await {
        Ok(answer) => return Ok(answer),
        Err(trouble) => trouble.into_words(),
    };
    Err(format!(
        "{host} cannot be reached: {trouble}; check base_url and the network"
    ))
}

/// What the status of the answer means for the account.
pub(crate) fn judge(answer: &HttpAnswer, credential: &str) -> Result<(), String> {
    match answer.status {
        200..=299 => Ok(()),
        401 | 403 => Err(format!(
            "the credentials are refused (HTTP {}); check `{credential}`",
            answer.status
        )),
        404 => Err("there is no such account or path (HTTP 404); check base_url".to_owned()),
        status => Err(format!(
            "the provider answers HTTP {status}; try again later"
        )),
    }
}
