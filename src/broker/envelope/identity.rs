//! What makes two messages the same: their key, and what they say.

use jiff::Timestamp;
use serde::Serialize;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{Envelope, RecipientDescription, Refusal};
use crate::domain::{Body, Channel, ContentHash, InboxOptions, KeyHash, Priority, Source};

/// Where a message's key comes from. The kinds never meet: an order's number in `idempotency_key`
/// has nothing to do with the same number in another publisher's `message_id`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeySource<'a> {
    /// The envelope's `idempotency_key`.
    Idempotency(&'a str),
    /// The AMQP `message_id`.
    MessageId(&'a str),
    /// Neither: the body itself.
    Body(&'a [u8]),
    /// None by HTTP, where each call is another message.
    Call(&'a Uuid),
    /// A fan-out, which tells each person once.
    FanOut(&'a Uuid),
    /// A step of a run of a workflow.
    RunStep(&'a str),
}

impl<'a> KeySource<'a> {
    /// The kind, and the key itself.
    fn parts(self) -> (&'static str, &'a [u8]) {
        match self {
            Self::Idempotency(key) => ("idempotency_key", key.as_bytes()),
            Self::MessageId(id) => ("message_id", id.as_bytes()),
            Self::Body(body) => ("body", body),
            Self::Call(call) => ("call", call.as_bytes().as_slice()),
            Self::FanOut(job) => ("fan_out", job.as_bytes().as_slice()),
            Self::RunStep(step) => ("run_step", step.as_bytes()),
        }
    }

    /// The content, where the key is the content: nothing is left that could differ, whatever lane
    /// the same body came through.
    pub(super) fn content(self) -> Option<ContentHash> {
        match self {
            Self::Idempotency(_)
            | Self::MessageId(_)
            | Self::Call(_)
            | Self::FanOut(_)
            | Self::RunStep(_) => None,
            Self::Body(body) => Some(ContentHash(Sha256::digest(body).into())),
        }
    }
}

/// The hash of a key, unique for tenant, person and channel. It begins with what is [shared](key_shared) by
/// all of them, so that they are found together.
#[must_use]
pub fn key_hash(key: KeySource<'_>, tenant_id: Uuid, user_id: Uuid, channel: Channel) -> KeyHash {
    let (kind, text) = key.parts();
    let mut hash = digest(&[
        kind.as_bytes(),
        tenant_id.as_bytes(),
        user_id.as_bytes(),
        channel.as_str().as_bytes(),
        text,
    ]);
    let shared = key_shared(key, tenant_id);
    for (byte, shared) in hash.iter_mut().zip(shared) {
        *byte = shared;
    }
    KeyHash(hash)
}

/// How the hashes of a tenant's key begin, whoever it is used for.
#[must_use]
pub fn key_shared(key: KeySource<'_>, tenant_id: Uuid) -> [u8; KeyHash::SHARED] {
    let (kind, text) = key.parts();
    let hash = digest(&[kind.as_bytes(), tenant_id.as_bytes(), text]);
    std::array::from_fn(|at| hash.get(at).copied().unwrap_or_default())
}

/// Each part goes in with its length before it, so that no two lists of parts read the same.
fn digest(parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// What is to be sent to whom, how and when, beside what the key says already. The publisher's own
/// `metadata`, the trace and the properties of AMQP say nothing of it.
#[derive(Serialize)]
struct SaidContent<'a> {
    priority: Priority,
    category: Option<&'a str>,
    body: &'a Body,
    to: Option<&'a str>,
    recipient: Option<&'a RecipientDescription>,
    send_at: Option<Timestamp>,
    expires_at: Option<Timestamp>,
    max_retries: u16,
    provider: Option<&'a str>,
    source: Option<&'a Source>,
    // What was said before there were inboxes says the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    inbox: Option<&'a InboxOptions>,
}

/// The hash of a message's meaning: how its JSON was written does not matter, since objects are
/// sorted by their keys and what is absent has its default.
///
/// # Errors
/// When the content cannot be written as JSON again, which no message that was read is.
pub(super) fn content_of(envelope: &Envelope) -> Result<ContentHash, Refusal> {
    let said = SaidContent {
        priority: envelope.lane.priority,
        category: envelope.category.as_deref(),
        body: &envelope.payload.body,
        to: envelope.payload.to.as_deref(),
        recipient: envelope.recipient.as_ref(),
        send_at: envelope.send_at,
        expires_at: envelope.expires_at,
        max_retries: envelope.max_retries,
        provider: envelope.payload.provider.as_deref(),
        source: envelope.source.as_ref(),
        inbox: envelope.payload.inbox.as_ref(),
    };
    // Room for most, so that writing does not move what is written.
    let mut json = Vec::with_capacity(1024);
    serde_json::to_writer(&mut json, &said).map_err(|error| Refusal::invalid(error.to_string()))?;
    Ok(ContentHash(Sha256::digest(&json).into()))
}
