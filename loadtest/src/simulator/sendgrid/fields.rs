//! The rules of fields that a mail and each of its personalizations have.

use std::borrow::Cow;
use std::time::{SystemTime, UNIX_EPOCH};

use super::Mistake;
use super::request::Texts;

const LONGEST_AHEAD_SECONDS: i64 = 72 * 3_600;
const RESERVED_HEADERS: [&str; 12] = [
    "x-sg-id",
    "x-sg-eid",
    "received",
    "dkim-signature",
    "content-type",
    "content-transfer-encoding",
    "to",
    "from",
    "subject",
    "reply-to",
    "cc",
    "bcc",
];

pub(super) fn headers(texts: Option<&Texts<'_>>, at: &str, found: &mut Vec<Mistake>) {
    for name in texts.into_iter().flat_map(|texts| texts.keys()) {
        if RESERVED_HEADERS.contains(&name.to_ascii_lowercase().as_str()) {
            let message = format!("The header {name} is reserved and may not be set.");
            found.push(Mistake::new(format!("{at}.{name}"), message));
        }
    }
}

pub(super) fn schedule(send_at: Option<i64>, at: &str, found: &mut Vec<Mistake>) {
    let Some(send_at) = send_at else { return };
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| {
            i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
        });
    if send_at > now.saturating_add(LONGEST_AHEAD_SECONDS) {
        let message = "The send_at is in unix seconds and may be at most 72 hours ahead.";
        found.push(Mistake::new(at, message));
    }
}

pub(super) fn not_empty(text: Option<&Cow<'_, str>>, at: &str, found: &mut Vec<Mistake>) {
    if text.is_some_and(|text| text.is_empty()) {
        let message = "The value must be a string at least one character in length.";
        found.push(Mistake::new(at, message));
    }
}
