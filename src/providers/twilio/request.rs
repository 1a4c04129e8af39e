//! A notification as Twilio's Messages resource wants it.

use jiff::Timestamp;
use url::Url;
use uuid::Uuid;

use super::settings::TwilioSender;
use crate::domain::carriage::sms_text;
use crate::domain::{Channel, Reply};
use crate::providers::Delivery;
use crate::providers::http::form::{escape, pair};
use crate::providers::verdict::{fit, usable_address};

/// Twilio: messages resource; also what holds when nothing is said.
const LONGEST_VALIDITY_SECONDS: i64 = 36_000;

/// What is the same in every request of an account, escaped once.
pub(crate) struct Constant {
    sender: Vec<u8>,
    callback: Option<Callback>,
}

/// `StatusCallback`, cut where the notification's id goes: before the fragment, which holds
/// Twilio's own retry settings (`#rc=3`).
struct Callback {
    before_id: Vec<u8>,
    after_id: Vec<u8>,
}

impl Constant {
    pub(crate) fn of(sender: &TwilioSender, status_callback: Option<&Url>) -> Self {
        let mut out = Vec::new();
        match sender {
            TwilioSender::From(from) => pair(&mut out, "From", from),
            TwilioSender::Service(sid) => pair(&mut out, "MessagingServiceSid", sid),
        }
        Self {
            sender: out,
            callback: status_callback.map(Callback::of),
        }
    }
}

impl Callback {
    fn of(url: &Url) -> Self {
        let (plain, fragment) = match url.as_str().split_once('#') {
            Some((plain, fragment)) => (plain, format!("#{fragment}")),
            None => (url.as_str(), String::new()),
        };
        let separator = if url.query().is_some() { '&' } else { '?' };
        let mut before_id = Vec::new();
        let mut after_id = Vec::new();
        escape(
            &mut before_id,
            &format!("{plain}{separator}notification_id="),
        );
        escape(&mut after_id, &fragment);
        Self {
            before_id,
            after_id,
        }
    }

    fn write(&self, out: &mut Vec<u8>, id: Uuid) {
        let mut text = Uuid::encode_buffer();
        out.extend_from_slice(b"&StatusCallback=");
        out.extend_from_slice(&self.before_id);
        out.extend_from_slice(id.hyphenated().encode_lower(&mut text).as_bytes());
        out.extend_from_slice(&self.after_id);
    }
}

/// The body of the request, or the refusal of a message that Twilio could only refuse too.
pub(crate) fn body(constant: &Constant, delivery: &Delivery<'_>) -> Result<Vec<u8>, Reply> {
    let to = usable_address(delivery.address)?;
    fit(Channel::Sms, delivery.content)?;
    let text = sms_text(delivery.content).unwrap_or_default();
    let mut out = Vec::with_capacity(256 + text.len() * 2);
    out.extend_from_slice(&constant.sender);
    pair(&mut out, "To", to);
    pair(&mut out, "Body", text);
    if let Some(seconds) = delivery
        .expires_at
        .and_then(|at| validity(delivery.now, at))
    {
        pair(&mut out, "ValidityPeriod", &seconds.to_string());
    }
    if let Some(callback) = &constant.callback {
        callback.write(&mut out, delivery.notification_id);
    }
    Ok(out)
}

/// Seconds that Twilio may hold the message; `None` when that is its own limit anyway.
fn validity(now: Timestamp, expires_at: Timestamp) -> Option<i64> {
    let seconds = expires_at.as_second().saturating_sub(now.as_second());
    (seconds < LONGEST_VALIDITY_SECONDS).then_some(seconds.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Content, Reason};
    use crate::providers::testing::{delivery, now};

    fn constant(callback: Option<&str>) -> Constant {
        let callback = callback.map(|url| Url::parse(url).unwrap());
        Constant::of(
            &TwilioSender::From("+15550001111".to_owned()),
            callback.as_ref(),
        )
    }

    fn text(body: &str) -> Content {
        Content {
            body: Some(body.to_owned()),
            ..Content::default()
        }
    }

    fn form(constant: &Constant, delivery: &Delivery<'_>) -> String {
        String::from_utf8(body(constant, delivery).unwrap()).unwrap()
    }

    #[test]
    fn the_least_message() {
        let content = text("Code & é 1");
        let delivery = delivery("+491511234", &content);
        insta::assert_snapshot!(form(&constant(None), &delivery), @"From=%2B15550001111&To=%2B491511234&Body=Code+%26+%C3%A9+1");
    }

    #[test]
    fn the_callback_carries_the_id_before_its_fragment() {
        let content = text("x");
        let delivery = delivery("+491511234", &content);
        let plain = constant(Some("https://h.example/hooks/twilio/main"));
        insta::assert_snapshot!(form(&plain, &delivery), @"From=%2B15550001111&To=%2B491511234&Body=x&StatusCallback=https%3A%2F%2Fh.example%2Fhooks%2Ftwilio%2Fmain%3Fnotification_id%3D0190c1a0-0000-7000-8000-00000000000a");
        let full = constant(Some("https://h.example/cb?a=1#rc=3&rp=all"));
        insta::assert_snapshot!(form(&full, &delivery), @"From=%2B15550001111&To=%2B491511234&Body=x&StatusCallback=https%3A%2F%2Fh.example%2Fcb%3Fa%3D1%26notification_id%3D0190c1a0-0000-7000-8000-00000000000a%23rc%3D3%26rp%3Dall");
    }

    #[test]
    fn the_validity_period_is_what_is_left() {
        for (left, expected) in [
            (-5, Some(1)),
            (0, Some(1)),
            (90, Some(90)),
            (35_999, Some(35_999)),
            (36_000, None),
            (999_999, None),
        ] {
            let until = Timestamp::from_second(now().as_second() + left).unwrap();
            assert_eq!(validity(now(), until), expected);
        }
    }

    #[test]
    fn a_service_a_title_and_a_time_limit() {
        let service = Constant::of(&TwilioSender::Service("MG1".to_owned()), None);
        let content = Content {
            title: Some("Title".to_owned()),
            ..Content::default()
        };
        let delivery = Delivery {
            expires_at: Timestamp::from_second(now().as_second() + 60).ok(),
            ..delivery("+491511234", &content)
        };
        insta::assert_snapshot!(form(&service, &delivery), @"MessagingServiceSid=MG1&To=%2B491511234&Body=Title&ValidityPeriod=60");
    }

    #[test]
    fn an_empty_text_and_one_that_is_too_long_are_not_sent() {
        for (text, reason) in [
            (text(" "), Reason::ContentRefused),
            (text(&"x".repeat(1_601)), Reason::MessageTooLarge),
        ] {
            let reply = body(&constant(None), &delivery("+491511234", &text)).unwrap_err();
            assert_eq!(reply.reason, Some(reason));
        }
    }
}
