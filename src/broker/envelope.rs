//! The envelope (version 1) that a message comes in, strictly decoded.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::domain::{
    Body, ContentHash, DEFAULT_TENANT, EVERYBODY, KeyHash, Lane, Notification, Payload, Rejection,
    Source, limits,
};
use crate::telemetry::trace::Traceparent;

mod declared;
mod identity;
mod moment;
mod refusal;
pub(super) mod text;
mod validate;
mod wire;

pub(super) use declared::refusal;
pub use identity::{KeySource, key_hash, key_shared};
use moment::Moment;
use refusal::Mistakes;
pub use refusal::{EnvelopeMistake, Refusal};
pub use validate::TWO_KEYS;
use wire::WireEnvelope;

/// A message that may be accepted, as far as its own words tell.
#[derive(Debug, Clone, PartialEq)]
pub struct Envelope {
    /// The tenant; the default one when absent.
    pub tenant_id: Uuid,
    /// The person; [`EVERYBODY`] is the whole tenant.
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

/// What comes with a message besides its body.
#[derive(Debug, Clone, Copy)]
pub struct Wrapping<'a> {
    /// The lane that it came through; without one, the message itself must name its channel.
    pub lane: Option<Lane>,
    /// The tenant of a message that names none.
    pub tenant_id: Uuid,
    /// The idempotency key that was said beside the body.
    pub idempotency_key: Option<&'a str>,
    /// The AMQP `message_id`.
    pub message_id: Option<&'a str>,
    /// The call that brought it, of which each without a key is another message.
    pub call: Option<Uuid>,
    /// The W3C trace context.
    pub traceparent: Option<&'a str>,
    /// Largest body, in bytes.
    pub max_body_bytes: usize,
    /// The time of decoding.
    pub now: Timestamp,
}

/// Decodes a message body.
///
/// # Errors
/// [`Refusal`] with the stable reason and everything that is wrong.
pub fn decode(body: &[u8], wrapping: &Wrapping<'_>) -> Result<Envelope, Refusal> {
    if body.len() > wrapping.max_body_bytes {
        let (size, most) = (body.len(), wrapping.max_body_bytes);
        let detail = format!("the body has {size} bytes; at most {most} are accepted");
        return Err(Refusal::new(Rejection::TooLarge, detail));
    }
    let mut mistakes = Mistakes::default();
    let Some(mut wire) = wire::read(&text::of(body)?, &mut mistakes)? else {
        return mistakes.finish(None);
    };
    let (lane, between) = validate::wire(&mut wire, wrapping, &mut mistakes);
    let envelope = lane.and_then(|lane| envelope_of(wire, lane, between, body, wrapping));
    let (mut envelope, said_by_its_key) = mistakes.finish(envelope)?;
    envelope.content = said_by_its_key.map_or_else(|| identity::content_of(&envelope), Ok)?;
    Ok(envelope)
}

/// The envelope, and its content where its key says that; `None` when something is missing.
fn envelope_of(
    wire: WireEnvelope,
    lane: Lane,
    (send_at, expires_at): (Option<Timestamp>, Option<Timestamp>),
    body: &[u8],
    wrapping: &Wrapping<'_>,
) -> Option<(Envelope, Option<ContentHash>)> {
    let tenant_id = wire.tenant_id.unwrap_or(wrapping.tenant_id);
    let said = wire.idempotency_key.as_deref().or(wrapping.idempotency_key);
    let key = match (said, wrapping.message_id, &wrapping.call) {
        (Some(key), ..) => KeySource::Idempotency(key),
        (None, Some(id), _) => KeySource::MessageId(id),
        (None, None, Some(call)) => KeySource::Call(call),
        (None, None, None) => KeySource::Body(body),
    };
    let user_id = wire.user_id?.unwrap_or(EVERYBODY);
    let envelope = Envelope {
        tenant_id,
        user_id,
        lane,
        category: wire.category,
        key: key_hash(key, tenant_id, user_id, lane.channel),
        content: ContentHash([0; 32]),
        payload: Payload {
            body: match (wire.template, wire.content) {
                (Some(template), None) => Body::Template(template),
                (_, content) => Body::Content(content?),
            },
            to: wire.to,
            provider: wire.provider,
            traceparent: wrapping.traceparent.and_then(valid_trace),
            inbox: wire.inbox,
        },
        recipient: wire.recipient,
        send_at,
        expires_at,
        max_retries: wire.max_retries.unwrap_or(limits::DEFAULT_RETRIES),
        source: wire.source,
        metadata: wire.metadata,
    };
    Some((envelope, key.content()))
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
    let wrapping = Wrapping {
        lane: None,
        tenant_id: DEFAULT_TENANT,
        idempotency_key: None,
        message_id: None,
        call: None,
        traceparent: None,
        max_body_bytes,
        now,
    };
    decode(body, &wrapping)
}

/// A trace context that is none is dropped: W3C says to start anew then.
#[must_use]
pub fn valid_trace(text: &str) -> Option<String> {
    text.parse::<Traceparent>().ok().map(|_| text.to_owned())
}

#[cfg(test)]
mod tests;
