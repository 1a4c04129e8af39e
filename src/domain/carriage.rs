//! What a channel can carry, whoever carries it: told before anything is sent.

use std::borrow::Cow;

use serde_json::Value;

use super::{Channel, Content, Reason, address, spelling};

/// Longest text message, in characters (Twilio: messages resource, `Body`).
pub const SMS_CHARS: usize = 1_600;
/// Longest chat message, in characters (Slack: `chat.postMessage`, `text`).
pub const CHAT_CHARS: usize = 40_000;
/// Largest push message, in bytes of its texts, keys included (FCM: messages).
pub const PUSH_BYTES: usize = 4_096;

/// Why a content cannot go over its channel.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{words}")]
pub struct Unfit {
    /// `content_refused` or `message_too_large`.
    pub reason: Reason,
    /// What is wrong and what is allowed. Names fields, and shows no text.
    pub words: String,
}

impl Unfit {
    fn lacks(words: &str) -> Self {
        Self::refused(words.to_owned())
    }

    const fn refused(words: String) -> Self {
        let reason = Reason::ContentRefused;
        Self { reason, words }
    }

    fn too_large(what: &str, size: usize, most: usize, unit: &str) -> Self {
        Self {
            reason: Reason::MessageTooLarge,
            words: format!("{what} has {size} {unit}; at most {most} can be sent"),
        }
    }
}

/// Whether a content can go over a channel.
///
/// # Errors
/// [`Unfit`]: what is missing, too long, or reserved.
pub fn check(channel: Channel, content: &Content) -> Result<(), Unfit> {
    answerable(channel, content.reply_to.as_deref())?;
    match channel {
        Channel::Email => email(content),
        Channel::Sms => sms(content),
        Channel::Push => push(content),
        Channel::Chat => chat(content),
        Channel::InApp => Ok(()),
    }
}

/// Only to an e-mail somebody answers, and to one address.
fn answerable(channel: Channel, reply_to: Option<&str>) -> Result<(), Unfit> {
    let Some(reply_to) = reply_to else {
        return Ok(());
    };
    if channel != Channel::Email {
        return Err(Unfit::lacks("only an e-mail has `reply_to`"));
    }
    let spelt = address::canonical(Channel::Email, reply_to);
    spelt
        .map(drop)
        .map_err(|why| Unfit::refused(format!("`reply_to` {why}")))
}

fn email(content: &Content) -> Result<(), Unfit> {
    // SendGrid: errors page; a mail must not depend on which account sends it.
    if filled(content.subject.as_ref()).is_none() {
        return Err(Unfit::lacks("an e-mail needs a subject"));
    }
    match filled(content.body.as_ref()).or(filled(content.html.as_ref())) {
        Some(_) => Ok(()),
        None => Err(Unfit::lacks("an e-mail needs a body or html")),
    }
}

/// The text of a text message.
#[must_use]
pub fn sms_text(content: &Content) -> Option<&str> {
    filled(content.body.as_ref()).or_else(|| filled(content.title.as_ref()))
}

fn sms(content: &Content) -> Result<(), Unfit> {
    let text = sms_text(content).ok_or_else(|| Unfit::lacks("a text message needs a body"))?;
    within("the text message", text.chars().count(), SMS_CHARS)
}

/// The text of a chat message: the body, under its title in bold when there is one.
#[must_use]
pub fn chat_text(content: &Content) -> Option<Cow<'_, str>> {
    let title = filled(content.title.as_ref());
    match (title, filled(content.body.as_ref())) {
        (Some(title), Some(body)) => Some(Cow::Owned(format!("*{title}*\n{body}"))),
        (title, body) => body.or(title).map(Cow::Borrowed),
    }
}

fn chat(content: &Content) -> Result<(), Unfit> {
    let text = chat_text(content);
    let text = text.ok_or_else(|| Unfit::lacks("a chat message needs a body or a title"))?;
    within("the chat message", text.chars().count(), CHAT_CHARS)
}

fn within(what: &str, chars: usize, most: usize) -> Result<(), Unfit> {
    match chars <= most {
        true => Ok(()),
        false => Err(Unfit::too_large(what, chars, most, "characters")),
    }
}

/// Title and body of a push message; a template made for mails may have a subject instead of a title.
#[must_use]
pub fn push_texts(content: &Content) -> (Option<&str>, Option<&str>) {
    let title = filled(content.title.as_ref()).or_else(|| filled(content.subject.as_ref()));
    (title, filled(content.body.as_ref()))
}

/// A value of a push message's data: an app gets texts, so that a number stays as it was written and
/// what is nested is JSON.
#[must_use]
pub fn push_value(value: &Value) -> Cow<'_, str> {
    match value {
        Value::String(text) => Cow::Borrowed(text),
        other => Cow::Owned(spelling::as_written(other.to_string())),
    }
}

fn push(content: &Content) -> Result<(), Unfit> {
    let (title, body) = push_texts(content);
    let data = content.data.iter().flatten();
    if title.is_none() && body.is_none() && data.clone().next().is_none() {
        return Err(Unfit::lacks("a push message needs a title, a body or data"));
    }
    if let Some((key, _)) = data.clone().find(|(key, _)| is_reserved(key)) {
        let key: String = key.chars().take(64).collect();
        let words = format!("the data key `{key}` is reserved by FCM");
        return Err(Unfit::refused(words));
    }
    let shown: usize = title.into_iter().chain(body).map(str::len).sum();
    let data: usize = data
        .map(|(key, value)| key.len() + push_value(value).len())
        .sum();
    match shown + data {
        size if size > PUSH_BYTES => Err(Unfit::too_large(
            "the push message",
            size,
            PUSH_BYTES,
            "bytes in its texts, keys included",
        )),
        _ => Ok(()),
    }
}

/// FCM: `Message.data`.
fn is_reserved(key: &str) -> bool {
    let begins = |start| key.starts_with(start);
    matches!(key, "from" | "message_type") || begins("google.") || begins("gcm.")
}

/// A text that is worth sending: providers refuse an empty one.
fn filled(text: Option<&String>) -> Option<&str> {
    text.map(String::as_str)
        .filter(|text| !text.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(channel: Channel, content: Value) -> Result<(), (Reason, String)> {
        let content: Content = serde_json::from_value(content).unwrap();
        check(channel, &content).map_err(|unfit| (unfit.reason, unfit.words))
    }

    fn refused(channel: Channel, content: Value) -> String {
        let (reason, words) = told(channel, content).unwrap_err();
        format!("{reason}: {words}")
    }

    #[test]
    fn missing_content_part_is_named() {
        let words = [
            refused(Channel::Email, json!({"body": "x"})),
            refused(Channel::Email, json!({"subject": "x", "body": " "})),
            refused(Channel::Sms, json!({"subject": "x"})),
            refused(Channel::Chat, json!({"html": "x"})),
            refused(Channel::Push, json!({"data": {}, "html": "x"})),
        ];
        insta::assert_snapshot!(words.join("\n"), @"
        content_refused: an e-mail needs a subject
        content_refused: an e-mail needs a body or html
        content_refused: a text message needs a body
        content_refused: a chat message needs a body or a title
        content_refused: a push message needs a title, a body or data
        ");
        assert_eq!(told(Channel::InApp, json!({})), Ok(()));
    }

    #[test]
    fn too_long_content_is_told_with_the_limit() {
        let long = |count| "ü".repeat(count);
        let words = [
            refused(Channel::Sms, json!({"body": long(1_601)})),
            refused(Channel::Chat, json!({"body": long(40_001)})),
            refused(Channel::Push, json!({"body": long(2_049)})),
            refused(Channel::Push, json!({"data": {"k": [long(2_046)]}})),
        ];
        insta::assert_snapshot!(words.join("\n"), @"
        message_too_large: the text message has 1601 characters; at most 1600 can be sent
        message_too_large: the chat message has 40001 characters; at most 40000 can be sent
        message_too_large: the push message has 4098 bytes in its texts, keys included; at most 4096 can be sent
        message_too_large: the push message has 4097 bytes in its texts, keys included; at most 4096 can be sent
        ");
        for (channel, content) in [
            (Channel::Sms, json!({"body": long(1_600)})),
            (Channel::Chat, json!({"body": long(40_000)})),
            (Channel::Push, json!({"body": long(2_048)})),
            (
                Channel::Email,
                json!({"subject": "x", "body": long(200_000)}),
            ),
        ] {
            assert_eq!(told(channel, content), Ok(()), "{channel}");
        }
    }

    #[test]
    fn keys_that_fcm_reserves_are_told() {
        for key in [
            "from",
            "message_type",
            "google.x",
            "gcm.notification.x",
            "gcm.x",
        ] {
            let words = refused(Channel::Push, json!({"data": {(key): "x"}}));
            assert!(words.contains(&format!("`{key}` is reserved")), "{words}");
        }
        let fine = json!({"data": {"from_name": "x", "type": "y", "google_id": "z"}});
        assert_eq!(told(Channel::Push, fine), Ok(()));
    }

    #[test]
    fn a_number_in_the_data_is_the_text_that_was_written() {
        for written in [
            "89490200001234567890",
            "1.10",
            "1e400",
            "-0",
            "-0.0",
            "1E+2",
        ] {
            for json in [written.to_owned(), format!("{{\"a\":[{written}]}}")] {
                let read = spelling::for_reading(&json).unwrap_or_else(|| json.clone());
                let value: Value = serde_json::from_str(&read).unwrap();
                assert_eq!(push_value(&value), json);
            }
        }
    }
}
