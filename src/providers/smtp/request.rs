//! A notification as a mail: RFC 5322 text and the addresses of its envelope.

use std::time::SystemTime;

use lettre::address::Address;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MessageBuilder, MultiPart, SinglePart};
use lettre::{Message, error::Error};

use crate::domain::{Reason, Reply};
use crate::providers::Delivery;
use crate::providers::verdict::{filled, refuse, subject, usable_address};

/// A mail ready for the wire.
pub(crate) struct Mail {
    /// Envelope sender.
    pub(crate) from: Address,
    /// Envelope recipient.
    pub(crate) to: Address,
    /// The text with its dots doubled and the final dot: all that follows DATA.
    pub(crate) wire: String,
    /// `Message-ID` without its brackets; the same on every retry.
    pub(crate) message_id: String,
}

/// The mail, or the refusal of one that no server takes.
pub(crate) fn mail(from: &Mailbox, delivery: &Delivery<'_>) -> Result<Mail, Reply> {
    let to = usable_address(delivery.address)?;
    let to: Address = to
        .trim()
        .parse()
        .map_err(|_| refuse(Reason::InvalidRecipient, "the address is no e-mail address"))?;
    let subject = subject(delivery.content)?;
    let message_id = format!("{}@{}", delivery.notification_id, from.email.domain());
    let builder = Message::builder()
        .from(from.clone())
        .to(Mailbox::new(None, to.clone()))
        .subject(subject)
        .date(SystemTime::from(delivery.now))
        .message_id(Some(format!("<{message_id}>")))
        .raw_header(notification_header(delivery));
    let message = body(builder, delivery)?
        .map_err(|error| refuse(Reason::ContentRefused, &error.to_string()))?;
    Ok(Mail {
        from: from.email.clone(),
        to,
        wire: wire(message.formatted()),
        message_id,
    })
}

fn notification_header(delivery: &Delivery<'_>) -> HeaderValue {
    const NAME: HeaderName = HeaderName::new_from_ascii_str("X-Herald-Notification-Id");
    HeaderValue::new(NAME, delivery.notification_id.to_string())
}

/// Plain, HTML, or both as alternatives, the plainer first (RFC 2046, 5.1.4).
fn body(builder: MessageBuilder, delivery: &Delivery<'_>) -> Result<Result<Message, Error>, Reply> {
    let content = delivery.content;
    let plain = filled(content.body.as_ref());
    let html = filled(content.html.as_ref());
    let html_part = |html: &str| SinglePart::html(html.to_owned());
    match (plain, html) {
        (Some(plain), Some(html)) => {
            let plain = SinglePart::plain(plain.to_owned());
            Ok(builder.multipart(
                MultiPart::alternative()
                    .singlepart(plain)
                    .singlepart(html_part(html)),
            ))
        }
        (Some(plain), None) => Ok(builder.singlepart(SinglePart::plain(plain.to_owned()))),
        (None, Some(html)) => Ok(builder.singlepart(html_part(html))),
        (None, None) => Err(refuse(
            Reason::ContentRefused,
            "an e-mail needs a body or html",
        )),
    }
}

/// RFC 5321, 4.5.2: a line that begins with a dot gets another, and a lone dot ends the mail. One
/// text, so that it goes out in one write: a final dot of its own would wait for Nagle's delay.
fn wire(formatted: Vec<u8>) -> String {
    let text = String::from_utf8(formatted)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
    let mut wire = match text.contains("\r\n.") {
        true => text.replace("\r\n.", "\r\n.."),
        false => text,
    };
    if !wire.ends_with("\r\n") {
        wire.push_str("\r\n");
    }
    wire.push_str(".\r\n");
    wire
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Content;
    use crate::providers::testing::delivery;

    fn content(body: Option<&str>, html: Option<&str>) -> Content {
        Content {
            subject: Some("Grüße\r\nBcc: eve@example.com".to_owned()),
            body: body.map(str::to_owned),
            html: html.map(str::to_owned),
            ..Content::default()
        }
    }

    fn wire_of(content: &Content) -> String {
        let from = "Herald <hello@example.com>".parse().unwrap();
        mail(&from, &delivery("ana@example.org", content))
            .ok()
            .unwrap()
            .wire
    }

    #[test]
    fn a_plain_mail() {
        let wire = wire_of(&content(Some("Hello\n.hidden\n.\nend"), None));
        insta::assert_snapshot!(wire.replace("\r\n", "\n"), @"
        From: Herald <hello@example.com>
        To: ana@example.org
        Subject: =?utf-8?b?R3LDvMOfZQ==?=  Bcc: eve@example.com
        Date: Fri, 20 Nov 2026 12:00:00 +0000
        Message-ID: <0190c1a0-0000-7000-8000-00000000000a@example.com>
        X-Herald-Notification-Id: 0190c1a0-0000-7000-8000-00000000000a
        MIME-Version: 1.0
        Content-Type: text/plain; charset=utf-8
        Content-Transfer-Encoding: 7bit

        Hello
        ..hidden
        ..
        end
        .
        ");
        assert!(
            !wire.replace("\r\n", "").contains(['\r', '\n']),
            "no bare CR or LF"
        );
    }

    #[test]
    fn html_stands_beside_the_plain_text() {
        let wire = wire_of(&content(Some("Hi"), Some("<p>Hi</p>")));
        assert!(wire.contains("Content-Type: multipart/alternative;"));
        let plain = wire.find("text/plain").unwrap();
        assert!(plain < wire.find("text/html").unwrap());
        let html = wire_of(&content(None, Some("<p>Hi</p>")));
        assert!(html.contains("Content-Type: text/html"));
    }

    #[test]
    fn a_subject_opens_no_header() {
        let wire = wire_of(&content(Some("Hi"), None));
        assert!(!wire.to_ascii_lowercase().contains("\r\nbcc:"));
    }

    #[test]
    fn what_no_server_takes_is_not_sent() {
        let from: Mailbox = "hello@example.com".parse().unwrap();
        let good = content(Some("Hi"), None);
        let empty = content(None, Some(" "));
        let no_subject = Content {
            subject: None,
            ..good.clone()
        };
        for (address, content, reason) in [
            ("nobody", &good, Reason::InvalidRecipient),
            (
                "a@example.com\r\nRCPT TO:<b@example.com>",
                &good,
                Reason::InvalidRecipient,
            ),
            ("", &good, Reason::NoAddress),
            ("ana@example.org", &empty, Reason::ContentRefused),
            ("ana@example.org", &no_subject, Reason::ContentRefused),
        ] {
            let refusal = mail(&from, &delivery(address, content)).err().unwrap();
            assert_eq!(refusal.reason, Some(reason), "{address:?}");
        }
    }
}
