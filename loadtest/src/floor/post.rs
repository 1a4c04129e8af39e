//! Posting: workers that take claimed messages and ask the providers.

use std::fmt::Write as _;
use std::rc::Rc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use chrono::{DateTime, SecondsFormat};
use http_body_util::Full;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderName, HeaderValue};
use hyper::{Method, Request, Uri};
use serde::Deserialize;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::envelope::{Envelope, Text};
use super::error::FloorError;
use super::http::{Answer, Body, Endpoint};
use super::job::Job;
use super::rows::Outcome;
use super::state::State;
use super::{request, token};
use crate::marker::now_micros;
use crate::population::Person;
use crate::seed::ACCOUNT_SID;
use crate::simulator::{NOTIFICATION_HEADER, PROJECT};

/// What the engine calls the provider of in-app messages, whose row is the delivery.
const INBOX: &str = "inbox";
const NOTIFICATION_ID: HeaderName = HeaderName::from_static(NOTIFICATION_HEADER);
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");

/// A provider with all that is the same in each of its requests.
struct Account {
    name: &'static str,
    endpoint: Endpoint,
    uri: Uri,
    host: HeaderValue,
    authorization: HeaderValue,
    content_type: HeaderValue,
}

/// What a provider said.
struct Accepted {
    code: &'static str,
    message_id: String,
    asked_micros: u64,
    elapsed_ms: u64,
}

/// The ids in the answers' bodies.
#[derive(Deserialize)]
struct Ids {
    #[serde(alias = "sid", alias = "name", alias = "ts")]
    id: String,
}

/// The workers' common ground.
pub(super) struct Posters {
    state: Rc<State>,
    mail: Account,
    text_message: Account,
    push: Account,
    chat: Account,
}

impl Posters {
    pub(super) async fn prepare(state: &Rc<State>) -> Result<Rc<Self>, FloorError> {
        let providers = &state.settings.providers;
        let basic = STANDARD.encode(format!("{ACCOUNT_SID}:simulator"));
        let messages = format!("/2010-04-01/Accounts/{ACCOUNT_SID}/Messages.json");
        let fcm = Endpoint::at(&providers.fcm)?;
        let bearer = format!("Bearer {}", token::fetch(&fcm).await?);
        let send = format!("/v1/projects/{PROJECT}/messages:send");
        let at = Endpoint::at;
        let (sendgrid, twilio) = (at(&providers.sendgrid)?, at(&providers.twilio)?);
        Ok(Rc::new(Self {
            state: Rc::clone(state),
            mail: Account::new(
                "sendgrid-simulator",
                sendgrid,
                "/v3/mail/send",
                "Bearer SG.simulator",
                JSON,
            )?,
            text_message: Account::new(
                "twilio-simulator",
                twilio,
                &messages,
                &format!("Basic {basic}"),
                FORM,
            )?,
            push: Account::new("fcm-simulator", fcm, &send, &bearer, JSON)?,
            chat: Account::new(
                "slack-simulator",
                at(&providers.slack)?,
                "/api/chat.postMessage",
                "Bearer xoxb-simulator",
                JSON,
            )?,
        }))
    }

    /// Starts as many workers as requests may be in flight.
    pub(super) fn start(self: Rc<Self>, work: &mut JoinSet<Result<(), FloorError>>) {
        for _ in 0..self.state.settings.in_flight {
            let posters = Rc::clone(&self);
            work.spawn_local(async move {
                loop {
                    let job = posters.state.next_job().await;
                    posters.deliver(&job).await?;
                }
            });
        }
    }

    async fn deliver(&self, job: &Job) -> Result<(), FloorError> {
        let envelope = Envelope::read(&job.arrival.body)?;
        let (text, template) = envelope.text()?;
        let unknown = || FloorError::Message(format!("nobody has the id {}", envelope.user_id));
        let person = Person::with_id(envelope.user_id).ok_or_else(unknown)?;
        let mut post = Post {
            job,
            attempts: "[".to_owned(),
            last: None,
            accepted: 0,
        };
        let mut recipient = None;
        let attempted;
        let account = match envelope.channel {
            "email" => Some(&self.mail),
            "sms" => Some(&self.text_message),
            "push" => Some(&self.push),
            "chat" => Some(&self.chat),
            _ => None,
        };
        if let Some(account) = account {
            for address in addresses(&envelope, person) {
                let body = body(&envelope, job.id, &address, &text);
                post.send(account, body).await?;
                recipient.get_or_insert(address);
            }
            attempted = post.last.as_ref().map(|last| last.asked_micros);
        } else {
            recipient = Some(envelope.user_id.to_string());
            attempted = Some(now_micros());
        }
        post.attempts.push(']');
        self.state
            .count(|summary| summary.accepted += post.accepted);
        self.state.outcomes.add(|rows| {
            rows.push(&Outcome {
                job,
                envelope: &envelope,
                template: template.as_deref(),
                provider: account.map_or(INBOX, |account| account.name),
                attempts_used: i32::from(account.is_some()),
                recipient: recipient.as_deref(),
                response: post.last.as_ref().map(|last| last.code),
                message_id: post.last.as_ref().map(|last| last.message_id.as_str()),
                attempts: &post.attempts,
                attempted,
            });
        });
        Ok(())
    }
}

/// Where a message goes: to one address, or to each device.
fn addresses(envelope: &Envelope<'_>, person: Person) -> Vec<String> {
    match envelope.channel {
        "email" => vec![person.email()],
        "sms" => vec![person.phone()],
        "push" => person.devices().map(|(token, _)| token).collect(),
        _ => match &envelope.to {
            Some(to) => vec![to.clone().into_owned()],
            None => vec![person.chat()],
        },
    }
}

fn body(envelope: &Envelope<'_>, id: Uuid, to: &str, text: &Text<'_>) -> Vec<u8> {
    let mut out = Vec::with_capacity(256 + text.body.len() * 5 / 4);
    match envelope.channel {
        "email" => request::mail(&mut out, id, to, text),
        "sms" => request::text_message(&mut out, to, text),
        "push" => request::push(&mut out, to, envelope.priority, text),
        _ => request::chat(&mut out, id, to, text),
    }
    out
}

/// The work on one message.
struct Post<'a> {
    job: &'a Job,
    attempts: String,
    last: Option<Accepted>,
    accepted: u64,
}

impl Post<'_> {
    /// Asks a provider, and adds a line to the timeline.
    async fn send(&mut self, account: &Account, body: Vec<u8>) -> Result<(), FloorError> {
        let accepted = account.send(self.job.id, body).await?;
        if self.last.is_some() {
            self.attempts.push(',');
        }
        let at = i64::try_from(accepted.asked_micros).unwrap_or_default();
        let at = DateTime::from_timestamp_micros(at).unwrap_or_default();
        let at = at.to_rfc3339_opts(SecondsFormat::Micros, true);
        let (provider, code, elapsed) = (account.name, accepted.code, accepted.elapsed_ms);
        // Writing to a string cannot fail.
        let _ = write!(
            self.attempts,
            r#"{{"at":"{at}","step":"attempt","provider":"{provider}","class":"accepted","code":"{code}","elapsed_ms":{elapsed}}}"#
        );
        self.last = Some(accepted);
        self.accepted += 1;
        Ok(())
    }
}

impl Account {
    fn new(
        name: &'static str,
        endpoint: Endpoint,
        path: &str,
        authorization: &str,
        content_type: HeaderValue,
    ) -> Result<Self, FloorError> {
        let wrong = || FloorError::Address(endpoint.host.clone());
        Ok(Self {
            name,
            uri: path.parse().map_err(|_| wrong())?,
            host: endpoint.host.parse().map_err(|_| wrong())?,
            authorization: authorization.parse().map_err(|_| wrong())?,
            content_type,
            endpoint,
        })
    }

    async fn send(&self, id: Uuid, body: Vec<u8>) -> Result<Accepted, FloorError> {
        let asked_micros = now_micros();
        let request = self.request(id, body);
        let answer = self.endpoint.send(request).await?;
        let refused = || FloorError::Refused {
            path: self.uri.to_string(),
            status: answer.status,
            body: String::from_utf8_lossy(&answer.body).into_owned(),
        };
        Ok(Accepted {
            code: code(answer.status).ok_or_else(refused)?,
            message_id: message_id(&answer).ok_or_else(refused)?,
            asked_micros,
            elapsed_ms: now_micros().saturating_sub(asked_micros) / 1_000,
        })
    }

    fn request(&self, id: Uuid, body: Vec<u8>) -> Request<Body> {
        let mut text = Uuid::encode_buffer();
        let id = id.hyphenated().encode_lower(&mut text);
        let mut request = Request::new(Full::new(Bytes::from(body)));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        let headers = request.headers_mut();
        headers.reserve(4);
        headers.insert(HOST, self.host.clone());
        headers.insert(AUTHORIZATION, self.authorization.clone());
        headers.insert(CONTENT_TYPE, self.content_type.clone());
        if let Ok(id) = HeaderValue::from_str(id) {
            headers.insert(NOTIFICATION_ID, id);
        }
        request
    }
}

/// The status as text, if it means that the message was accepted.
fn code(status: u16) -> Option<&'static str> {
    match status {
        200 => Some("200"),
        201 => Some("201"),
        202 => Some("202"),
        _ => None,
    }
}

/// SendGrid names its id in a header, the others in the body. Slack refuses with status 200 and
/// without one.
fn message_id(answer: &Answer) -> Option<String> {
    if let Some(id) = answer.headers.get("x-message-id") {
        return id.to_str().ok().map(str::to_owned);
    }
    let ids: Ids = serde_json::from_slice(&answer.body).ok()?;
    Some(ids.id)
}
