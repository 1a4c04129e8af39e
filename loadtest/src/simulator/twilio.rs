//! Twilio Messages: `POST /2010-04-01/Accounts/{AccountSid}/Messages.json`.

use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::Utc;
use hyper::Method;
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

use super::answer::Answer;
use super::judge::{Inbound, Judge, Verdict};
use crate::ledger::Acceptance;

mod rules;

use super::form::Form;
use rules::Mistake;

const CONTENT_TYPE: &str = "application/x-www-form-urlencoded";

pub(crate) struct Twilio {
    credentials: Option<String>,
    messages: AtomicU64,
}

/// The message as Twilio shows it after creation; numbers are strings there.
#[derive(Serialize)]
struct Created<'a> {
    account_sid: &'a str,
    api_version: &'static str,
    body: &'a str,
    date_created: &'a str,
    date_sent: Option<&'a str>,
    date_updated: &'a str,
    direction: &'static str,
    error_code: Option<u32>,
    error_message: Option<&'a str>,
    from: Option<&'a str>,
    messaging_service_sid: Option<&'a str>,
    num_media: String,
    num_segments: String,
    price: Option<&'a str>,
    price_unit: Option<&'a str>,
    sid: &'a str,
    status: &'static str,
    subresource_uris: Subresources,
    to: &'a str,
    uri: String,
}

#[derive(Serialize)]
struct Subresources {
    media: String,
}

impl Twilio {
    /// Accepts any user and password, or only `credentials` (`user:password`).
    pub(crate) fn new(credentials: Option<String>) -> Self {
        Self {
            credentials,
            messages: AtomicU64::new(0),
        }
    }

    fn authorized(&self, request: &Inbound<'_>) -> bool {
        let given = request
            .credential("basic")
            .and_then(|encoded| STANDARD.decode(encoded).ok())
            .and_then(|bytes| String::from_utf8(bytes).ok());
        match (&self.credentials, given) {
            (Some(expected), Some(given)) => *expected == given,
            (None, Some(given)) => given
                .split_once(':')
                .is_some_and(|(user, password)| !user.is_empty() && !password.is_empty()),
            (_, None) => false,
        }
    }

    fn created(&self, account: &str, form: &Form) -> Answer {
        let number = self.messages.fetch_add(1, Ordering::Relaxed);
        let media = form.all("MediaUrl").count();
        let sid = format!("{}{number:032x}", if media > 0 { "MM" } else { "SM" });
        let uri = format!("/2010-04-01/Accounts/{account}/Messages/{sid}");
        let date = Utc::now().to_rfc2822();
        let body = form.get("Body").unwrap_or_default();
        let service = form.get("MessagingServiceSid");
        let created = Created {
            account_sid: account,
            api_version: "2010-04-01",
            body,
            date_created: &date,
            date_sent: None,
            date_updated: &date,
            direction: "outbound-api",
            error_code: None,
            error_message: None,
            from: form.get("From"),
            messaging_service_sid: service,
            num_media: media.to_string(),
            num_segments: segments(body).to_string(),
            price: None,
            price_unit: None,
            sid: &sid,
            status: first_status(form),
            subresource_uris: Subresources {
                media: format!("{uri}/Media.json"),
            },
            to: form.get("To").unwrap_or_default(),
            uri: format!("{uri}.json"),
        };
        Answer::json(201, &created)
    }
}

fn first_status(form: &Form) -> &'static str {
    match (form.get("ScheduleType"), form.get("MessagingServiceSid")) {
        (Some(_), _) => "scheduled",
        (None, Some(_)) => "accepted",
        (None, None) => "queued",
    }
}

/// Segments of 160 (153 when several) GSM characters, or 70 (67) others; ASCII is taken for GSM.
fn segments(body: &str) -> usize {
    let (one, many) = if body.is_ascii() {
        (160, 153)
    } else {
        (70, 67)
    };
    let length = body.encode_utf16().count();
    if length <= one {
        1
    } else {
        length.div_ceil(many)
    }
}

impl Twilio {
    /// The account: how a client finds out whether it works.
    fn account(&self, request: &Inbound<'_>, sid: &str) -> Verdict {
        if !self.authorized(request) {
            return Verdict::unauthorized(self.error(401), "no or other Basic credentials");
        }
        Verdict::Serve {
            endpoint: "account",
            answer: Answer::json(200, &json!({ "sid": sid, "status": "active" })),
        }
    }
}

impl Judge for Twilio {
    fn judge(&self, request: &Inbound<'_>) -> Verdict {
        if let Some(sid) = account_asked_for(request) {
            return self.account(request, sid);
        }
        let Some(account) = account_of(request.path) else {
            let why = format!("no such resource: {}", request.path);
            return Verdict::malformed(error(404, 20404, &why), why);
        };
        if request.method != Method::POST {
            return Verdict::malformed(error(405, 20004, "Method not allowed"), "not a POST");
        }
        if !self.authorized(request) {
            return Verdict::unauthorized(self.error(401), "no or other Basic credentials");
        }
        if !request.is(CONTENT_TYPE) {
            let why = "the content type is not application/x-www-form-urlencoded";
            return Verdict::malformed(error(415, 20415, "Unsupported media type"), why);
        }
        let form = match Form::parse(request.body) {
            Ok(form) => form,
            Err(why) => return Verdict::malformed(error(400, 20001, &why), why),
        };
        match rules::mistake(&form) {
            Some(Mistake::Malformed(code, message)) => {
                Verdict::malformed(error(400, code, &message), message)
            }
            Some(Mistake::Number(code, message)) => {
                Verdict::recipient(error(400, code, &message), message)
            }
            None => Verdict::Accept {
                acceptances: vec![Acceptance {
                    notification_id: correlation(&form),
                    recipient: form.get("To").unwrap_or_default().to_owned(),
                    marker: None,
                }],
                answer: self.created(account, &form),
            },
        }
    }

    fn error(&self, status: u16) -> Answer {
        let (code, message) = match status {
            400 => (20001, "Bad request"),
            401 => (20003, "Authenticate"),
            403 => (20006, "Access Denied"),
            404 => (20404, "The requested resource was not found"),
            429 => (20429, "Too Many Requests"),
            503 => (20503, "Service is unavailable. Please try again later"),
            _ => (20500, "An internal server error has occurred"),
        };
        error(status, code, message)
    }
}

fn error(status: u16, code: u32, message: &str) -> Answer {
    Answer::json(
        status,
        &json!({
            "code": code,
            "message": message,
            "more_info": format!("https://www.twilio.com/docs/errors/{code}"),
            "status": status,
        }),
    )
}

/// The account sid of a request for the account itself.
fn account_asked_for<'a>(request: &Inbound<'a>) -> Option<&'a str> {
    let rest = request.path.strip_prefix("/2010-04-01/Accounts/")?;
    let sid = rest
        .strip_suffix(".json")
        .filter(|sid| !sid.contains('/'))?;
    (request.method == Method::GET).then_some(sid)
}

/// The account sid of a Messages path.
fn account_of(path: &str) -> Option<&str> {
    path.strip_prefix("/2010-04-01/Accounts/")?
        .strip_suffix("/Messages.json")
        .filter(|sid| rules::is_sid(sid, "AC"))
}

/// Twilio has no field for an id of the sender's own: it rides in the callback's query.
fn correlation(form: &Form) -> Option<Uuid> {
    let callback = form.get("StatusCallback")?;
    let (_, query) = callback.split_once('?')?;
    let query = query.split('#').next()?;
    Form::parse(query.as_bytes())
        .ok()?
        .get("notification_id")?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests;
