//! Reading a JSON body: as much as is allowed, for as long as is allowed, and no key twice.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::web::{Data, Payload};
use actix_web::{HttpMessage, HttpRequest};
use futures_util::StreamExt;
use serde_json::{Map, Value};
use tokio::time::timeout;

use super::fields::SentFields;
use super::problem::Problem;
use super::server_settings::ServerSettings;
use crate::domain::unique_keys;

/// Longest time from the headers to the end of the body, where no settings are.
const WITHIN: Duration = Duration::from_secs(30);
/// The same where anybody may send one.
const STRANGERS_WITHIN: Duration = Duration::from_secs(10);

/// The fields of the object that a body of at most `most` bytes holds.
pub(super) async fn fields(
    request: &HttpRequest,
    payload: Payload,
    most: usize,
) -> Result<SentFields, Problem> {
    Ok(SentFields::of(object(request, payload, most).await?))
}

/// As [`fields`]; an empty body has none.
pub(super) async fn fields_or_none(
    request: &HttpRequest,
    payload: Payload,
    most: usize,
) -> Result<SentFields, Problem> {
    Ok(SentFields::of(
        object_or_none(request, payload, most).await?,
    ))
}

/// As [`object`]; an empty body is an empty object.
async fn object_or_none(
    request: &HttpRequest,
    payload: Payload,
    most: usize,
) -> Result<Map<String, Value>, Problem> {
    let length = request.headers().get(header::CONTENT_LENGTH);
    let chunked = request.headers().contains_key(header::TRANSFER_ENCODING);
    if !chunked && length.is_none_or(|length| length == "0") {
        return Ok(Map::new());
    }
    object(request, payload, most).await
}

/// The object that a body of at most `most` bytes holds.
async fn object(
    request: &HttpRequest,
    payload: Payload,
    most: usize,
) -> Result<Map<String, Value>, Problem> {
    match value(request, payload, most).await? {
        Value::Object(object) => Ok(object),
        _ => Err(malformed("not a JSON object")),
    }
}

/// What a body of at most `most` bytes holds.
pub(super) async fn value(
    request: &HttpRequest,
    payload: Payload,
    most: usize,
) -> Result<Value, Problem> {
    let body = bytes(request, payload, most).await?;
    let text = text(&body)?;
    unique_keys::check(text).map_err(|error| malformed(error.to_string()))?;
    serde_json::from_str(text).map_err(|error| malformed(error.to_string()))
}

/// The bytes of a body that says that it is JSON, of at most `most`.
pub(super) async fn bytes(
    request: &HttpRequest,
    payload: Payload,
    most: usize,
) -> Result<Vec<u8>, Problem> {
    is_json(request)?;
    in_time(request, payload, most).await
}

/// The bytes of a body of any kind as they were sent, of at most `most`.
pub(super) async fn raw(
    request: &HttpRequest,
    payload: Payload,
    most: usize,
) -> Result<Vec<u8>, Problem> {
    is_plain(request)?;
    in_time(request, payload, most).await
}

async fn in_time(request: &HttpRequest, payload: Payload, most: usize) -> Result<Vec<u8>, Problem> {
    let settings = request.app_data::<Data<ServerSettings>>();
    let within = settings.map_or(WITHIN, |settings| settings.body_timeout);
    let body = timeout(within, whole(request, payload, most)).await;
    body.unwrap_or_else(|_| Err(too_slow(within)))
}

/// How many bytes a body may have: as many as it says, and never more than `most`.
pub(super) fn expected(request: &HttpRequest, most: usize) -> usize {
    length(request).map_or(most, |length| length.min(most))
}

fn length(request: &HttpRequest) -> Option<usize> {
    let length = request.headers().get(header::CONTENT_LENGTH)?;
    length.to_str().ok()?.parse().ok()
}

/// A body as text.
pub(super) fn text(body: &[u8]) -> Result<&str, Problem> {
    std::str::from_utf8(body)
        .map_err(|error| malformed(format!("not UTF-8 from byte {} on", error.valid_up_to())))
}

/// The body is not what it should be.
pub(super) fn malformed(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "malformed_json", detail)
}

fn unsupported(detail: &str) -> Problem {
    let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
    Problem::new(status, "unsupported_media_type", detail)
}

pub(super) fn is_plain(request: &HttpRequest) -> Result<(), Problem> {
    let encoding = request.headers().get(header::CONTENT_ENCODING);
    match encoding {
        Some(encoding) if !encoding.as_bytes().eq_ignore_ascii_case(b"identity") => Err(
            unsupported("send the body as it is, without `Content-Encoding`"),
        ),
        _ => Ok(()),
    }
}

/// As [`bytes`], where JSON may have names of its own beside `application/json`.
pub(super) async fn bytes_of(
    request: &HttpRequest,
    payload: Payload,
    names: &[&str],
    most: usize,
) -> Result<Vec<u8>, Problem> {
    is_json_of(request, names)?;
    in_time(request, payload, most).await
}

fn is_json(request: &HttpRequest) -> Result<(), Problem> {
    is_json_of(request, &[])
}

fn is_json_of(request: &HttpRequest, names: &[&str]) -> Result<(), Problem> {
    is_plain(request)?;
    let kind = request.content_type();
    let charset = request.encoding().ok();
    let mut names = names.iter().chain(&["application/json"]);
    if !names.any(|name| kind.eq_ignore_ascii_case(name))
        || charset.is_none_or(|it| it.name() != "UTF-8")
    {
        return Err(unsupported(
            "send `Content-Type: application/json`, in UTF-8",
        ));
    }
    Ok(())
}

/// The bytes of a body that anybody may send, as they were sent, of at most `most`. What is longer than `small` is read
/// only with leave, which is held until it has ended; and all of it must come within ten seconds.
pub(super) async fn of_strangers<R>(
    request: &HttpRequest,
    mut payload: Payload,
    (small, most): (usize, usize),
    leave: impl FnOnce() -> Result<R, Problem>,
) -> Result<Vec<u8>, Problem> {
    is_plain(request)?;
    not_too_large(length(request).unwrap_or(0), most)?;
    let read = async {
        let mut body = vec![];
        gather(&mut payload, &mut body, small.min(most)).await?;
        if body.len() > small {
            let _leave = leave()?;
            gather(&mut payload, &mut body, most).await?;
        }
        not_too_large(body.len(), most)?;
        Ok(body)
    };
    let read = timeout(STRANGERS_WITHIN, read).await;
    read.unwrap_or_else(|_| Err(too_slow(STRANGERS_WITHIN)))
}

/// Reads no further than it may, however long the body says that it is.
pub(super) async fn whole(
    request: &HttpRequest,
    mut payload: Payload,
    most: usize,
) -> Result<Vec<u8>, Problem> {
    not_too_large(length(request).unwrap_or(0), most)?;
    let mut body = vec![];
    gather(&mut payload, &mut body, most).await?;
    not_too_large(body.len(), most)?;
    Ok(body)
}

/// Reads on until the body ends, or has more than enough.
async fn gather(payload: &mut Payload, body: &mut Vec<u8>, enough: usize) -> Result<(), Problem> {
    while body.len() <= enough
        && let Some(chunk) = payload.next().await
    {
        let chunk = chunk.map_err(|_| malformed("the body broke off"))?;
        body.extend_from_slice(&chunk);
    }
    Ok(())
}

fn not_too_large(length: usize, most: usize) -> Result<(), Problem> {
    if length <= most {
        return Ok(());
    }
    let detail = format!("the body has more than {most} bytes");
    let status = StatusCode::PAYLOAD_TOO_LARGE;
    Err(Problem::new(status, "too_large", detail))
}

fn too_slow(within: Duration) -> Problem {
    let detail = format!("the body did not end within {} s", within.as_secs());
    Problem::new(StatusCode::REQUEST_TIMEOUT, "timeout", detail)
}
