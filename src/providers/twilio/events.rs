//! Twilio's calls: what became of a message, and what people answer.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::codes;
use super::signature::{TwilioSigning, is_signed};
use crate::domain::{
    Account, Channel, Class, EventBlame, EventMatch, EventRefusal, HeardEvent, ProviderEvent,
    Reason,
};
use crate::providers::heard::{
    EventHead, address_of, code, detail, event_id, hashed, raw, setting, unreadable,
};
use crate::providers::scrub::message_id;

const SIGNATURE: &str = "x-twilio-signature";
const SETTINGS: &str = "x-twilio-webhooks-signature-settings";
/// Twilio: STOP keywords, and those that lift it; with those of Advanced Opt-Out. Spaces do not count: the FCC's list
/// (47 CFR 64.1200(a)(10)) has "opt out" in two words.
const STOP: &[&str] = &[
    "STOP",
    "STOPALL",
    "UNSUBSCRIBE",
    "CANCEL",
    "END",
    "QUIT",
    "REVOKE",
    "OPTOUT",
];
const START: &[&str] = &["START", "YES", "UNSTOP"];
const HELP: &[&str] = &["HELP", "INFO"];

/// Whether the head may be Twilio's.
pub(crate) fn admit(account: &Account, head: &EventHead<'_>) -> Result<(), EventRefusal> {
    let signing = TwilioSigning::of(head.header(SETTINGS)).ok_or(EventRefusal::WrongSignature)?;
    secret(account, signing).ok_or(EventRefusal::NoKey)?;
    head.url.ok_or(EventRefusal::NoPublicUrl)?;
    head.header(SIGNATURE).ok_or(EventRefusal::Unsigned)?;
    Ok(())
}

/// The event of a call, if it is Twilio's.
pub(crate) fn read(
    account: &Account,
    head: &EventHead<'_>,
    body: &[u8],
) -> Result<Vec<HeardEvent>, EventRefusal> {
    let signing = TwilioSigning::of(head.header(SETTINGS)).ok_or(EventRefusal::WrongSignature)?;
    let secret = secret(account, signing).ok_or(EventRefusal::NoKey)?;
    let url = head.url.ok_or(EventRefusal::NoPublicUrl)?;
    let signature = head.header(SIGNATURE).ok_or(EventRefusal::Unsigned)?;
    let kind = head.header("content-type").unwrap_or_default();
    let is_form = !kind.to_ascii_lowercase().starts_with("application/json");
    if !is_signed(signing, secret, signature, (url, body, is_form)) {
        return Err(EventRefusal::WrongSignature);
    }
    Ok(vec![event((head.query, body, is_form), head.now)])
}

/// Whether this account's calls can be proven to be Twilio's.
pub(super) fn has_key(account: &Account) -> bool {
    let signings = [TwilioSigning::AuthToken, TwilioSigning::SharedKey];
    signings.iter().any(|it| secret(account, *it).is_some())
}

/// Whether the calls of two accounts have the same key.
pub(crate) fn are_proven_alike(one: &Account, other: &Account) -> bool {
    let signings = [TwilioSigning::AuthToken, TwilioSigning::SharedKey];
    signings.into_iter().any(|signing| {
        let (one, other) = (secret(one, signing), secret(other, signing));
        one.is_some() && one == other
    })
}

/// With what this account's calls are signed: the auth token, which is the account's secret where no API key is
/// used; or a shared key.
fn secret(account: &Account, signing: TwilioSigning) -> Option<&str> {
    match signing {
        TwilioSigning::SharedKey => setting(account, "event_shared_key"),
        TwilioSigning::AuthToken => setting(account, "auth_token").or_else(|| {
            let is_account = account.api_key.as_deref()?.trim().starts_with("AC");
            let secret = account.api_secret.as_deref()?.trim();
            Some(secret).filter(|secret| is_account && !secret.is_empty())
        }),
    }
}

/// The event of a call that is signed.
pub(crate) fn event((query, body, is_form): (&str, &[u8], bool), now: Timestamp) -> HeardEvent {
    let text = String::from_utf8_lossy(body);
    let fields = match is_form {
        true => Some(form(body)),
        false => match serde_json::from_str(&text) {
            Ok(Value::Object(fields)) => Some(fields),
            _ => None,
        },
    };
    let Some(fields) = fields.filter(|fields| !fields.is_empty()) else {
        return unreadable(&text, now);
    };
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    let ours = pairs.find(|(name, _)| name == "notification_id");
    let ours = ours.and_then(|(_, id)| id.parse().ok());
    let call = TwilioCall {
        fields: &fields,
        now,
    };
    let heard = match call.status() {
        Some(status) => HeardEvent {
            named: ours.map(|id| (id, EventMatch::Id)),
            ..call.became(status)
        },
        None => call.answered(body),
    };
    HeardEvent {
        raw: raw(without_words(fields)),
        ..heard
    }
}

/// A number without the word of its channel before it, as in `whatsapp:+4915112345678`: what we sent went to the number,
/// and who answers by RCS what came by it means the number.
fn without_scheme(text: &str) -> &str {
    let (scheme, number) = text.split_once(':').unwrap_or(("", text));
    let is_word = scheme.chars().all(|c| c.is_ascii_alphabetic());
    if is_word { number } else { text }
}

fn form(body: &[u8]) -> Map<String, Value> {
    let pairs = url::form_urlencoded::parse(body);
    let pairs = pairs.map(|(name, value)| (name.into_owned(), Value::String(value.into_owned())));
    pairs.collect()
}

/// What people write is theirs.
fn without_words(mut fields: Map<String, Value>) -> Map<String, Value> {
    fields.remove("Body");
    fields
}

/// The parameters of a call.
struct TwilioCall<'a> {
    fields: &'a Map<String, Value>,
    now: Timestamp,
}

impl TwilioCall<'_> {
    fn text(&self, name: &str) -> Option<&str> {
        let text = self.fields.get(name)?.as_str()?;
        Some(text.trim()).filter(|text| !text.is_empty())
    }

    fn first(&self, names: [&str; 2]) -> Option<&str> {
        names.into_iter().find_map(|name| self.text(name))
    }

    /// Where one of our messages stands; `None` for one that came in.
    fn status(&self) -> Option<&str> {
        let status = self.first(["MessageStatus", "SmsStatus"])?;
        (!matches!(status, "received" | "receiving")).then_some(status)
    }

    /// The message has one event of each status.
    fn id(&self, what: &str) -> Option<String> {
        let sid = self.first(["MessageSid", "SmsSid"])?;
        event_id(Some(&format!("{sid}:{what}")))
    }

    fn became(&self, status: &str) -> HeardEvent {
        let error = self.text("ErrorCode").filter(|code| *code != "0");
        let (event, blame) = match status {
            "accepted" | "scheduled" | "queued" | "sending" | "sent" => {
                (ProviderEvent::Processed, None)
            }
            "delivered" => (ProviderEvent::Delivered, None),
            "read" => (ProviderEvent::Open, None),
            "undelivered" | "failed" => (ProviderEvent::Undelivered, blame(error)),
            "canceled" => (ProviderEvent::Dropped, None),
            _ => (ProviderEvent::Other, None),
        };
        let address = address_of(Channel::Sms, self.text("To").map(without_scheme));
        let words = self.text("ErrorMessage").unwrap_or(status);
        let id = self.id(status).unwrap_or_else(|| hashed_of(self.fields));
        HeardEvent {
            message_id: self.first(["MessageSid", "SmsSid"]).and_then(message_id),
            code: code(error),
            detail: detail(Some(words), address.as_deref()),
            address,
            blame,
            ..HeardEvent::bare(event, id, self.now)
        }
    }

    /// A person wrote back: what is heard of it is STOP and START.
    fn answered(&self, body: &[u8]) -> HeardEvent {
        let said = self.first(["OptOutType", "Body"]).unwrap_or_default();
        let word: String = said.split_whitespace().collect();
        let word = word.trim_matches(['.', '!', '"', '\'']).to_uppercase();
        let is_one_of = |words: &[&str]| words.contains(&word.as_str());
        let (event, heard) = if is_one_of(STOP) {
            (ProviderEvent::Unsubscribe, Some(word.as_str()))
        } else if is_one_of(START) {
            (ProviderEvent::Resubscribe, Some(word.as_str()))
        } else if is_one_of(HELP) {
            (ProviderEvent::Other, Some(word.as_str()))
        } else {
            (ProviderEvent::Other, None)
        };
        let words = heard.map_or_else(
            || "the person wrote back".to_owned(),
            |word| format!("the person wrote {word}"),
        );
        let id = self.id("received").unwrap_or_else(|| hashed(body));
        HeardEvent {
            address: address_of(Channel::Sms, self.text("From").map(without_scheme)),
            detail: detail(Some(&words), None),
            ..HeardEvent::bare(event, id, self.now)
        }
    }
}

fn hashed_of(fields: &Map<String, Value>) -> String {
    hashed(Value::Object(fields.clone()).to_string().as_bytes())
}

/// Whom a failure is about: the codes are one dictionary with those of answers.
fn blame(error: Option<&str>) -> Option<EventBlame> {
    let known = error.and_then(|code| codes::verdict(code.parse().ok()?));
    let Some(verdict) = known else {
        return Some(EventBlame::Way);
    };
    match verdict.class {
        _ if verdict.reason == Some(Reason::OptedOut) => Some(EventBlame::Stopped),
        _ if verdict.dead_address => Some(EventBlame::Dead),
        Class::Permanent => None,
        _ => Some(EventBlame::Way),
    }
}

#[cfg(test)]
mod tests;
