//! The envelope (version 1) that a message comes in, strictly decoded.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::domain::spelling::for_reading;
use crate::domain::{
    Body, Channel, Content, ContentHash, DEFAULT_TENANT, KeyHash, Lane, Notification, Payload,
    Priority, Rejection, Source, TemplateCall, limits, unique_keys,
};
use crate::telemetry::trace::Traceparent;

mod declared;
mod identity;
mod moment;
mod named;
mod text;
mod validate;

pub(super) use declared::refusal;
pub use identity::{KeySource, key_hash};
use moment::Moment;
use named::lane_named_by;

/// A message that may be accepted, as far as its own words tell.
#[derive(Debug, Clone, PartialEq)]
pub struct Envelope {
    /// The tenant; the default one when absent.
    pub tenant_id: Uuid,
    /// The person.
    pub user_id: Uuid,
    /// The lane; equal to the one that the message came through.
    pub lane: Lane,
    /// The category.
    pub category: Option<String>,
    /// What makes a second message a repetition of this one.
    pub key: KeyHash,
    /// What a repetition must say again to be one.
    pub content: ContentHash,
    /// What was asked for.
    pub payload: Payload,
    /// Who the person is, when the publisher says so: the user is created or updated.
    pub recipient: Option<RecipientDescription>,
    /// Not before.
    pub send_at: Option<Timestamp>,
    /// Not after.
    pub expires_at: Option<Timestamp>,
    /// Retries after the first pass over the route.
    pub max_retries: u16,
    /// What it is about.
    pub source: Option<Source>,
    /// The publisher's own data.
    pub metadata: Option<Map<String, Value>>,
}

impl Envelope {
    /// The notification at its beginning, before anything was tried.
    #[must_use]
    pub fn into_notification(self, id: Uuid, created_at: Timestamp) -> Notification {
        Notification {
            id,
            tenant_id: self.tenant_id,
            user_id: self.user_id,
            lane: self.lane,
            category: self.category,
            key: self.key,
            payload: self.payload,
            send_at: self.send_at,
            expires_at: self.expires_at,
            max_retries: self.max_retries,
            source: self.source,
            metadata: self.metadata,
            created_at,
            attempt_count: 0,
            attempts: vec![],
            stored_attempts: 0,
        }
    }
}

/// What a publisher says of a person. Absent fields are left as they are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecipientDescription {
    /// E-mail address.
    pub email: Option<String>,
    /// Unique name within the tenant.
    pub username: Option<String>,
    /// Phone number, E.164.
    pub phone: Option<String>,
    /// IANA time zone name.
    pub timezone: Option<String>,
    /// Language.
    pub locale: Option<String>,
}

/// Longest explanation, in bytes.
const DETAIL_BYTES: usize = 1_000;

/// Why a message cannot be accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The stable word.
    pub reason: Rejection,
    /// What is wrong, for the one who reads `herald.rejected`. May quote the message: not for logs.
    pub detail: String,
}

impl Refusal {
    /// A refusal with its explanation.
    #[must_use]
    pub fn new(reason: Rejection, detail: impl Into<String>) -> Self {
        let mut detail = detail.into();
        // It may quote the message, and becomes a header: AMQP headers must fit one frame.
        detail.truncate(detail.floor_char_boundary(DETAIL_BYTES));
        Self { reason, detail }
    }

    fn invalid(detail: impl Into<String>) -> Self {
        Self::new(Rejection::InvalidEnvelope, detail)
    }
}

/// What comes with a message besides its body.
#[derive(Debug, Clone, Copy)]
pub struct Wrapping<'a> {
    /// The lane that it came through.
    pub lane: Lane,
    /// The AMQP `message_id`.
    pub message_id: Option<&'a str>,
    /// The W3C trace context.
    pub traceparent: Option<&'a str>,
    /// Largest body, in bytes.
    pub max_body_bytes: usize,
    /// The time of decoding.
    pub now: Timestamp,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WireEnvelope {
    version: u64,
    tenant_id: Option<Uuid>,
    user_id: Uuid,
    channel: Option<Channel>,
    priority: Option<Priority>,
    category: Option<String>,
    idempotency_key: Option<String>,
    template: Option<TemplateCall>,
    content: Option<Content>,
    to: Option<String>,
    recipient: Option<RecipientDescription>,
    send_at: Option<Moment>,
    expires_at: Option<Moment>,
    max_retries: Option<u16>,
    provider: Option<String>,
    source: Option<Source>,
    metadata: Option<Map<String, Value>>,
}

/// Decodes a message body.
///
/// # Errors
/// [`Refusal`] with the stable reason and what is wrong.
pub fn decode(body: &[u8], wrapping: &Wrapping<'_>) -> Result<Envelope, Refusal> {
    if body.len() > wrapping.max_body_bytes {
        let (size, most) = (body.len(), wrapping.max_body_bytes);
        let detail = format!("the body has {size} bytes; at most {most} are accepted");
        return Err(Refusal::new(Rejection::TooLarge, detail));
    }
    let mut wire = read(&text::of(body)?)?;
    let (send_at, expires_at) = validate::wire(&wire, wrapping)?;
    validate::addresses(&mut wire, wrapping.lane.channel)?;
    validate::names(&mut wire)?;
    let tenant_id = wire.tenant_id.unwrap_or(DEFAULT_TENANT);
    let key = match (wire.idempotency_key.as_deref(), wrapping.message_id) {
        (Some(key), _) => KeySource::Idempotency(key),
        (None, Some(id)) => KeySource::MessageId(id),
        (None, None) => KeySource::Body(body),
    };
    let (user_id, channel) = (wire.user_id, wrapping.lane.channel);
    let hash = key_hash(key, tenant_id, user_id, channel);
    let said_by_its_key = key.content();
    let mut envelope = Envelope {
        tenant_id,
        user_id,
        lane: wrapping.lane,
        category: wire.category,
        key: hash,
        content: ContentHash([0; 32]),
        payload: Payload {
            body: body_of(wire.template, wire.content)?,
            to: wire.to,
            provider: wire.provider,
            traceparent: wrapping.traceparent.and_then(valid_trace),
        },
        recipient: wire.recipient,
        send_at,
        expires_at,
        max_retries: wire.max_retries.unwrap_or(limits::DEFAULT_RETRIES),
        source: wire.source,
        metadata: wire.metadata,
    };
    envelope.content = said_by_its_key.map_or_else(|| identity::content_of(&envelope), Ok)?;
    Ok(envelope)
}

/// Decodes a body that no lane brought: `channel` is required, and `priority` is `normal` if it is absent.
///
/// # Errors
/// [`Refusal`] as for a message that a lane brings, and if `channel` is missing.
pub fn decode_file(
    body: &[u8],
    max_body_bytes: usize,
    now: Timestamp,
) -> Result<Envelope, Refusal> {
    let lane = lane_named_by(body);
    let wrapping = Wrapping {
        // Decoding finds out what is wrong with a body that names no lane at all.
        lane: lane.unwrap_or(Lane::new(Channel::Email, Priority::Normal)),
        message_id: None,
        traceparent: None,
        max_body_bytes,
        now,
    };
    let envelope = decode(body, &wrapping)?;
    lane.map(|_| envelope)
        .ok_or_else(|| Refusal::invalid("`channel` is missing: a file comes through no lane"))
}

fn read(text: &str) -> Result<WireEnvelope, Refusal> {
    unique_keys::check(text).map_err(|error| refusal_of(text, &error))?;
    // serde would also read a struct from an array of its fields.
    if !text.trim_ascii_start().starts_with('{') {
        return Err(Refusal::invalid("not a JSON object"));
    }
    let respelt = for_reading(text);
    let text = respelt.as_deref().unwrap_or(text);
    serde_json::from_str(text).map_err(|error| refusal_of(text, &error))
}

fn refusal_of(text: &str, error: &serde_json::Error) -> Refusal {
    if !error.is_data() {
        let mut words = error.to_string();
        if words.starts_with("recursion limit exceeded") {
            words.push_str(": JSON is read up to 127 levels deep");
        }
        return Refusal::new(Rejection::MalformedJson, words);
    }
    // Read once more, slowly, to learn which field it was.
    let mut json = serde_json::Deserializer::from_str(text);
    match serde_path_to_error::deserialize::<_, WireEnvelope>(&mut json) {
        Err(error) if error.path().iter().next().is_some() => Refusal::invalid(error.to_string()),
        _ => Refusal::invalid(error.to_string()),
    }
}

/// A trace context that is none is dropped: W3C says to start anew then.
fn valid_trace(text: &str) -> Option<String> {
    text.parse::<Traceparent>().ok().map(|_| text.to_owned())
}

fn body_of(template: Option<TemplateCall>, content: Option<Content>) -> Result<Body, Refusal> {
    match (template, content) {
        (Some(template), None) => Ok(Body::Template(template)),
        (None, Some(content)) => Ok(Body::Content(content)),
        (Some(_), Some(_)) => Err(Refusal::invalid("both `template` and `content`: give one")),
        (None, None) => Err(Refusal::invalid(
            "neither `template` nor `content`: give one",
        )),
    }
}

#[cfg(test)]
mod tests;
