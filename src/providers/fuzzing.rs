//! The doors that providers' bytes come through, for the fuzzer: what a socket would have brought.

use hyper::header::{HeaderName, HeaderValue};
use jiff::Timestamp;
use uuid::Uuid;

use super::http::{HttpAnswer, ReplyContext};
use super::{Delivery, Leave, fcm, sendgrid, slack, smtp, twilio};
use crate::domain::{Content, HeardEvent, Priority, ProviderKind, Reply};

/// The address that every answer is about.
pub const ADDRESS: &str = "ana@example.com";

/// Reads an answer of a provider that speaks HTTP: its status, its headers line by line, an empty line,
/// its body. `None` when it has no status.
#[must_use]
pub fn reply(kind: ProviderKind, answer: &[u8]) -> Option<Reply> {
    let answer = answer_of(answer)?;
    let content = Content::default();
    let delivery = delivery(&content);
    let seen = ReplyContext::of(&delivery);
    Some(match kind {
        ProviderKind::Sendgrid => {
            let together = sendgrid::reply::read_many(&answer, &[&delivery, &delivery]);
            assert_eq!(together.each.len(), 2, "an answer for each of them");
            sendgrid::reply::read(&answer, seen)
        }
        ProviderKind::Twilio => twilio::reply::read(&answer, seen),
        ProviderKind::Fcm => fcm::reply::read(&answer, seen),
        ProviderKind::Slack => slack::reply::read(&answer, seen),
        ProviderKind::Smtp | ProviderKind::Sandbox => return None,
    })
}

/// Reads what a mail server says, in two parts, and what becomes of it at every step of a
/// conversation.
#[must_use]
pub fn smtp_replies(said: &[u8], split: usize) -> Vec<Reply> {
    let content = Content::default();
    smtp::fuzzing::replies(said, split, ReplyContext::of(&delivery(&content)))
}

/// Reads what a provider tells later, as if it were signed. Twilio's begins with a line: `form` or `json`, and the
/// query behind a blank.
#[must_use]
pub fn events(kind: ProviderKind, body: &[u8]) -> Vec<HeardEvent> {
    let now = Timestamp::UNIX_EPOCH;
    match kind {
        ProviderKind::Sendgrid => sendgrid::events::events(body, now),
        ProviderKind::Twilio => {
            let end = body.iter().position(|byte| *byte == b'\n');
            let (head, body) = body.split_at(end.unwrap_or(body.len()));
            let head = String::from_utf8_lossy(head);
            let (form, query) = head.split_once(' ').unwrap_or((&head, ""));
            let body = body.get(1..).unwrap_or_default();
            vec![twilio::events::event((query, body, form == "form"), now)]
        }
        ProviderKind::Smtp => smtp::events::events(body, now),
        ProviderKind::Fcm | ProviderKind::Slack | ProviderKind::Sandbox => vec![],
    }
}

fn delivery(content: &Content) -> Delivery<'_> {
    Delivery {
        notification_id: Uuid::nil(),
        address: ADDRESS,
        content,
        priority: Priority::Normal,
        expires_at: None,
        now: Timestamp::UNIX_EPOCH,
        traceparent: None,
        leave: Leave::for_good(),
        unsubscribe_url: None,
    }
}

fn answer_of(bytes: &[u8]) -> Option<HttpAnswer> {
    let end = bytes.windows(2).position(|pair| pair == b"\n\n");
    let (head, body) = bytes.split_at(end.unwrap_or(bytes.len()));
    let mut lines = head.split(|byte| *byte == b'\n');
    let status = std::str::from_utf8(lines.next()?).ok()?;
    let status: u16 = status.trim().parse().ok()?;
    let header = |line: &[u8]| {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let (name, value) = line.split_at(colon);
        let value = value.get(1..)?.trim_ascii();
        let name = HeaderName::from_bytes(name.trim_ascii()).ok()?;
        Some((name, HeaderValue::from_bytes(value).ok()?))
    };
    (100..=599).contains(&status).then(|| HttpAnswer {
        status,
        headers: lines.filter_map(header).collect(),
        body: body.get(2..).unwrap_or_default().to_vec(),
        is_bare: false,
    })
}
