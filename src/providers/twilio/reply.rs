//! How Twilio's answer reads.

use serde::Deserialize;

use super::codes;
use crate::domain::Reply;
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

/// The reply that an answer makes. Success is 201; a body that breaks off costs only the id.
pub(crate) fn read(answer: &Answer, seen: Seen<'_>) -> Reply {
    if answer.is_success() {
        let created = answer.json::<Created>();
        return answer.accepted(created.as_ref().map(|message| message.sid.as_str()));
    }
    let fault = answer.json::<Fault>().unwrap_or_default();
    let code = fault.code.map(|code| code.to_string());
    let verdict = verdict(answer.status, fault.code);
    answer.refused(verdict, code, fault.message.as_deref(), seen)
}

/// The code says more than the status, except that a server error never refuses for good.
fn verdict(status: u16, code: Option<u32>) -> Verdict {
    let by_status = Verdict::of_status(status);
    match status {
        400..=499 => code.and_then(codes::verdict).unwrap_or(by_status),
        _ => by_status,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Class, Reason};
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
        let cut = read(&Answer::of(201, &[], &body[..20]), seen());
        assert_eq!(cut, Reply::accepted("201", None));
    }

    #[test]
    fn the_code_goes_before_the_status() {
        for (status, code, class, reason, dead) in [
            (
                400,
                21211,
                Class::Permanent,
                Some(Reason::InvalidRecipient),
                true,
            ),
            (400, 21610, Class::Permanent, Some(Reason::OptedOut), true),
            (
                400,
                21617,
                Class::Permanent,
                Some(Reason::MessageTooLarge),
                false,
            ),
            (400, 21611, Class::Throttled, None, false),
            (
                400,
                21606,
                Class::Misconfigured,
                Some(Reason::ProviderMisconfigured),
                false,
            ),
            (401, 20003, Class::Credentials, None, false),
            (429, 20429, Class::Throttled, None, false),
            (
                400,
                99999,
                Class::Permanent,
                Some(Reason::ProviderRefused),
                false,
            ),
            (429, 99999, Class::Throttled, None, false),
            (
                404,
                20404,
                Class::Misconfigured,
                Some(Reason::ProviderMisconfigured),
                false,
            ),
            (500, 21211, Class::Transient, None, false),
            (503, 20503, Class::Transient, None, false),
        ] {
            let reply = fault(status, code);
            let read = (reply.class, reply.reason, reply.dead_address);
            assert_eq!(read, (class, reason, dead), "{status} {code}");
            assert_eq!(reply.code, Some(code.to_string()));
        }
    }

    #[test]
    fn an_answer_without_a_code_is_read_by_its_status() {
        for (status, class) in [
            (400, Class::Permanent),
            (401, Class::Credentials),
            (403, Class::Credentials),
            (429, Class::Throttled),
            (502, Class::Transient),
        ] {
            let reply = read(&Answer::of(status, &[], "<html>"), seen());
            assert_eq!(reply.class, class, "{status}");
            assert_eq!(reply.code, Some(status.to_string()));
        }
    }
}
