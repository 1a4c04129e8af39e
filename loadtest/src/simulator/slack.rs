//! Slack: `POST /api/chat.postMessage` and incoming webhooks, `POST /services/T.../B.../...`.
//!
//! Channels and webhook paths that begin with a name of failure fail in that way: `missing`
//! (`channel_not_found`), `archived` (`is_archived`), `restricted`, `gone` (`no_service`).

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

use hyper::Method;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use uuid::Uuid;

use super::answer::Answer;
use super::judge::{Inbound, Judge, Verdict};
use crate::ledger::Acceptance;

const LONGEST_TEXT: usize = 40_000;
const MOST_ATTACHMENTS: usize = 100;
const MOST_BLOCKS: usize = 50;

pub(crate) struct Slack {
    token: Option<String>,
    messages: AtomicU64,
}

/// The fields that matter; Slack ignores unknown ones.
#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    channel: Option<Cow<'a, str>>,
    #[serde(borrow)]
    text: Option<Cow<'a, str>>,
    #[serde(borrow)]
    blocks: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    attachments: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    metadata: Option<Metadata<'a>>,
}

#[derive(Deserialize)]
struct Metadata<'a> {
    #[serde(borrow, default)]
    event_payload: HashMap<Cow<'a, str>, Value>,
}

impl Message<'_> {
    fn has_content(&self) -> bool {
        let any = |list: &Option<Vec<_>>| list.as_ref().is_some_and(|list| !list.is_empty());
        self.text.as_ref().is_some_and(|text| !text.is_empty())
            || any(&self.blocks)
            || any(&self.attachments)
    }

    fn too_much(&self) -> Option<&'static str> {
        let longer = |list: &Option<Vec<_>>, most| list.as_ref().is_some_and(|l| l.len() > most);
        if self
            .text
            .as_ref()
            .is_some_and(|text| text.len() > LONGEST_TEXT)
        {
            return Some("msg_too_long");
        }
        if longer(&self.attachments, MOST_ATTACHMENTS) {
            return Some("too_many_attachments");
        }
        longer(&self.blocks, MOST_BLOCKS).then_some("invalid_blocks")
    }

    fn accept(&self, recipient: &str, answer: Answer) -> Verdict {
        let notification_id = self
            .metadata
            .as_ref()
            .and_then(|metadata| metadata.event_payload.get("notification_id"))
            .and_then(Value::as_str)
            .and_then(|id| id.parse::<Uuid>().ok());
        Verdict::Accept {
            acceptances: vec![Acceptance {
                notification_id,
                recipient: recipient.to_owned(),
                marker: None,
            }],
            answer,
        }
    }
}

impl Slack {
    /// Accepts any bot token, or only `token`.
    pub(crate) fn new(token: Option<String>) -> Self {
        Self {
            token,
            messages: AtomicU64::new(0),
        }
    }

    /// Why the token of a request is no good, if it is not.
    fn unauthorized(&self, request: &Inbound<'_>) -> Option<Verdict> {
        let Some(given) = request.credential("bearer") else {
            let refused = Verdict::unauthorized(not_ok("not_authed"), "no bearer token");
            return Some(refused);
        };
        let is_another = self.token.as_ref().is_some_and(|token| token != given);
        is_another.then(|| Verdict::unauthorized(not_ok("invalid_auth"), "another bearer token"))
    }

    /// Whose token it is: how a client finds out whether its account works.
    fn auth_test(&self, request: &Inbound<'_>) -> Verdict {
        self.unauthorized(request)
            .unwrap_or_else(|| Verdict::Serve {
                endpoint: "auth.test",
                answer: Answer::json(200, &json!({ "ok": true, "team": "Simulator" })),
            })
    }

    fn post_message(&self, request: &Inbound<'_>) -> Verdict {
        if let Some(refused) = self.unauthorized(request) {
            return refused;
        }
        if !request.is("application/json") {
            return malformed("invalid_post_type");
        }
        let message: Message<'_> = match serde_json::from_slice(request.body) {
            Ok(message) => message,
            Err(error) => return Verdict::malformed(not_ok("invalid_json"), error.to_string()),
        };
        let channel = message.channel.as_deref().unwrap_or_default();
        if channel.is_empty() {
            return malformed("channel_not_found");
        }
        if !message.has_content() {
            return malformed("no_text");
        }
        if let Some(error) = message.too_much() {
            return malformed(error);
        }
        let failure = [
            ("missing", "channel_not_found"),
            ("archived", "is_archived"),
            ("restricted", "restricted_action"),
        ];
        if let Some((_, error)) = failure.iter().find(|(name, _)| channel.starts_with(name)) {
            return Verdict::recipient(not_ok(error), *error);
        }
        let number = self.messages.fetch_add(1, Ordering::Relaxed);
        let stamp = format!("1793577600.{:06}", number % 1_000_000);
        let text = message.text.as_deref().unwrap_or_default();
        let answer = json!({
            "ok": true,
            "channel": channel,
            "ts": stamp,
            "message": { "type": "message", "text": text, "ts": stamp },
        });
        message.accept(channel, Answer::json(200, &answer))
    }

    fn webhook(&self, request: &Inbound<'_>, path: &str) -> Verdict {
        let parts: Vec<_> = path.split('/').collect();
        let [_, _, secret] = parts.as_slice() else {
            return plain_refusal(404, "no_service", true);
        };
        if parts.iter().any(|part| part.is_empty()) {
            return plain_refusal(404, "no_service", true);
        }
        let message: Message<'_> = match serde_json::from_slice(request.body) {
            Ok(message) => message,
            Err(error) => {
                let answer = Answer::text(400, "invalid_payload");
                return Verdict::malformed(answer, error.to_string());
            }
        };
        if !message.has_content() {
            return plain_refusal(400, "no_text", true);
        }
        if message.too_much() == Some("too_many_attachments") {
            return plain_refusal(400, "too_many_attachments", true);
        }
        if message.too_much().is_some() {
            return plain_refusal(400, "invalid_payload", true);
        }
        let failure = [
            ("missing", 404, "channel_not_found"),
            ("archived", 410, "channel_is_archived"),
            ("restricted", 403, "action_prohibited"),
            ("gone", 404, "no_service"),
        ];
        match failure.iter().find(|(name, _, _)| secret.starts_with(name)) {
            Some((_, status, word)) => plain_refusal(*status, word, false),
            None => message.accept(path, Answer::text(200, "ok")),
        }
    }
}

impl Judge for Slack {
    fn judge(&self, request: &Inbound<'_>) -> Verdict {
        if request.method != Method::POST {
            return plain_refusal(405, "method_not_allowed", true);
        }
        if request.path == "/api/chat.postMessage" {
            return self.post_message(request);
        }
        if request.path == "/api/auth.test" {
            return self.auth_test(request);
        }
        match request.path.strip_prefix("/services/") {
            Some(path) => self.webhook(request, path),
            None => Verdict::malformed(not_ok("unknown_method"), "no such method"),
        }
    }

    fn error(&self, status: u16) -> Answer {
        let error = match status {
            401 => "invalid_auth",
            403 => "access_denied",
            429 => "ratelimited",
            503 => "service_unavailable",
            _ => "internal_error",
        };
        Answer {
            status,
            ..not_ok(error)
        }
    }
}

/// Slack says most errors with status 200.
fn not_ok(error: &str) -> Answer {
    Answer::json(200, &json!({ "ok": false, "error": error }))
}

fn malformed(error: &'static str) -> Verdict {
    Verdict::malformed(not_ok(error), error)
}

fn plain_refusal(status: u16, word: &'static str, malformed: bool) -> Verdict {
    let answer = Answer::text(status, word);
    if malformed {
        Verdict::malformed(answer, word)
    } else {
        Verdict::recipient(answer, word)
    }
}

#[cfg(test)]
mod tests;
