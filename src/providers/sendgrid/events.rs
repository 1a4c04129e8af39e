//! SendGrid's Event Webhook: the signature over the raw bytes, and the events in them.

mod items;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use self::items::items;
use crate::domain::{
    Account, Channel, EventBlame, EventMatch, EventRefusal, HeardEvent, ProviderEvent,
};
use crate::providers::heard::{
    AHEAD, EventHead, address_of, code, detail, event_id, hashed, moment, raw, setting, unreadable,
};
use crate::providers::scrub::message_id;
use crate::providers::smtp::enhanced::Enhanced;
use crate::providers::smtp::told_later::{LateRefusal, late_refusal};

/// By which argument of ours an event names its notification. Others use the account as well, and the name of theirs
/// may be any.
pub(super) const NOTIFICATION: &str = "herald_notification_id";
/// Where the key stands.
pub(super) const KEY: &str = "event_public_key";
const SIGNATURE: &str = "x-twilio-email-event-webhook-signature";
const TIMESTAMP: &str = "x-twilio-email-event-webhook-timestamp";
/// How long ago a call may have been signed: SendGrid retries for a day, and nobody says that it signs anew.
const WINDOW: SignedDuration = SignedDuration::from_hours(25);

/// Whether the head may be SendGrid's.
pub(crate) fn admit(account: &Account, head: &EventHead<'_>) -> Result<(), EventRefusal> {
    if setting(account, KEY).is_none() {
        return Err(EventRefusal::NoKey);
    }
    let signed = head.header(SIGNATURE).zip(head.header(TIMESTAMP));
    let (_, timestamp) = signed.ok_or(EventRefusal::Unsigned)?;
    let seconds = timestamp.parse().ok();
    let at = seconds.and_then(|seconds| Timestamp::from_second(seconds).ok());
    let age = at.map(|at| head.now.duration_since(at));
    match age {
        Some(age) if (-AHEAD..=WINDOW).contains(&age) => Ok(()),
        _ => Err(EventRefusal::Stale),
    }
}

/// The events of a call, if it is SendGrid's.
pub(crate) fn read(
    account: &Account,
    head: &EventHead<'_>,
    body: &[u8],
) -> Result<Vec<HeardEvent>, EventRefusal> {
    let key = setting(account, KEY).ok_or(EventRefusal::NoKey)?;
    let signed = head.header(SIGNATURE).zip(head.header(TIMESTAMP));
    let (signature, timestamp) = signed.ok_or(EventRefusal::Unsigned)?;
    if !is_signed(key, signature, timestamp, body) {
        return Err(EventRefusal::WrongSignature);
    }
    Ok(events(body, head.now))
}

/// SendGrid: ECDSA by P-256 with SHA-256 of the timestamp and the bytes as they came.
pub(super) fn is_signed(key: &str, signature: &str, timestamp: &str, body: &[u8]) -> bool {
    let decoded = key_bytes(key).zip(STANDARD.decode(signature).ok());
    let Some((key, signature)) = decoded else {
        return false;
    };
    let text = [timestamp.as_bytes(), body].concat();
    let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, key);
    key.verify(&text, &signature).is_ok()
}

/// The key's SubjectPublicKeyInfo, with or without the armour of PEM.
pub(super) fn key_bytes(key: &str) -> Option<Vec<u8>> {
    let lines = key.split_ascii_whitespace().collect::<String>();
    let bare = lines
        .trim_start_matches("-----BEGINPUBLICKEY-----")
        .trim_end_matches("-----ENDPUBLICKEY-----");
    STANDARD.decode(bare).ok()
}

/// The events in a body: each is read by itself.
pub(crate) fn events(body: &[u8], now: Timestamp) -> Vec<HeardEvent> {
    let text = String::from_utf8_lossy(body);
    items(&text).into_iter().map(|it| event(it, now)).collect()
}

fn event(text: &str, now: Timestamp) -> HeardEvent {
    match serde_json::from_str(text) {
        Ok(Value::Object(fields)) => {
            let heard = SendgridEvent(&fields).heard(text, now);
            HeardEvent {
                raw: raw(fields),
                ..heard
            }
        }
        _ => unreadable(text, now),
    }
}

/// An event's fields. Ours are among them, flattened.
struct SendgridEvent<'a>(&'a Map<String, Value>);

impl SendgridEvent<'_> {
    fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }

    fn heard(&self, text: &str, now: Timestamp) -> HeardEvent {
        let word = self.text("event").unwrap_or_default();
        let (event, blame) = self.kind(word);
        let address = address_of(Channel::Email, self.text("email"));
        let words = match event {
            ProviderEvent::Click => self.link(),
            ProviderEvent::Other => Some(word.to_owned()),
            _ => self.words().map(str::to_owned),
        };
        let id = event_id(self.text("sg_event_id")).unwrap_or_else(|| hashed(text.as_bytes()));
        let ours = self.text(NOTIFICATION);
        let ours = ours.and_then(|id| id.parse().ok());
        HeardEvent {
            named: ours.map(|id| (id, EventMatch::Id)),
            message_id: self.message_id(),
            code: code(self.text("status")),
            detail: detail(words.as_deref(), address.as_deref()),
            address,
            blame,
            ..HeardEvent::bare(event, id, moment(self.at(), now))
        }
    }

    /// Seconds, as a number or as a text.
    fn at(&self) -> Option<Timestamp> {
        let seconds = match self.0.get("timestamp")? {
            Value::Number(number) => number.as_i64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        Timestamp::from_second(seconds?).ok()
    }

    /// The id of the message begins with what the request was answered with, and so does the one of SMTP.
    fn message_id(&self) -> Option<String> {
        let smtp = self.text("smtp-id").and_then(|id| {
            let (id, _) = id.trim_start_matches('<').split_once('@')?;
            Some(id)
        });
        self.text("sg_message_id").or(smtp).and_then(message_id)
    }

    fn words(&self) -> Option<&str> {
        self.text("reason").or_else(|| self.text("response"))
    }

    /// Where a link leads, without what may be said of the person in it.
    fn link(&self) -> Option<String> {
        let url = self.text("url")?;
        let end = url.find(['?', '#']).unwrap_or(url.len());
        url.get(..end).map(str::to_owned)
    }

    fn kind(&self, word: &str) -> (ProviderEvent, Option<EventBlame>) {
        let event = match word {
            "processed" => ProviderEvent::Processed,
            "deferred" => ProviderEvent::Deferred,
            "delivered" => ProviderEvent::Delivered,
            "bounce" => return self.bounce(),
            "dropped" => return (ProviderEvent::Dropped, self.dropped()),
            "open" if self.0.get("sg_machine_open") == Some(&Value::Bool(true)) => {
                ProviderEvent::MachineOpen
            }
            "open" => ProviderEvent::Open,
            "click" => ProviderEvent::Click,
            "spamreport" => ProviderEvent::Complaint,
            "unsubscribe" | "group_unsubscribe" => ProviderEvent::Unsubscribe,
            "group_resubscribe" => ProviderEvent::Resubscribe,
            _ => ProviderEvent::Other,
        };
        (event, None)
    }

    /// The name says little: a refusal of our servers is a bounce as well.
    fn bounce(&self) -> (ProviderEvent, Option<EventBlame>) {
        let dead = (ProviderEvent::Bounce, Some(EventBlame::Dead));
        let soft = (ProviderEvent::SoftBounce, None);
        let blocked = (ProviderEvent::Block, Some(EventBlame::Way));
        let refused = (ProviderEvent::Block, None);
        let classified = self.text("bounce_classification").unwrap_or_default();
        match classified.to_ascii_lowercase().as_str() {
            "invalid address" => return dead,
            "mailbox unavailable" => return soft,
            "content" => return refused,
            "reputation"
            | "technical"
            | "technical failure"
            | "frequency/volume"
            | "frequency or volume too high" => return blocked,
            _ => {}
        }
        let is_blocked = self.text("type") == Some("blocked");
        let status = self.text("status").and_then(Enhanced::of);
        let words = self.text("reason").unwrap_or_default();
        match late_refusal(words, status) {
            LateRefusal::Content => refused,
            LateRefusal::Way => blocked,
            LateRefusal::Mailbox if !is_blocked || is_full(words, status) => soft,
            _ if is_blocked => blocked,
            // Where nothing is said SendGrid's own word counts.
            LateRefusal::Dead | LateRefusal::Unsaid => dead,
            LateRefusal::Mailbox => soft,
        }
    }

    /// What SendGrid does not send says what it knows of the address.
    fn dropped(&self) -> Option<EventBlame> {
        let reason = self.text("reason").unwrap_or_default().to_ascii_lowercase();
        let says = |words: &str| reason.contains(words);
        if says("bounced address") || reason == "invalid" {
            Some(EventBlame::Dead)
        } else if says("spam reporting") {
            Some(EventBlame::Complained)
        } else if says("unsubscribe") {
            Some(EventBlame::Unsubscribed)
        } else if says("package quota") {
            Some(EventBlame::Way)
        } else {
            // Of what else there is, some was sent once already.
            None
        }
    }
}

/// Whether the mailbox is full: SendGrid calls that a block, too.
fn is_full(words: &str, status: Option<Enhanced>) -> bool {
    let full = |it: Enhanced| (it.subject, it.detail) == (2, 2);
    status.is_some_and(full) || words.contains("5.2.2") || words.contains("4.2.2")
}

#[cfg(test)]
mod tests;
