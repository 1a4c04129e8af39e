//! How Twilio's answer reads.

use serde::Deserialize;
use serde_json::Value;

use super::codes;
use crate::domain::{Class, Reply};
use crate::providers::http::{HttpAnswer, ReplyContext};
use crate::providers::verdict::ResponseClass;

#[derive(Deserialize)]
struct Created {
    sid: String,
}

#[derive(Deserialize, Default)]
struct TwilioFault {
    /// A number; what stands in between may have made a text of it.
    #[serde(default)]
    code: Value,
    #[serde(default)]
    message: Option<String>,
}

impl TwilioFault {
    fn code(&self) -> Option<u32> {
        match &self.code {
            Value::Number(code) => code.as_u64()?.try_into().ok(),
            Value::String(code) => code.parse().ok(),
            _ => None,
        }
    }
}

/// The reply that an answer makes. Success is 201 with a `sid`; a body that breaks off costs only the
/// id, and one of another kind under another status is not Twilio's.
pub(crate) fn read(answer: &HttpAnswer, seen: ReplyContext<'_>) -> Reply {
    if answer.is_success() {
        let created = answer.json::<Created>();
        return match created {
            Some(created) => answer.accepted(Some(&created.sid)),
            None if answer.status == 201 || answer.is_cut_short() => answer.accepted(None),
            None => answer.strange(),
        };
    }
    let fault = answer.json::<TwilioFault>().unwrap_or_default();
    let code = fault.code();
    let verdict = verdict(answer.status, code);
    let code = code.map(|code| code.to_string());
    answer.refused(verdict, code, fault.message.as_deref(), seen)
}

/// The code says more than the status, except that a server error never refuses for good. Beside a code
/// that nobody knows the status counts as far as it is about the account; else it may be about anything.
fn verdict(status: u16, code: Option<u32>) -> ResponseClass {
    let by_status = ResponseClass::of_status(status);
    match (status, code) {
        (400..=499, Some(code)) => match codes::verdict(code) {
            Some(known) => known,
            // The status says whom it is about.
            None if by_status.is_of_login_or_plan() || by_status.class == Class::Throttled => {
                by_status
            }
            None => ResponseClass::UNLISTED,
        },
        _ => by_status,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Reason;
    use crate::providers::testing::seen;

    fn fault(status: u16, code: u32) -> Reply {
        let body = format!(r#"{{"code":{code},"message":"m","more_info":"","status":{status}}}"#);
        read(&HttpAnswer::of(status, &[], &body), seen())
    }

    #[test]
    fn a_code_that_is_a_text_counts() {
        let body = r#"{"code":"21610","message":"m"}"#;
        let reply = read(&HttpAnswer::of(400, &[], body), seen());
        assert_eq!(reply, fault(400, 21_610));
    }

    #[test]
    fn created_with_its_sid() {
        let sid = "SM0123456789abcdef0123456789abcdef";
        let body = format!(r#"{{"sid":"{sid}","status":"queued","error_code":null}}"#);
        let reply = read(&HttpAnswer::of(201, &[], &body), seen());
        assert_eq!(reply, Reply::accepted("201", Some(sid.to_owned())));
        for body in [&body[..20], ""] {
            let cut = read(&HttpAnswer::of(201, &[], body), seen());
            assert_eq!(cut, Reply::accepted("201", None));
        }
        for body in ["<html>", "", "{}", "[]"] {
            let strange = read(&HttpAnswer::of(200, &[], body), seen());
            assert_eq!(strange.class, Class::Unknown, "{body}");
        }
    }

    #[test]
    fn the_code_goes_before_the_status() {
        let person = ResponseClass::dead(Reason::InvalidRecipient);
        for (status, code, expected) in [
            (400, 21211, person),
            (400, 21610, ResponseClass::dead(Reason::OptedOut)),
            (
                400,
                21617,
                ResponseClass::permanent(Reason::MessageTooLarge),
            ),
            (400, 21611, ResponseClass::THROTTLED),
            (400, 21408, ResponseClass::NOT_BY_ACCOUNT),
            (400, 21606, ResponseClass::NOT_BY_ACCOUNT),
            (400, 21212, ResponseClass::SETTINGS),
            (401, 20003, ResponseClass::CREDENTIALS),
            (429, 20429, ResponseClass::THROTTLED),
            (429, 63038, ResponseClass::EXHAUSTED),
            (400, 99999, ResponseClass::UNLISTED),
            (401, 20151, ResponseClass::CREDENTIALS),
            (402, 99999, ResponseClass::EXHAUSTED),
            (403, 99999, ResponseClass::CREDENTIALS),
            (403, 20403, ResponseClass::CREDENTIALS),
            (400, 21472, ResponseClass::CREDENTIALS),
            (400, 21609, ResponseClass::SETTINGS),
            (404, 99999, ResponseClass::UNLISTED),
            (429, 99999, ResponseClass::THROTTLED),
            (404, 20404, ResponseClass::SETTINGS),
            (500, 21211, ResponseClass::TRANSIENT),
            (503, 20503, ResponseClass::TRANSIENT),
            (504, 21211, ResponseClass::UNKNOWN),
        ] {
            let reply = fault(status, code);
            let words = Some("m".to_owned());
            assert_eq!(
                reply,
                expected.reply(code.to_string(), words),
                "{status} {code}"
            );
        }
    }

    #[test]
    fn an_answer_without_a_code_is_read_by_its_status() {
        for (status, class) in [
            (400, Class::Transient),
            (401, Class::AccountRefused),
            (403, Class::AccountRefused),
            (404, Class::AccountRefused),
            (429, Class::Throttled),
            (502, Class::Unknown),
            (503, Class::Transient),
        ] {
            let reply = read(&HttpAnswer::of(status, &[], "<html>"), seen());
            assert_eq!(reply.class, class, "{status}");
            assert_eq!(reply.code, Some(status.to_string()));
        }
    }
}
