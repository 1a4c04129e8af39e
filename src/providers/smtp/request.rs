//! A notification as a mail: RFC 5322 text and the addresses of its envelope.

use jiff::fmt::rfc2822;
use jiff::tz::TimeZone;
use lettre::message::header::{ContentTransferEncoding, ContentType};
use lettre::message::{MultiPart, SinglePart};

use super::header;
use super::return_path::ReturnPath;
use super::settings::SmtpSender;
use crate::domain::address::canonical;
use crate::domain::{Channel, Content, Reason, Reply};
use crate::providers::Delivery;
use crate::providers::verdict::{
    AUTO_RESPONSE_SUPPRESS, AUTO_SUBMITTED, ONE_CLICK, filled, fit, refuse, subject, usable_address,
};

/// RFC 5322, 2.1.1: longest line without its end.
const LONGEST_LINE: usize = 998;

/// A mail ready for the wire.
#[derive(Debug)]
pub(crate) struct SmtpMail {
    /// Envelope sender.
    pub(crate) from: String,
    /// Envelope recipient.
    pub(crate) to: String,
    /// The text with its dots doubled and the final dot: all that follows DATA.
    pub(crate) wire: String,
    /// Bytes of the text as SIZE counts them (RFC 1870, 5).
    pub(crate) size: usize,
    /// `Message-ID` without its brackets; the same on every retry.
    pub(crate) message_id: String,
}

impl SmtpMail {
    /// Whether a local part is beyond ASCII: only that needs SMTPUTF8, since a domain has an ASCII
    /// spelling and the text is encoded.
    pub(crate) fn needs_utf8(&self) -> bool {
        !(self.from.is_ascii() && self.to.is_ascii())
    }
}

/// The mail, or the refusal of one that no server takes.
pub(crate) fn mail(
    from: &SmtpSender,
    return_path: Option<&ReturnPath>,
    delivery: &Delivery<'_>,
) -> Result<SmtpMail, Reply> {
    let to = usable_address(delivery.address)?;
    let to = canonical(Channel::Email, to)
        .map_err(|why| refuse(Reason::InvalidRecipient, &format!("the address {why}")))?;
    fit(Channel::Email, delivery.content)?;
    let subject = subject(delivery.content);
    let body = body(delivery.content);
    let message_id = format!("{}@{}", delivery.notification_id, from.domain());
    let headers = [
        header::mailbox("From", from.name.as_deref(), &from.address),
        header::mailbox("To", None, &to),
        header::text("Subject", &subject),
        format!("Date: {}\r\n", date(delivery.now)?),
        format!("Message-ID: <{message_id}>\r\n"),
        format!("X-Herald-Notification-Id: {}\r\n", delivery.notification_id),
        format!("Auto-Submitted: {AUTO_SUBMITTED}\r\n"),
        format!("X-Auto-Response-Suppress: {AUTO_RESPONSE_SUPPRESS}\r\n"),
        answers_to(delivery.content),
        unsubscribing(delivery.unsubscribe_url),
        "MIME-Version: 1.0\r\n".to_owned(),
    ];
    let text = with_last_line_ended(headers.concat() + &body);
    Ok(SmtpMail {
        from: return_path.map_or_else(
            || from.address.clone(),
            |path| path.of(delivery.notification_id),
        ),
        to,
        size: text.len(),
        wire: wire(text),
        message_id,
    })
}

/// Where its reader's answers go. An address that is none was refused before.
fn answers_to(content: &Content) -> String {
    let address = content.reply_to.as_deref();
    let address = address.and_then(|it| canonical(Channel::Email, it).ok());
    address.map_or_else(String::new, |it| header::mailbox("Reply-To", None, &it))
}

/// How its reader unsubscribes (RFC 2369, RFC 8058). A link has no place to fold at.
fn unsubscribing(url: Option<&str>) -> String {
    url.map_or_else(String::new, |url| {
        format!("List-Unsubscribe: <{url}>\r\nList-Unsubscribe-Post: {ONE_CLICK}\r\n")
    })
}

/// RFC 5322, 3.3.
fn date(at: jiff::Timestamp) -> Result<String, Reply> {
    let at = at.to_zoned(TimeZone::UTC);
    rfc2822::to_string(&at).map_err(|error| refuse(Reason::ContentRefused, &error.to_string()))
}

/// Plain, HTML, or both as alternatives, the plainer first (RFC 2046, 5.1.4), headers included.
fn body(content: &Content) -> String {
    let part = |text: &str, kind| SinglePart::builder().header(kind).body(encodable(text));
    let plain = filled(content.body.as_ref()).map(|text| part(text, ContentType::TEXT_PLAIN));
    let html = filled(content.html.as_ref()).map(|text| part(text, ContentType::TEXT_HTML));
    let formatted = match (plain, html) {
        (Some(plain), Some(html)) => MultiPart::alternative()
            .singlepart(plain)
            .singlepart(html)
            .formatted(),
        (only, None) | (None, only) => only
            .unwrap_or_else(|| part("", ContentType::TEXT_PLAIN))
            .formatted(),
    };
    // It is ASCII: every part is encoded.
    String::from_utf8(formatted)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// A text of whole lines, encoded where it has to be. A lone CR or LF is a line's end: on the wire
/// neither stands alone (RFC 5321, 2.3.8), and servers that take one for the other would be open to
/// a mail that hides a second one.
fn encodable(text: &str) -> lettre::message::Body {
    let lines = text.replace("\r\n", "\n").replace('\r', "\n");
    let is_plain = |byte: u8| matches!(byte, b' '..=b'~' | b'\t');
    let is_short = |line: &str| line.len() <= LONGEST_LINE && line.bytes().all(is_plain);
    let plain = lines.split('\n').all(is_short);
    let text = lines.replace('\n', "\r\n");
    match plain {
        true => lettre::message::Body::dangerous_pre_encoded(
            text.into_bytes(),
            ContentTransferEncoding::SevenBit,
        ),
        false => encoded(text),
    }
}

fn encoded(text: String) -> lettre::message::Body {
    use lettre::message::Body;
    let chosen = Body::new(text);
    match chosen.encoding() {
        // It holds controls, which not every server passes on.
        ContentTransferEncoding::SevenBit => {
            let text = String::from_utf8(chosen.into_vec()).unwrap_or_default();
            let wanted = ContentTransferEncoding::QuotedPrintable;
            Body::new_with_encoding(text, wanted)
                .unwrap_or_else(|bytes| Body::dangerous_pre_encoded(bytes, wanted))
        }
        _ => chosen,
    }
}

fn with_last_line_ended(mut text: String) -> String {
    if !text.ends_with("\r\n") {
        text.push_str("\r\n");
    }
    text
}

/// RFC 5321, 4.5.2: a line that begins with a dot gets another, and a lone dot ends the mail. One
/// text, so that it goes out in one write: a final dot of its own would wait for Nagle's delay.
fn wire(text: String) -> String {
    let mut wire = match text.contains("\r\n.") {
        true => text.replace("\r\n.", "\r\n.."),
        false => text,
    };
    wire.push_str(".\r\n");
    wire
}

#[cfg(test)]
mod tests;
