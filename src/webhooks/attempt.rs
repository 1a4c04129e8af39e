//! One try: signed at its own time, sent to an address that was vetted, and its answer read.

use std::fmt::Write as _;

use bytes::Bytes;
use jiff::Timestamp;

use super::endpoint::WebhookProfile;
use crate::domain::webhook::signature;
use crate::policy::webhook::{ReceiverWish, WebhookTry};
use crate::providers::http::{HttpAnswer, HttpTransportError};
use crate::providers::{HttpClient, Leave};
use crate::resilience::circuit_breaker::CallOutcome;
use crate::runtime::clock;
use crate::store::webhooks::deliveries::TakenDelivery;

/// Most bytes of an answer that are stored.
const ANSWER_BYTES: usize = 2_048;

/// How a try ended, and what was said with it.
#[derive(Debug, Default)]
pub(super) struct TryReport {
    pub(super) ended: WebhookTry,
    pub(super) answer: Option<String>,
    pub(super) error: Option<String>,
}

/// Tries once; `None` when leave ended before anything was written.
pub(super) async fn attempt(
    client: &HttpClient,
    profile: &WebhookProfile,
    row: &TakenDelivery,
    leave: &Leave,
) -> Option<TryReport> {
    let (now, deadline) = (clock::now(), clock::instant() + profile.timeout);
    let headers = headers(profile, row, now);
    let body = Bytes::copy_from_slice(row.body.as_bytes());
    match client
        .post_json(&profile.url, headers, body, leave, deadline)
        .await
    {
        Ok(answer) => Some(report(&answer, now)),
        Err(HttpTransportError::CalledOff) => None,
        Err(trouble) => Some(TryReport {
            error: Some(readable(trouble.into_words().as_bytes())),
            ..TryReport::default()
        }),
    }
}

fn headers(
    profile: &WebhookProfile,
    row: &TakenDelivery,
    now: Timestamp,
) -> [(&'static str, String); 3] {
    let (id, timestamp) = (row.id.to_string(), now.as_second().to_string());
    let previous = profile.previous.as_ref();
    let previous = previous.filter(|(_, until)| now < *until);
    let secrets = [Some(&profile.secret), previous.map(|(secret, _)| secret)];
    let secrets = secrets.into_iter().flatten();
    let signed = signature(secrets, &id, &timestamp, row.body.as_bytes());
    [
        ("webhook-id", id),
        ("webhook-timestamp", timestamp),
        ("webhook-signature", signed),
    ]
}

fn report(answer: &HttpAnswer, now: Timestamp) -> TryReport {
    TryReport {
        ended: WebhookTry {
            status: Some(answer.status),
            wish: answer
                .header("webhook-delivery")
                .and_then(ReceiverWish::read),
            retry_after: answer.retry_after(now),
        },
        answer: Some(readable(&answer.body)).filter(|text| !text.is_empty()),
        error: None,
    }
}

/// What was said, for people: cut, and with nothing in it that is no text.
fn readable(bytes: &[u8]) -> String {
    let cut = bytes.get(..ANSWER_BYTES).unwrap_or(bytes);
    let mut text = String::with_capacity(cut.len());
    for c in String::from_utf8_lossy(cut).chars() {
        if c.is_control() && !matches!(c, '\n' | '\t') {
            // Writing to a string cannot fail.
            let _ = write!(text, "{}", c.escape_default());
        } else {
            text.push(c);
        }
    }
    if text.len() > ANSWER_BYTES {
        text.truncate(text.floor_char_boundary(ANSWER_BYTES));
    }
    text
}

impl TryReport {
    /// What it says of the webhook's health. One that asks for less speed works.
    pub(super) fn outcome(&self) -> CallOutcome {
        match self.ended.status {
            Some(429) => CallOutcome::Neutral,
            _ if self.ended.has_arrived() => CallOutcome::Good,
            _ => CallOutcome::Bad,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use uuid::Uuid;

    use super::super::endpoint;
    use super::*;
    use crate::domain::WebhookSecret;

    #[test]
    fn each_try_is_signed_at_its_own_time_and_by_both_secrets_while_one_replaces_the_other() {
        let row = TakenDelivery {
            id: Uuid::from_u128(9),
            webhook_id: Uuid::from_u128(1),
            body: "{}".into(),
            tries: 3,
        };
        let now: Timestamp = "2026-11-20T12:00:00Z".parse().unwrap();
        let until = now + Duration::from_secs(1);
        let profile = WebhookProfile {
            previous: Some((WebhookSecret::new([1; 24]), until)),
            ..endpoint::profile(true)
        };
        let [id, timestamp, signatures] = headers(&profile, &row, now).map(|(_, value)| value);
        assert_eq!((id, timestamp.as_str()), (row.id.to_string(), "1795176000"));
        assert_eq!(signatures.split(' ').count(), 2);
        let [_, later, signed] = headers(&profile, &row, until).map(|(_, value)| value);
        assert_eq!(later, "1795176001");
        assert!(!signed.contains(' '), "the rotation is over: {signed}");
    }

    #[test]
    fn an_answer_is_cut_and_holds_nothing_that_is_no_text() {
        assert_eq!(
            readable(b"a\x00\x1b[31m\n\xff"),
            "a\\u{0}\\u{1b}[31m\n\u{fffd}"
        );
        assert_eq!(readable(&[b'x'; 5_000]).len(), ANSWER_BYTES);
        let grown = readable(&[0xff; 5_000]);
        assert!(grown.len() <= ANSWER_BYTES && grown.chars().all(|c| c == '\u{fffd}'));
    }
}
