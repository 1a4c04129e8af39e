//! How Twilio's answer reads.

use serde::Deserialize;

use super::codes;
use crate::domain::{Class, Reply};
use crate::providers::http::{Answer, Seen};
use crate::providers::verdict::Verdict;

#[derive(Deserialize)]
struct Created {
    sid: String,
}

#[derive(Deserialize, Default)]
struct Fault {
    #[serde(default)]
    code: Option<u32>,
    #[serde(default)]
    message: Option<String>,
}

/// The reply that an answer makes. Success is 201 with a `sid`; a body that breaks off costs only the
/// id, and one of another kind under another status is not Twilio's.
pub(crate) fn read(answer: &Answer, seen: Seen<'_>) -> Reply {
    if answer.is_success() {
        let created = answer.json::<Created>();
        return match created {
            Some(created) => answer.accepted(Some(&created.sid)),
            None if answer.status == 201 || answer.is_broken_json() => answer.accepted(None),
            None => answer.strange(),
        };
    }
    let fault = answer.json::<Fault>().unwrap_or_default();
    let code = fault.code.map(|code| code.to_string());
    let verdict = verdict(answer.status, fault.code);
    answer.refused(verdict, code, fault.message.as_deref(), seen)
}

/// The code says more than the status, except that a server error never refuses for good. Beside a code
/// that nobody knows the status counts as far as it is about the account; else it may be about anything.
fn verdict(status: u16, code: Option<u32>) -> Verdict {
    let by_status = Verdict::of_status(status);
    match (status, code) {
        (400..=499, Some(code)) => match codes::verdict(code) {
            Some(known) => known,
            // The status says whom it is about.
            None if by_status.is_of_login_or_plan() || by_status.class == Class::Throttled => {
                by_status
            }
            None => Verdict::UNLISTED,
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
        read(&Answer::of(status, &[], &body), seen())
    }

    #[test]
    fn created_with_its_sid() {
        let sid = "SM0123456789abcdef0123456789abcdef";
        let body = format!(r#"{{"sid":"{sid}","status":"queued","error_code":null}}"#);
        let reply = read(&Answer::of(201, &[], &body), seen());
        assert_eq!(reply, Reply::accepted("201", Some(sid.to_owned())));
        for body in [&body[..20], ""] {
            let cut = read(&Answer::of(201, &[], body), seen());
            assert_eq!(cut, Reply::accepted("201", None));
        }
        for body in ["<html>", "", "{}", "[]"] {
            let strange = read(&Answer::of(200, &[], body), seen());
            assert_eq!(strange.class, Class::Unknown, "{body}");
        }
    }

    #[test]
    fn the_code_goes_before_the_status() {
        let person = Verdict::dead(Reason::InvalidRecipient);
        for (status, code, expected) in [
            (400, 21211, person),
            (400, 21610, Verdict::dead(Reason::OptedOut)),
            (400, 21617, Verdict::permanent(Reason::MessageTooLarge)),
            (400, 21611, Verdict::THROTTLED),
            (400, 21408, Verdict::NOT_BY_ACCOUNT),
            (400, 21606, Verdict::NOT_BY_ACCOUNT),
            (400, 21212, Verdict::SETTINGS),
            (401, 20003, Verdict::CREDENTIALS),
            (429, 20429, Verdict::THROTTLED),
            (429, 63038, Verdict::EXHAUSTED),
            (400, 99999, Verdict::UNLISTED),
            (401, 20151, Verdict::CREDENTIALS),
            (402, 99999, Verdict::EXHAUSTED),
            (403, 99999, Verdict::CREDENTIALS),
            (403, 20403, Verdict::CREDENTIALS),
            (400, 21472, Verdict::CREDENTIALS),
            (400, 21609, Verdict::SETTINGS),
            (404, 99999, Verdict::UNLISTED),
            (429, 99999, Verdict::THROTTLED),
            (404, 20404, Verdict::SETTINGS),
            (500, 21211, Verdict::TRANSIENT),
            (503, 20503, Verdict::TRANSIENT),
            (504, 21211, Verdict::UNKNOWN),
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
            let reply = read(&Answer::of(status, &[], "<html>"), seen());
            assert_eq!(reply.class, class, "{status}");
            assert_eq!(reply.code, Some(status.to_string()));
        }
    }
}
