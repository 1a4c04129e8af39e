//! What the judges' tests share: building a request and reading a verdict.

use bytes::Bytes;
use hyper::Request;
use serde_json::Value;

use super::judge::{Inbound, Judge, Refusal, Verdict};

pub(super) fn json_request(path: &str, authorization: &str, body: &Value) -> Request<Bytes> {
    request(path, authorization, "application/json", body.to_string())
}

pub(super) fn request(
    path: &str,
    authorization: &str,
    content_type: &str,
    body: impl Into<Bytes>,
) -> Request<Bytes> {
    Request::post(path)
        .header("authorization", authorization)
        .header("content-type", content_type)
        .body(body.into())
        .unwrap()
}

pub(super) fn judge(judge: &dyn Judge, request: &Request<Bytes>) -> Verdict {
    judge.judge(&inbound(request))
}

pub(super) fn inbound(request: &Request<Bytes>) -> Inbound<'_> {
    Inbound {
        method: request.method(),
        path: request.uri().path(),
        headers: request.headers(),
        body: request.body(),
    }
}

pub(super) fn refusal_of(verdict: &Verdict) -> Option<Refusal> {
    match verdict {
        Verdict::Refuse { refusal, .. } => Some(*refusal),
        _ => None,
    }
}

/// The status and the JSON body (null when there is none).
pub(super) fn answer_of(verdict: &Verdict) -> (u16, Value) {
    let answer = match verdict {
        Verdict::Accept { answer, .. } => answer,
        Verdict::Serve { answer, .. } | Verdict::Refuse { answer, .. } => answer,
    };
    let body = serde_json::from_slice(&answer.body).unwrap_or_default();
    (answer.status, body)
}
