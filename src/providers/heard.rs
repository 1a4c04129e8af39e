//! What is heard of a provider: the head of its call, and what every event is made of.

use std::borrow::Cow;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::scrub::{scrub, scrub_others};
use crate::domain::reply::clean;
use crate::domain::{Account, Channel, HeardEvent, ProviderEvent, address, hex, limits};

/// Longest that is kept of an event as it came, in bytes.
const RAW_BYTES: usize = 4_096;
/// The path of people's pages, and the shortest token of one.
const PERSON_PAGE: &str = "/u/";
const SHORTEST_TOKEN: usize = 20;
/// How far back an event may lie; one that lies further, or ahead, happened when it came.
const OLDEST: SignedDuration = SignedDuration::from_hours(31 * 24);
/// How far a provider's clock may be ahead of ours.
pub(crate) const AHEAD: SignedDuration = SignedDuration::from_mins(5);

/// The head of a call by which a provider tells events.
#[derive(Debug, Clone)]
pub struct EventHead<'a> {
    /// The URL as the provider called it, without a fragment; `None` when nobody said how others reach us.
    pub url: Option<&'a str>,
    /// The query of the URL, as it stands there.
    pub query: &'a str,
    /// Header names, in lower case, and values.
    pub headers: Vec<(&'a str, &'a str)>,
    /// The time.
    pub now: Timestamp,
}

impl EventHead<'_> {
    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(known, _)| *known == name);
        found.map(|(_, value)| *value)
    }
}

/// A setting of the account that is a text.
pub(crate) fn setting<'a>(account: &'a Account, key: &str) -> Option<&'a str> {
    let text = account.config.get(key)?.as_str()?.trim();
    Some(text).filter(|text| !text.is_empty())
}

/// What cannot be read, kept as it came.
pub(crate) fn unreadable(text: &str, now: Timestamp) -> HeardEvent {
    let kept = json!({ "unreadable": clean(text, RAW_BYTES / 2) });
    HeardEvent {
        raw: Some(kept.to_string()),
        ..HeardEvent::bare(ProviderEvent::Unreadable, hashed(text.as_bytes()), now)
    }
}

/// The id of an event that has none of its own: equal bytes are one event.
pub(crate) fn hashed(bytes: &[u8]) -> String {
    format!("sha256:{}", hex(&Sha256::digest(bytes)))
}

/// The provider's id of an event, if it is one.
pub(crate) fn event_id(text: Option<&str>) -> Option<String> {
    let text = text?.trim();
    let is_one = !text.is_empty()
        && text.len() <= HeardEvent::ID_BYTES
        && !text.chars().any(char::is_control);
    is_one.then(|| text.to_owned())
}

/// When an event happened, as far as that can be.
pub(crate) fn moment(said: Option<Timestamp>, now: Timestamp) -> Timestamp {
    let possible = |at: &Timestamp| {
        let age = now.duration_since(*at);
        (-AHEAD..=OLDEST).contains(&age)
    };
    said.filter(possible).unwrap_or(now)
}

/// An address in its one spelling; none of what is no address. An e-mail address may have a name before it (RFC 5322).
pub(crate) fn address_of(channel: Channel, text: Option<&str>) -> Option<String> {
    let text = text?.trim();
    let alone = address::canonical(channel, text).ok();
    alone.or_else(|| {
        let (_, address) = text.strip_suffix('>')?.rsplit_once('<')?;
        let is_mail = channel == Channel::Email;
        address::canonical(channel, address)
            .ok()
            .filter(|_| is_mail)
    })
}

/// A provider's words, without the address, cut to size; blank ones are none.
pub(crate) fn detail(words: Option<&str>, address: Option<&str>) -> Option<String> {
    let words = without_links(words?.trim());
    let words = match address {
        Some(address) => scrub(&words, address),
        None => scrub_others(&words),
    };
    Some(clean(&words, limits::DETAIL_BYTES)).filter(|words| !words.is_empty())
}

/// Words in which no link of a person's page works any more: whoever has one may change what the person gets.
fn without_links(words: &str) -> Cow<'_, str> {
    let mut rest = words;
    let mut out = String::new();
    while let Some((before, after)) = rest.split_once(PERSON_PAGE) {
        let is_of_token =
            |it: char| it.is_ascii_alphanumeric() || matches!(it, '-' | '_' | '.' | '~' | '%');
        let end = after.find(|it| !is_of_token(it)).unwrap_or(after.len());
        let (token, behind) = after.split_at(end);
        out.push_str(before);
        out.push_str(PERSON_PAGE);
        out.push_str(if token.len() < SHORTEST_TOKEN {
            token
        } else {
            "..."
        });
        rest = behind;
    }
    if out.is_empty() {
        return Cow::Borrowed(words);
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// A provider's code, cut to size; a blank one is none.
pub(crate) fn code(code: Option<&str>) -> Option<String> {
    Some(clean(code?.trim(), 64)).filter(|code| !code.is_empty())
}

/// An object as PostgreSQL takes it, cut to size.
pub(crate) fn raw(fields: Map<String, Value>) -> Option<String> {
    let mut whole = Value::Object(fields);
    make_storable(&mut whole);
    let text = whole.to_string();
    if text.len() <= RAW_BYTES {
        return Some(text);
    }
    Some(json!({ "cut": clean(&text, RAW_BYTES / 2) }).to_string())
}

/// Frees JSON of what `jsonb` does not take: NUL, and numbers beyond its own.
fn make_storable(value: &mut Value) {
    match value {
        Value::String(text) => {
            if text.contains('\0') {
                *text = text.replace('\0', " ");
            }
            if let Cow::Owned(without) = without_links(text) {
                *text = without;
            }
        }
        Value::Number(number) => {
            let text = number.to_string();
            let is_usual = text.len() <= 40 && text.parse::<f64>().is_ok_and(f64::is_finite);
            if !is_usual {
                *value = Value::String(clean(&text, 100));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(make_storable),
        Value::Object(fields) => {
            fields.values_mut().for_each(make_storable);
            if fields.keys().any(|key| key.contains('\0')) {
                let old = std::mem::take(fields);
                let renamed = old.into_iter();
                fields.extend(renamed.map(|(key, value)| (key.replace('\0', " "), value)));
            }
        }
        Value::Null | Value::Bool(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_of_a_persons_page_opens_nothing_any_more() {
        let token = "AbCd-_09".repeat(8);
        let said = format!(
            "https://h.example/below/u/{token} and /u/{token}?x=1, https://other.example/u/ana"
        );
        let expected = "https://h.example/below/u/... and /u/...?x=1, https://other.example/u/ana";
        assert_eq!(detail(Some(&said), None).as_deref(), Some(expected));
        let fields = serde_json::json!({ "url": said });
        let stored = raw(fields.as_object().unwrap().clone()).unwrap();
        assert!(stored.contains(expected), "{stored}");
    }

    #[test]
    fn what_the_database_does_not_take_is_put_into_words() {
        let event = r#"{"a\u0000":"b\u0000c","n":1e99999,"m":[1.50,{"deep":"\u0000"}]}"#;
        let fields = serde_json::from_str(event).unwrap();
        let stored = raw(fields).unwrap();
        assert!(!stored.contains("\\u0000"), "{stored}");
        assert!(
            stored.contains("\"1e+99999\"") && stored.contains("1.50"),
            "{stored}"
        );
        let long = json!({ "text": "é".repeat(RAW_BYTES) });
        let Value::Object(long) = long else { panic!() };
        assert!(raw(long).unwrap().len() <= RAW_BYTES);
    }

    #[test]
    fn an_address_has_one_spelling_however_a_provider_writes_it() {
        let mail = |text| address_of(Channel::Email, Some(text));
        for text in [
            "Ana+News@Example.COM",
            " ana+news@example.com ",
            "Ana B. <ana+news@example.com>",
            "\"Ana <3\" <ANA+news@example.com>",
        ] {
            assert_eq!(
                mail(text).as_deref(),
                Some("ana+news@example.com"),
                "{text}"
            );
        }
        for text in ["ana", "Ana <ana>", "a@example.com, b@example.com", "<>", ""] {
            assert_eq!(mail(text), None, "{text}");
        }
        assert_eq!(address_of(Channel::Sms, Some("Ana <+4915112345678>")), None);
    }

    #[test]
    fn a_time_that_cannot_be_is_that_of_the_arrival() {
        let now: Timestamp = "2026-11-20T12:00:00Z".parse().unwrap();
        let at = |text: &str| moment(text.parse().ok(), now).to_string();
        assert_eq!(at("2026-11-20T11:00:00Z"), "2026-11-20T11:00:00Z");
        assert_eq!(at("2026-11-20T12:04:00Z"), "2026-11-20T12:04:00Z");
        for odd in ["1970-01-01T00:00:00Z", "2026-11-20T13:00:00Z", "never"] {
            assert_eq!(at(odd), now.to_string(), "{odd}");
        }
    }
}
