//! A notification as Slack wants it.

use std::borrow::Cow;

use serde::Serialize;
use uuid::Uuid;

use crate::domain::carriage::chat_text;
use crate::domain::{Channel, Content, Reason, Reply};
use crate::providers::Delivery;
use crate::providers::verdict::{fit, refuse, usable_address};

#[derive(Serialize)]
struct SlackMessage<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<&'a str>,
    text: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<Metadata>,
}

/// Slack: message metadata; the notification's id, for whoever reads the message by API.
#[derive(Serialize)]
struct Metadata {
    event_type: &'static str,
    event_payload: Correlation,
}

#[derive(Serialize)]
struct Correlation {
    notification_id: Uuid,
}

/// A post into the channel, or to the member, that the address names.
pub(crate) fn to_channel(delivery: &Delivery<'_>) -> Result<Vec<u8>, Reply> {
    let channel = usable_address(delivery.address)?;
    let metadata = Metadata {
        event_type: "herald_notification",
        event_payload: Correlation {
            notification_id: delivery.notification_id,
        },
    };
    body(Some(channel), delivery.content, Some(metadata))
}

/// A post into the webhook's own channel: it does not take another.
pub(crate) fn to_webhook(delivery: &Delivery<'_>) -> Result<Vec<u8>, Reply> {
    body(None, delivery.content, None)
}

fn body(
    channel: Option<&str>,
    content: &Content,
    metadata: Option<Metadata>,
) -> Result<Vec<u8>, Reply> {
    fit(Channel::Chat, content)?;
    let message = SlackMessage {
        channel,
        // The publisher's own markup is kept.
        text: chat_text(content).unwrap_or_default(),
        metadata,
    };
    serde_json::to_vec(&message).map_err(|error| refuse(Reason::ContentRefused, &error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::testing::delivery;

    fn content(title: Option<&str>, body: Option<&str>) -> Content {
        Content {
            title: title.map(str::to_owned),
            body: body.map(str::to_owned),
            ..Content::default()
        }
    }

    #[test]
    fn channel_and_text() {
        let content = content(Some("Ticket"), Some("A \"new\" one"));
        let body = to_channel(&delivery("C0123", &content)).unwrap();
        insta::assert_snapshot!(String::from_utf8(body).unwrap(), @r#"{"channel":"C0123","text":"*Ticket*\nA \"new\" one","metadata":{"event_type":"herald_notification","event_payload":{"notification_id":"0190c1a0-0000-7000-8000-00000000000a"}}}"#);
        let body = to_webhook(&delivery("", &content)).unwrap();
        insta::assert_snapshot!(String::from_utf8(body).unwrap(), @r#"{"text":"*Ticket*\nA \"new\" one"}"#);
    }

    #[test]
    fn slack_message_needs_a_title_or_a_body() {
        assert_eq!(chat_text(&content(Some("t"), None)).unwrap(), "t");
        assert_eq!(chat_text(&content(Some(" "), Some("b"))).unwrap(), "b");
        let none = content(None, Some(""));
        let reply = to_webhook(&delivery("", &none)).unwrap_err();
        assert_eq!(reply.reason, Some(Reason::ContentRefused));
        let long = content(None, Some(&"x".repeat(40_001)));
        let reply = to_webhook(&delivery("", &long)).unwrap_err();
        assert_eq!(reply.reason, Some(Reason::MessageTooLarge));
    }

    #[test]
    fn a_bot_needs_a_channel() {
        let content = content(None, Some("b"));
        let reply = to_channel(&delivery("", &content)).unwrap_err();
        assert_eq!(reply.reason, Some(Reason::NoAddress));
    }
}
