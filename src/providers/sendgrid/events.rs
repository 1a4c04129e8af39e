//! SendGrid's Event Webhook: the signature over the raw bytes, and the events in them.

mod items;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use self::items::items;
use crate::domain::sendgrid_key::{
    SENDGRID_SIGNATURE as SIGNATURE, SENDGRID_TIMESTAMP as TIMESTAMP, SendgridCallKey,
    may_be_signed_at,
};
use crate::domain::{
    Account, Channel, EventBlame, EventMatch, EventRefusal, HeardEvent, ProviderEvent,
};
use crate::providers::heard::{
    EventHead, address_of, code, detail, event_id, hashed, moment, raw, setting, unreadable,
};
use crate::providers::scrub::message_id;
use crate::providers::smtp::enhanced::Enhanced;
use crate::providers::smtp::told_later::{LateRefusal, late_refusal};

/// By which argument of ours an event names its notification. Others use the account as well, and the name of theirs
/// may be any.
pub(super) const NOTIFICATION: &str = "herald_notification_id";
/// Where the key stands.
pub(super) const KEY: &str = "event_public_key";
/// How long ago a call may have been signed: SendGrid retries for a day, and nobody says that it signs anew.
const WINDOW: SignedDuration = SignedDuration::from_hours(25);

/// Whether the head may be SendGrid's.
pub(crate) fn admit(account: &Account, head: &EventHead<'_>) -> Result<(), EventRefusal> {
    if setting(account, KEY).is_none() {
        return Err(EventRefusal::NoKey);
    }
    let signed = head.header(SIGNATURE).zip(head.header(TIMESTAMP));
    let (_, timestamp) = signed.ok_or(EventRefusal::Unsigned)?;
    match may_be_signed_at(timestamp, head.now, WINDOW) {
        true => Ok(()),
        false => Err(EventRefusal::Stale),
    }
}

/// Whether the calls of two accounts have the same key: SendGrid has one for all that an account of its own sends.
pub(crate) fn are_proven_alike(one: &Account, other: &Account) -> bool {
    let key = |account| SendgridCallKey::read(setting(account, KEY)?);
    key(one).is_some_and(|key_of_one| key(other) == Some(key_of_one))
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
    let key = SendgridCallKey::read(key);
    if !key.is_some_and(|key| key.is_signed(signature, timestamp, body)) {
        return Err(EventRefusal::WrongSignature);
    }
    Ok(events(body, head.now))
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
        let text = match self.0.get("timestamp")? {
            Value::Number(number) => number.to_string(),
            Value::String(text) => text.trim().to_owned(),
            _ => return None,
        };
        let whole = text.split_once('.').map_or(text.as_str(), |(it, _)| it);
        Timestamp::from_second(whole.parse().ok()?).ok()
    }

    /// The id of the message begins with what the request was answered with, and so does the one of SMTP. Where the
    /// first is not known it may be there and empty.
    fn message_id(&self) -> Option<String> {
        let known = self
            .text("sg_message_id")
            .filter(|id| !id.trim().is_empty());
        let smtp = self.text("smtp-id").and_then(|id| {
            let (id, _) = id.trim_start_matches('<').split_once('@')?;
            Some(id)
        });
        known.or(smtp).and_then(message_id)
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
        // `expired`, too: it was put off until there was no more time, and nobody said that there is no such address.
        let said = self.text("type").map(str::trim);
        let is_blocked = said.is_some_and(|it| !it.is_empty() && it != "bounce");
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
