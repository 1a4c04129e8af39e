//! How Slack's answer reads: the Web API answers 200 to nearly everything and says `ok` in JSON,
//! a webhook answers a status and one plain word.

use serde::Deserialize;
use serde_json::Value;

use super::errors;
use crate::domain::Reply;
use crate::providers::http::{HttpAnswer, ReplyContext};
use crate::providers::verdict::ResponseClass;

#[derive(Deserialize)]
struct SlackErrorBody {
    #[serde(default)]
    ok: Option<bool>,
    /// What is no text says nothing, and takes nothing from `ok`.
    #[serde(default)]
    error: Value,
    #[serde(default)]
    ts: Value,
}

/// The reply that an answer makes. The Web API says `ok` in JSON, a webhook as a word; JSON that breaks
/// off costs only the id.
pub(crate) fn read(answer: &HttpAnswer, seen: ReplyContext<'_>) -> Reply {
    let body = answer.json::<SlackErrorBody>();
    let says_no = body.as_ref().is_some_and(|body| body.ok == Some(false));
    if answer.is_success() && !says_no {
        return match says_yes(answer, body.as_ref()) {
            true => answer.accepted(body.as_ref().and_then(|body| body.ts.as_str())),
            false => answer.strange(),
        };
    }
    let word = word(answer, body.as_ref());
    let verdict = verdict(answer.status, word, seen.address);
    answer.refused(verdict, word.map(str::to_owned), word, seen)
}

/// Whether it is Slack that says so.
fn says_yes(answer: &HttpAnswer, body: Option<&SlackErrorBody>) -> bool {
    match body {
        Some(body) => body.ok == Some(true),
        None => answer.body.trim_ascii() == b"ok" || answer.is_cut_short(),
    }
}

/// The word of an answer that says `ok: false`.
pub(super) fn refusal(answer: &HttpAnswer) -> Option<String> {
    let body = answer.json::<SlackErrorBody>()?;
    let refused = body.ok == Some(false);
    refused.then(|| word(answer, Some(&body)).unwrap_or("no reason").to_owned())
}

/// Slack's error word: of the JSON, else the plain body when it is one word.
fn word<'a>(answer: &'a HttpAnswer, body: Option<&'a SlackErrorBody>) -> Option<&'a str> {
    let plain = || std::str::from_utf8(&answer.body).ok().map(str::trim);
    let word = match body {
        Some(body) => body.error.as_str(),
        None => plain(),
    }?;
    let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    (!word.is_empty() && word.len() <= 64 && word.chars().all(is_word)).then_some(word)
}

/// Slack: rate limits: one message a second for each channel. An incoming webhook has but one.
fn verdict(status: u16, word: Option<&str>, channel: &str) -> ResponseClass {
    let known = word.and_then(errors::verdict);
    let verdict = match (status, known) {
        (200..=299 | 400..=499, Some(known)) => known,
        // A word that Slack added later may be about anything.
        (200..=299, None) => ResponseClass::UNLISTED,
        (429, None) => ResponseClass::ADDRESS_THROTTLED,
        // The status says whom it is about.
        (400..=499, None)
            if word.is_some() && !ResponseClass::of_status(status).is_of_login_or_plan() =>
        {
            ResponseClass::UNLISTED
        }
        _ => ResponseClass::of_status(status),
    };
    match verdict {
        ResponseClass::ADDRESS_THROTTLED if channel.is_empty() => ResponseClass::THROTTLED,
        verdict => verdict,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Class, Reason, Subject};
    use crate::providers::testing::seen;

    fn web_api(word: &str) -> Reply {
        let body = format!(r#"{{"ok":false,"error":"{word}"}}"#);
        read(&HttpAnswer::of(200, &[], &body), seen())
    }

    #[test]
    fn posted_with_its_timestamp() {
        let body = r#"{"ok":true,"channel":"C1","ts":"1503435956.000247"}"#;
        let reply = read(&HttpAnswer::of(200, &[], body), seen());
        assert_eq!(
            reply,
            Reply::accepted("200", Some("1503435956.000247".to_owned()))
        );
        for body in ["ok", "ok\n", "{\"ok\":tr"] {
            let reply = read(&HttpAnswer::of(200, &[], body), seen());
            assert_eq!(reply, Reply::accepted("200", None), "{body:?}");
        }
        let bare = read(&HttpAnswer::bare(200), seen());
        assert_eq!(bare, Reply::accepted("200", None));
        // The id may be odd; that Slack said yes is not.
        for body in [r#"{"ok":true,"ts":15,"error":{}}"#, "\u{feff}{\"ok\":true}"] {
            let reply = read(&HttpAnswer::of(200, &[], body), seen());
            assert_eq!(reply, Reply::accepted("200", None), "{body:?}");
        }
        for body in ["", "\u{0}", "[]", "{}", "<html>ok</html>"] {
            let reply = read(&HttpAnswer::of(200, &[], body), seen());
            assert_eq!(reply.class, Class::Unknown, "{body:?}");
        }
    }

    #[test]
    fn the_web_api_refuses_with_a_word() {
        let channel = ResponseClass::permanent(Reason::InvalidRecipient);
        for (word, expected) in [
            ("channel_not_found", channel),
            ("is_archived", channel),
            (
                "msg_too_long",
                ResponseClass::permanent(Reason::MessageTooLarge),
            ),
            ("no_text", ResponseClass::permanent(Reason::ContentRefused)),
            ("invalid_auth", ResponseClass::CREDENTIALS),
            ("account_inactive", ResponseClass::CREDENTIALS),
            ("accesslimited", ResponseClass::SETTINGS),
            ("not_in_channel", ResponseClass::NOT_BY_ACCOUNT),
            ("ratelimited", ResponseClass::ADDRESS_THROTTLED),
            ("message_limit_exceeded", ResponseClass::THROTTLED),
            ("internal_error", ResponseClass::TRANSIENT),
            ("some_new_word", ResponseClass::UNLISTED),
        ] {
            let reply = web_api(word);
            assert_eq!(reply, expected.reply(word, Some(word.to_owned())), "{word}");
        }
    }

    #[test]
    fn a_webhook_answers_a_status_and_a_word() {
        for (status, word, expected) in [
            (
                400,
                "invalid_payload",
                ResponseClass::permanent(Reason::ContentRefused),
            ),
            (400, "some_new_word", ResponseClass::UNLISTED),
            (403, "action_prohibited", ResponseClass::NOT_BY_ACCOUNT),
            (403, "invalid_token", ResponseClass::CREDENTIALS),
            (403, "", ResponseClass::CREDENTIALS),
            (403, "some_new_word", ResponseClass::CREDENTIALS),
            (404, "some_new_word", ResponseClass::UNLISTED),
            (404, "no_service", ResponseClass::CREDENTIALS),
            (404, "", ResponseClass::SETTINGS),
            (
                404,
                "channel_not_found",
                ResponseClass::permanent(Reason::InvalidRecipient),
            ),
            (
                410,
                "channel_is_archived",
                ResponseClass::permanent(Reason::InvalidRecipient),
            ),
            (429, "", ResponseClass::ADDRESS_THROTTLED),
            (500, "rollup_error", ResponseClass::TRANSIENT),
            (500, "channel_not_found", ResponseClass::TRANSIENT),
            (302, "channel_not_found", ResponseClass::SETTINGS),
        ] {
            let reply = read(&HttpAnswer::of(status, &[], word), seen());
            let read = (reply.class, reply.subject, reply.reason, reply.fault);
            let expected = (
                expected.class,
                expected.subject,
                expected.reason,
                expected.fault,
            );
            assert_eq!(read, expected, "{status} {word}");
        }
    }

    #[test]
    fn the_rate_of_an_incoming_webhook_is_its_accounts() {
        let nowhere = ReplyContext {
            address: "",
            ..seen()
        };
        let reply = read(&HttpAnswer::of(429, &[], ""), nowhere);
        assert_eq!(
            (reply.class, reply.subject),
            (Class::Throttled, Subject::Account)
        );
    }

    #[test]
    fn the_wait_of_a_429_is_kept() {
        let reply = read(&HttpAnswer::of(429, &[("retry-after", "30")], ""), seen());
        assert_eq!(reply.retry_after, Some(std::time::Duration::from_secs(30)));
        assert_eq!(reply.code.as_deref(), Some("429"));
    }
}
