//! How Slack's answer reads: the Web API answers 200 to nearly everything and says `ok` in JSON,
//! a webhook answers a status and one plain word.

use serde::Deserialize;

use super::errors;
use crate::domain::{Reason, Reply};
use crate::providers::http::{Answer, Seen};
use crate::providers::verdict::Verdict;

#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    ok: Option<bool>,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    ts: Option<String>,
}

/// The reply that an answer makes. A success that says nothing readable is one.
pub(crate) fn read(answer: &Answer, seen: Seen<'_>) -> Reply {
    let body = answer.json::<Body>();
    let says_no = body.as_ref().is_some_and(|body| body.ok == Some(false));
    if answer.is_success() && !says_no {
        return answer.accepted(body.as_ref().and_then(|body| body.ts.as_deref()));
    }
    let word = word(answer, body.as_ref());
    let verdict = verdict(answer.status, word);
    answer.refused(verdict, word.map(str::to_owned), word, seen)
}

/// The word of an answer that says `ok: false`.
pub(super) fn refusal(answer: &Answer) -> Option<String> {
    let body = answer.json::<Body>()?;
    let refused = body.ok == Some(false);
    refused.then(|| word(answer, Some(&body)).unwrap_or("no reason").to_owned())
}

/// Slack's error word: of the JSON, else the plain body when it is one word.
fn word<'a>(answer: &'a Answer, body: Option<&'a Body>) -> Option<&'a str> {
    let plain = || std::str::from_utf8(&answer.body).ok().map(str::trim);
    let word = match body {
        Some(body) => body.error.as_deref(),
        None => plain(),
    }?;
    let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    (!word.is_empty() && word.len() <= 64 && word.chars().all(is_word)).then_some(word)
}

fn verdict(status: u16, word: Option<&str>) -> Verdict {
    let known = word.and_then(errors::verdict);
    match status {
        // `ok: false` with a word that Slack added later: a refusal of this message.
        200..=299 => known.unwrap_or(Verdict::permanent(Reason::ProviderRefused)),
        400..=499 => known.unwrap_or(Verdict::of_status(status)),
        _ => Verdict::of_status(status),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Class;
    use crate::providers::testing::seen;

    fn web_api(word: &str) -> Reply {
        let body = format!(r#"{{"ok":false,"error":"{word}"}}"#);
        read(&Answer::of(200, &[], &body), seen())
    }

    #[test]
    fn posted_with_its_timestamp() {
        let body = r#"{"ok":true,"channel":"C1","ts":"1503435956.000247"}"#;
        let reply = read(&Answer::of(200, &[], body), seen());
        assert_eq!(
            reply,
            Reply::accepted("200", Some("1503435956.000247".to_owned()))
        );
        for body in ["ok", "", "{\"ok\":tr", "\u{0}", "[]", "{}"] {
            let reply = read(&Answer::of(200, &[], body), seen());
            assert_eq!(reply, Reply::accepted("200", None), "{body:?}");
        }
    }

    #[test]
    fn the_web_api_refuses_with_a_word() {
        for (word, class, reason) in [
            (
                "channel_not_found",
                Class::Permanent,
                Some(Reason::InvalidRecipient),
            ),
            (
                "is_archived",
                Class::Permanent,
                Some(Reason::InvalidRecipient),
            ),
            (
                "msg_too_long",
                Class::Permanent,
                Some(Reason::MessageTooLarge),
            ),
            ("no_text", Class::Permanent, Some(Reason::ContentRefused)),
            ("invalid_auth", Class::Credentials, None),
            ("token_revoked", Class::Credentials, None),
            (
                "not_in_channel",
                Class::Misconfigured,
                Some(Reason::ProviderMisconfigured),
            ),
            ("ratelimited", Class::Throttled, None),
            ("internal_error", Class::Transient, None),
            ("fatal_error", Class::Transient, None),
            (
                "some_new_word",
                Class::Permanent,
                Some(Reason::ProviderRefused),
            ),
        ] {
            let reply = web_api(word);
            assert_eq!((reply.class, reply.reason), (class, reason), "{word}");
            assert_eq!(reply.code.as_deref(), Some(word));
            assert!(!reply.dead_address);
        }
    }

    #[test]
    fn a_webhook_answers_a_status_and_a_word() {
        for (status, word, class) in [
            (400, "invalid_payload", Class::Permanent),
            (403, "action_prohibited", Class::Misconfigured),
            (403, "invalid_token", Class::Credentials),
            (404, "no_service", Class::Credentials),
            (404, "channel_not_found", Class::Permanent),
            (410, "channel_is_archived", Class::Permanent),
            (429, "", Class::Throttled),
            (500, "rollup_error", Class::Transient),
            (500, "channel_not_found", Class::Transient),
        ] {
            let reply = read(&Answer::of(status, &[], word), seen());
            assert_eq!(reply.class, class, "{status} {word}");
        }
    }

    #[test]
    fn the_wait_of_a_429_is_kept() {
        let reply = read(&Answer::of(429, &[("retry-after", "30")], ""), seen());
        assert_eq!(reply.retry_after, Some(std::time::Duration::from_secs(30)));
        assert_eq!(reply.code.as_deref(), Some("429"));
    }
}
