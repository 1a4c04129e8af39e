//! SendGrid v3 Mail Send: `POST /v3/mail/send`.

use std::sync::atomic::{AtomicU64, Ordering};

use hyper::Method;
use hyper::header::HeaderName;
use serde_json::{Value, json};

use super::answer::Answer;
use super::judge::{Inbound, Judge, Verdict};
use crate::ledger::Acceptance;
use crate::marker::Marker;

mod fields;
mod recipients;
mod request;
mod rules;

use request::{Mail, Personalization};

const LARGEST_MAIL: usize = 30_000_000;
const HELP: &str = "http://sendgrid.com/docs/API_Reference/Web_API_v3/Mail/errors.html";

/// What is wrong with a mail: SendGrid's sentence and the field it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mistake {
    message: String,
    field: Option<String>,
}

impl Mistake {
    fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            field: Some(field.into()),
        }
    }

    fn nowhere(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            field: None,
        }
    }
}

pub(crate) struct SendGrid {
    api_key: Option<String>,
    messages: AtomicU64,
}

impl SendGrid {
    /// Accepts any bearer key, or only `api_key`.
    pub(crate) fn new(api_key: Option<String>) -> Self {
        Self {
            api_key,
            messages: AtomicU64::new(0),
        }
    }

    fn authorized(&self, request: &Inbound<'_>) -> bool {
        let given = request.credential("bearer");
        match &self.api_key {
            Some(expected) => given == Some(expected),
            None => given.is_some(),
        }
    }

    /// What the key may do: how a client finds out whether its account works.
    fn scopes(&self, request: &Inbound<'_>) -> Verdict {
        if !self.authorized(request) {
            return Verdict::unauthorized(self.error(401), "no or another API key");
        }
        Verdict::Serve {
            endpoint: "scopes",
            answer: Answer::json(200, &json!({ "scopes": ["mail.send"] })),
        }
    }

    fn accepted(&self, mail: &Mail<'_>) -> Verdict {
        if mail.is_sandbox() {
            return Verdict::Serve {
                endpoint: "send",
                answer: Answer::empty(200),
            };
        }
        let number = self.messages.fetch_add(1, Ordering::Relaxed);
        let answer = Answer::empty(202).header(
            HeaderName::from_static("x-message-id"),
            format!("sim{number:019}"),
        );
        Verdict::Accept {
            acceptances: acceptances(mail),
            answer,
        }
    }
}

impl Judge for SendGrid {
    fn judge(&self, request: &Inbound<'_>) -> Verdict {
        if request.path == "/v3/scopes" && request.method == Method::GET {
            return self.scopes(request);
        }
        if request.path != "/v3/mail/send" {
            return refused(404, vec![Mistake::nowhere("Not Found")]);
        }
        if request.method != Method::POST {
            return refused(405, vec![Mistake::nowhere("method not allowed")]);
        }
        if !self.authorized(request) {
            return Verdict::unauthorized(self.error(401), "no or another API key");
        }
        if !request.is("application/json") {
            let message = "Content-Type should be application/json.";
            return refused(415, vec![Mistake::nowhere(message)]);
        }
        if request.body.len() > LARGEST_MAIL {
            return refused(413, vec![Mistake::nowhere("Payload Too Large")]);
        }
        let mail: Mail<'_> = match serde_json::from_slice(request.body) {
            Ok(mail) => mail,
            Err(error) => {
                let answer = errors(400, &[Mistake::nowhere("Bad Request")]);
                return Verdict::malformed(answer, error.to_string());
            }
        };
        let mistakes = rules::mistakes(&mail);
        if mistakes.is_empty() {
            self.accepted(&mail)
        } else {
            refused(400, mistakes)
        }
    }

    fn error(&self, status: u16) -> Answer {
        let message = match status {
            400 => "Bad Request",
            401 => "The provided authorization grant is invalid, expired, or revoked",
            403 => "access forbidden",
            413 => "Payload Too Large",
            429 => "too many requests",
            503 => "service unavailable",
            _ => "internal error",
        };
        errors(status, &[Mistake::nowhere(message)])
    }

    /// A refusal of addresses names each by its place in the request.
    fn error_about(&self, status: u16, culprits: &[String], request: &Inbound<'_>) -> Answer {
        let mail = serde_json::from_slice::<Mail<'_>>(request.body);
        let mistakes = match mail {
            Ok(mail) if status == 400 => recipients::bad_addresses(&mail, culprits),
            _ => vec![],
        };
        match mistakes.as_slice() {
            [] => self.error(status),
            mistakes => errors(status, mistakes),
        }
    }
}

fn refused(status: u16, mistakes: Vec<Mistake>) -> Verdict {
    let why = mistakes
        .iter()
        .map(|mistake| mistake.message.as_str())
        .collect::<Vec<_>>()
        .join("; ");
    Verdict::malformed(errors(status, &mistakes), why)
}

fn errors(status: u16, mistakes: &[Mistake]) -> Answer {
    let list: Vec<Value> = mistakes
        .iter()
        .map(|mistake| {
            let help = mistake.field.as_ref().map(|field| {
                let plain: Vec<_> = field
                    .split('.')
                    .filter(|part| part.parse::<usize>().is_err())
                    .collect();
                format!("{HELP}#message.{}", plain.join("."))
            });
            json!({ "message": mistake.message, "field": mistake.field, "help": help })
        })
        .collect();
    Answer::json(status, &json!({ "errors": list }))
}

/// One acceptance per `to` address of each personalization: that is what gets delivered.
fn acceptances(mail: &Mail<'_>) -> Vec<Acceptance> {
    let single = mail.personalizations.len() == 1;
    let mut all = Vec::with_capacity(mail.personalizations.len());
    for personalization in &mail.personalizations {
        let marker = if single {
            None
        } else {
            own_marker(personalization)
        };
        let notification_id = personalization
            .custom_args
            .as_ref()
            .and_then(|arguments| {
                // What the last release called it.
                let ours = arguments.get("herald_notification_id");
                ours.or_else(|| arguments.get("notification_id"))
            })
            .and_then(|id| id.parse().ok());
        for to in personalization.to.iter().flatten() {
            all.push(Acceptance {
                notification_id,
                recipient: to.email.as_deref().unwrap_or_default().to_owned(),
                marker,
            });
        }
    }
    all
}

/// Several personalizations share one content, so each one's marker stands in its own fields.
fn own_marker(personalization: &Personalization<'_>) -> Option<Marker> {
    let subject = personalization.subject.as_deref().unwrap_or_default();
    let in_address = || {
        let addresses = personalization.to.iter().flatten();
        let mut addresses = addresses.filter_map(|to| to.email.as_deref());
        addresses.find_map(|email| Marker::find(email.as_bytes()))
    };
    Marker::find(subject.as_bytes())
        .or_else(in_address)
        .or_else(|| {
            let maps = [&personalization.custom_args, &personalization.substitutions];
            maps.into_iter()
                .flatten()
                .flat_map(|map| map.values())
                .find_map(|value| Marker::find(value.as_bytes()))
                .or_else(|| {
                    let data = personalization.dynamic_template_data.as_ref()?;
                    Marker::find(data.get().as_bytes())
                })
        })
}

#[cfg(test)]
mod tests;
