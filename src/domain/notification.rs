//! A notification: one message for one person on one channel.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{AttemptRecord, Class, EVERYBODY, InboxOptions, Lane, Reason, Step};

/// What stands for an idempotency key: of a SHA-256 of the key with its kind and its tenant, the beginning; and of
/// one of the person and the channel as well, which it is unique for, the beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct KeyHash(pub [u8; 32]);

impl KeyHash {
    /// Bytes that the hashes of one key of a tenant share, whoever it is used for.
    pub const SHARED: usize = 8;
}

/// SHA-256 of what a message says: two with the same key and the same content are one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ContentHash(pub [u8; 32]);

/// A notification as it walks through the engine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Notification {
    /// UUIDv7; the time in it is when the engine first accepted the message.
    pub id: Uuid,
    /// The tenant.
    pub tenant_id: Uuid,
    /// The person; [`EVERYBODY`] is the whole tenant.
    pub user_id: Uuid,
    /// Channel and priority.
    pub lane: Lane,
    /// The category that the person may have switched off.
    pub category: Option<String>,
    /// What makes a second one a duplicate.
    pub key: KeyHash,
    /// What was asked for.
    pub payload: Payload,
    /// Not before.
    pub send_at: Option<Timestamp>,
    /// Not after.
    pub expires_at: Option<Timestamp>,
    /// Retries after the first pass over the route.
    pub max_retries: u16,
    /// What it is about, in the publisher's words.
    pub source: Option<Source>,
    /// The publisher's own data, handed back in status events.
    pub metadata: Option<Map<String, Value>>,
    /// When the engine accepted it.
    pub created_at: Timestamp,
    /// Passes over the route so far.
    pub attempt_count: u16,
    /// What has happened to it so far, oldest first.
    pub attempts: Vec<AttemptRecord>,
    /// How many of them are stored already: the first ones. Only the others are written.
    pub stored_attempts: usize,
}

/// What the publisher pointed at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// For example `ticket`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its id there.
    pub id: String,
}

/// What was asked for: the `payload` column. All that a later attempt needs is in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "StoredPayload")]
pub struct Payload {
    /// Template or content.
    #[serde(flatten)]
    pub body: Body,
    /// Address for this message only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// The one account that may send it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// The publisher's W3C trace context.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// What is said for the inbox.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inbox: Option<InboxOptions>,
}

/// A payload as it is read: behind `flatten` serde knows no number beyond 64 bits.
#[derive(Deserialize)]
struct StoredPayload {
    template: Option<TemplateCall>,
    content: Option<Content>,
    to: Option<String>,
    provider: Option<String>,
    traceparent: Option<String>,
    inbox: Option<InboxOptions>,
}

impl TryFrom<StoredPayload> for Payload {
    type Error = &'static str;

    fn try_from(stored: StoredPayload) -> Result<Self, Self::Error> {
        let body = match (stored.template, stored.content) {
            (Some(template), None) => Body::Template(template),
            (None, Some(content)) => Body::Content(content),
            _ => return Err("exactly one of `template` and `content` is needed"),
        };
        Ok(Self {
            body,
            to: stored.to,
            provider: stored.provider,
            traceparent: stored.traceparent,
            inbox: stored.inbox,
        })
    }
}

impl Payload {
    /// Names of its fields: whoever reads a payload compares them first.
    pub const FIELDS: &[&str] = &[
        "template",
        "content",
        "to",
        "provider",
        "traceparent",
        "inbox",
    ];
}

/// Exactly one of the two.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// A stored template with variables.
    Template(TemplateCall),
    /// Ready text.
    Content(Content),
}

/// A template and what to fill it with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TemplateCall {
    /// Name of the template.
    pub name: String,
    /// Its variables.
    #[serde(default)]
    pub variables: Map<String, Value>,
    /// Where answers to an e-mail go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<String>,
}

/// Text of a message: as published, or as rendered from a template.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Content {
    /// Subject of an e-mail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Plain text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// HTML of an e-mail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub html: Option<String>,
    /// Title of a push or in-app message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Data for the app (push, in-app).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Map<String, Value>>,
    /// Where answers to an e-mail go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<String>,
}

impl Notification {
    /// Whether it is for all people of its tenant.
    #[must_use]
    pub fn is_for_everybody(&self) -> bool {
        self.user_id == EVERYBODY
    }

    /// The person, unless it is for all of them.
    #[must_use]
    pub fn person(&self) -> Option<Uuid> {
        Some(self.user_id).filter(|id| *id != EVERYBODY)
    }

    /// When somebody must look at it first. What will be too late by its time is ended at once.
    #[must_use]
    pub fn first_due_at(&self) -> Timestamp {
        let due_at = self.created_at.max(self.send_at.unwrap_or(self.created_at));
        match self.expires_at {
            Some(end) if end <= due_at => self.created_at,
            _ => due_at,
        }
    }

    /// Whether nobody need look at it yet.
    #[must_use]
    pub fn is_ahead(&self) -> bool {
        self.first_due_at() > self.created_at
    }

    /// What has happened to it and is not stored yet.
    #[must_use]
    pub fn new_attempts(&self) -> &[AttemptRecord] {
        self.attempts
            .get(self.stored_attempts..)
            .unwrap_or_default()
    }

    /// Whether a device or provider accepted it in an earlier pass: then it is sent, whatever
    /// becomes of the rest.
    #[must_use]
    pub fn is_partly_accepted(&self) -> bool {
        self.present_attempts().any(AttemptRecord::is_accepted)
    }

    /// What has happened since it was published, or since it was sent on its way again.
    pub fn present_attempts(&self) -> impl DoubleEndedIterator<Item = &AttemptRecord> {
        let start = self.start();
        self.attempts.iter().skip(start.map_or(0, |at| at + 1))
    }

    /// Where it was last sent on its way again.
    fn start(&self) -> Option<usize> {
        let is_start = |record: &AttemptRecord| matches!(record.step, Step::Replayed { .. });
        self.attempts.iter().rposition(is_start)
    }

    /// The accounts that told, after they had accepted it, that it did not arrive.
    #[must_use]
    pub fn handed_back_by(&self) -> &[String] {
        let start = self.start().and_then(|at| self.attempts.get(at));
        match start.map(|record| &record.step) {
            Some(Step::Replayed { not_by, .. }) => not_by,
            _ => &[],
        }
    }

    /// The account at which it may have been delivered to an address: one whose answer was lost, and
    /// which has not given a definite one since.
    ///
    /// `device_id` names the address of a push; every other notification has but one.
    #[must_use]
    pub fn unresolved_account(&self, device_id: Option<Uuid>) -> Option<&str> {
        let mut unresolved: Option<&str> = None;
        for record in self.present_attempts() {
            match &record.step {
                Step::Attempt {
                    provider,
                    class,
                    device_id: device,
                    ..
                } if *device == device_id => match class {
                    Class::Unknown => unresolved = Some(provider),
                    Class::Accepted | Class::Permanent => unresolved = None,
                    Class::NotByAccount => _ = unresolved.take_if(|known| known == provider),
                    Class::AccountRefused | Class::Transient | Class::Throttled => {}
                },
                Step::AccountGone { provider } => {
                    unresolved.take_if(|known| known == provider);
                }
                _ => {}
            }
        }
        unresolved
    }

    /// The account that must be asked again before any other: the last one that is
    /// [unresolved](Self::unresolved_account) for any address.
    #[must_use]
    pub fn pinned_by_unknown(&self) -> Option<&str> {
        self.present_attempts().rev().find_map(|record| {
            let Step::Attempt {
                provider,
                class: Class::Unknown,
                device_id,
                ..
            } = &record.step
            else {
                return None;
            };
            self.unresolved_account(*device_id)
                .filter(|unresolved| unresolved == provider)
        })
    }

    /// Whether an account has said that it cannot send this, or could not; of a push to devices it says so for
    /// each.
    #[must_use]
    pub fn is_declined_by(&self, account: &str) -> bool {
        let declines = |record: &AttemptRecord| {
            matches!(&record.step,
                Step::Attempt { provider, class: Class::NotByAccount, device_id: None, .. }
                    if provider == account)
        };
        self.handed_back_by().iter().any(|it| it == account)
            || self.present_attempts().any(declines)
    }

    /// Since when it has waited for a provider, though one or the other was asked in between and
    /// refused its account, or said that it cannot send this.
    #[must_use]
    pub fn unserved_since(&self) -> Option<Timestamp> {
        let mut since = None;
        for record in self.present_attempts().rev() {
            match record.step {
                Step::Deferred {
                    reason: Reason::WaitingForProvider,
                    ..
                } => since = Some(record.at),
                Step::Attempt {
                    class: Class::AccountRefused | Class::NotByAccount,
                    ..
                } => {}
                _ => break,
            }
        }
        since
    }

    /// Since when it has waited for a provider, with nothing else in between.
    #[must_use]
    fn waiting_since(&self) -> Option<Timestamp> {
        let last = self.attempts.last()?;
        let waits = matches!(
            last.step,
            Step::Deferred {
                reason: Reason::WaitingForProvider,
                ..
            }
        );
        waits.then_some(last.at)
    }

    /// Notes that it waits for a provider still, if that is what it has been waiting for: its timeline
    /// then says until when by now, with no further line. `false` when the wait is a new one.
    #[must_use]
    pub fn waits_on(&mut self, reason: Reason, until: Timestamp) -> bool {
        let still = reason == Reason::WaitingForProvider && self.waiting_since().is_some();
        if still && let Some(last) = self.attempts.last_mut() {
            last.step = Step::Deferred { reason, until };
        }
        still
    }

    /// Whether a device has accepted this notification in an earlier pass.
    #[must_use]
    pub fn has_accepted(&self, device_id: Uuid) -> bool {
        self.attempts
            .iter()
            .any(|record| record.accepted_device() == Some(device_id))
    }

    /// Whether a provider has refused a device for good in an earlier pass. An operator who replays
    /// a notification has all its devices asked again.
    #[must_use]
    pub fn has_refused(&self, device_id: Uuid) -> bool {
        self.present_attempts()
            .any(|record| record.refused_device() == Some(device_id))
    }
}
