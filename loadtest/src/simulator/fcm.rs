//! Firebase Cloud Messaging, HTTP v1: `POST /token` and `POST /v1/projects/{project}/messages:send`.
//!
//! Registration tokens that begin with `unregistered-` are dead, `invalid-` are not tokens at all,
//! `mismatch-` belong to another sender, `quota-` are over their quota.

use std::sync::atomic::{AtomicU64, Ordering};

use hyper::Method;
use serde_json::{Value, json};

use super::answer::Answer;
use super::judge::{Inbound, Judge, Verdict};
use crate::ledger::Acceptance;

mod account;
mod message;
mod rules;
mod tokens;

use message::Send;
use tokens::Tokens;

pub(crate) use account::{CLIENT_EMAIL, PROJECT, private_key, service_account_json};

const FCM_ERROR: &str = "type.googleapis.com/google.firebase.fcm.v1.FcmError";
const BAD_REQUEST: &str = "type.googleapis.com/google.rpc.BadRequest";

pub(crate) struct Fcm {
    tokens: Tokens,
    messages: AtomicU64,
}

impl std::fmt::Debug for Fcm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fcm").finish_non_exhaustive()
    }
}

/// A registration token by whose name a failure is asked for.
const FAILING: [(&str, u16, &str, &str); 4] = [
    ("unregistered-", 404, "NOT_FOUND", "UNREGISTERED"),
    ("invalid-", 400, "INVALID_ARGUMENT", "INVALID_ARGUMENT"),
    ("mismatch-", 403, "PERMISSION_DENIED", "SENDER_ID_MISMATCH"),
    ("quota-", 429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED"),
];

impl Fcm {
    /// `token_uri` is the simulator's own token endpoint, which an assertion may name as audience.
    pub(crate) fn new(token_uri: String) -> Result<Self, String> {
        Ok(Self {
            tokens: Tokens::new(token_uri)?,
            messages: AtomicU64::new(0),
        })
    }

    /// Makes all access tokens issued so far invalid.
    pub(crate) fn expire_tokens(&self) {
        self.tokens.expire_all();
    }

    /// Lifetime of the tokens issued from now on, in seconds.
    pub(crate) fn set_token_lifetime(&self, seconds: u64) {
        self.tokens.set_lifetime(seconds);
    }

    fn send(&self, request: &Inbound<'_>, project: &str) -> Verdict {
        if !request
            .credential("bearer")
            .is_some_and(|token| self.tokens.is_valid(token))
        {
            return Verdict::unauthorized(self.error(401), "no or an expired access token");
        }
        if project != PROJECT {
            let message = "Permission 'cloudmessaging.messages.create' denied on resource.";
            let answer = error(403, "PERMISSION_DENIED", message, None);
            return Verdict::unauthorized(answer, format!("project {project}, not {PROJECT}"));
        }
        if !request.is("application/json") {
            let message = "Invalid content type: application/json is expected.";
            return Verdict::malformed(error(400, "INVALID_ARGUMENT", message, None), message);
        }
        let send: Send<'_> = match serde_json::from_slice(request.body) {
            Ok(send) => send,
            Err(cause) => return bad_payload("message", &cause.to_string()),
        };
        if let Some((field, mistake)) = rules::mistake(&send) {
            return bad_payload(field, &mistake);
        }
        self.deliver(&send)
    }

    fn deliver(&self, send: &Send<'_>) -> Verdict {
        let recipient = send.recipient();
        if let Some((_, status, name, code)) = FAILING
            .iter()
            .find(|(name, ..)| recipient.starts_with(name))
        {
            let message = match *code {
                "UNREGISTERED" => "Requested entity was not found.",
                "INVALID_ARGUMENT" => {
                    "The registration token is not a valid FCM registration token"
                }
                "SENDER_ID_MISMATCH" => "SenderId mismatch",
                _ => "Quota exceeded.",
            };
            let details = json!({ "@type": FCM_ERROR, "errorCode": code });
            return Verdict::recipient(error(*status, name, message, Some(details)), *code);
        }
        let number = self.messages.fetch_add(1, Ordering::Relaxed);
        let name = format!("projects/{PROJECT}/messages/0:{number:016}%31bd1c96");
        let answer = Answer::json(200, &json!({ "name": name }));
        if send.is_dry_run() {
            return Verdict::Serve {
                endpoint: "send",
                answer,
            };
        }
        Verdict::Accept {
            acceptances: vec![Acceptance {
                notification_id: send.notification_id(),
                recipient: recipient.to_owned(),
                marker: None,
            }],
            answer,
        }
    }
}

impl Judge for Fcm {
    fn judge(&self, request: &Inbound<'_>) -> Verdict {
        let project = request
            .path
            .strip_prefix("/v1/projects/")
            .and_then(|rest| rest.strip_suffix("/messages:send"));
        match (request.method == Method::POST, project, request.path) {
            (true, Some(project), _) => self.send(request, project),
            (true, None, "/token") => self.tokens.issue(request),
            _ => {
                let answer = error(404, "NOT_FOUND", "Not found.", None);
                Verdict::malformed(answer, "no such method")
            }
        }
    }

    fn error(&self, status: u16) -> Answer {
        let (name, code, message) = match status {
            400 => (
                "INVALID_ARGUMENT",
                Some("INVALID_ARGUMENT"),
                "Request contains an invalid argument.",
            ),
            401 => (
                "UNAUTHENTICATED",
                None,
                "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential.",
            ),
            403 => (
                "PERMISSION_DENIED",
                None,
                "The caller does not have permission",
            ),
            404 => (
                "NOT_FOUND",
                Some("UNREGISTERED"),
                "Requested entity was not found.",
            ),
            429 => (
                "RESOURCE_EXHAUSTED",
                Some("QUOTA_EXCEEDED"),
                "Quota exceeded.",
            ),
            503 => (
                "UNAVAILABLE",
                Some("UNAVAILABLE"),
                "The service is currently unavailable.",
            ),
            _ => ("INTERNAL", Some("INTERNAL"), "Internal error encountered."),
        };
        let details = code.map(|code| json!({ "@type": FCM_ERROR, "errorCode": code }));
        error(status, name, message, details)
    }
}

fn bad_payload(field: &str, mistake: &str) -> Verdict {
    let details = json!({
        "@type": BAD_REQUEST,
        "fieldViolations": [{ "field": field, "description": mistake }],
    });
    let message = format!("Invalid JSON payload received. {mistake}");
    let answer = error(400, "INVALID_ARGUMENT", &message, Some(details));
    Verdict::malformed(answer, format!("{field}: {mistake}"))
}

fn error(status: u16, name: &str, message: &str, details: Option<Value>) -> Answer {
    let mut error = json!({ "code": status, "message": message, "status": name });
    if let (Some(details), Some(object)) = (details, error.as_object_mut()) {
        object.insert("details".to_owned(), json!([details]));
    }
    Answer::json(status, &json!({ "error": error }))
}

#[cfg(test)]
mod tests;
