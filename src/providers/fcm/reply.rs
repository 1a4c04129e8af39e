//! How FCM's answer reads: by the `errorCode` of an `FcmError` in the details, else by status.

use std::time::Duration;

use serde::Deserialize;

use crate::domain::{Class, Reason, Reply};
use crate::providers::http::{Answer, Seen};
use crate::providers::verdict::Verdict;

/// FCM: ErrorCode, QUOTA_EXCEEDED: wait a minute when nothing is said.
const QUOTA_WAIT: Duration = Duration::from_secs(60);

#[derive(Deserialize)]
struct Sent {
    name: String,
}

#[derive(Deserialize)]
struct Body {
    error: Fault,
}

#[derive(Deserialize, Default)]
struct Fault {
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    details: Vec<Detail>,
}

#[derive(Deserialize)]
struct Detail {
    #[serde(rename = "@type", default)]
    kind: String,
    #[serde(rename = "errorCode", default)]
    error_code: Option<String>,
    #[serde(rename = "fieldViolations", default)]
    violations: Vec<Violation>,
}

#[derive(Deserialize)]
struct Violation {
    #[serde(default)]
    field: String,
}

/// The reply that an answer makes.
pub(crate) fn read(answer: &Answer, seen: Seen<'_>) -> Reply {
    if answer.is_success() {
        let sent = answer.json::<Sent>();
        return answer.accepted(sent.as_ref().map(|sent| sent.name.as_str()));
    }
    let fault = fault(answer);
    let code = fault.error_code().or(fault.status.as_deref());
    let verdict = verdict(answer.status, &fault);
    let code = code.map(str::to_owned);
    let mut reply = answer.refused(verdict, code, fault.message.as_deref(), seen);
    if reply.class == Class::Throttled {
        reply.retry_after = reply.retry_after.or(Some(QUOTA_WAIT));
    }
    reply
}

/// Whether the access token was refused: a 401 that is not about APNs or web-push credentials.
pub(super) fn refuses_token(answer: &Answer) -> bool {
    answer.status == 401 && verdict(401, &fault(answer)) == Verdict::CREDENTIALS
}

fn fault(answer: &Answer) -> Fault {
    answer
        .json::<Body>()
        .map(|body| body.error)
        .unwrap_or_default()
}

impl Fault {
    fn error_code(&self) -> Option<&str> {
        let mut details = self.details.iter();
        details.find_map(|detail| match detail.kind.ends_with("FcmError") {
            true => detail.error_code.as_deref(),
            false => None,
        })
    }

    /// FCM: ErrorCode, INVALID_ARGUMENT: an `FcmError` alone is about the token; a `BadRequest`
    /// about the field that it names. A live token must not be lost to a bad payload.
    fn is_about_token(&self) -> bool {
        let mut violations = self.details.iter().flat_map(|detail| &detail.violations);
        let bad_request = self.details.iter().any(|d| d.kind.ends_with("BadRequest"));
        match bad_request {
            true => violations.any(|violation| violation.field == "message.token"),
            false => self.error_code().is_some(),
        }
    }

    fn is_about_size(&self) -> bool {
        let words = self.message.as_deref().unwrap_or_default();
        words.to_ascii_lowercase().contains("too big")
    }
}

/// A server error never refuses for good, whatever it says besides.
fn verdict(status: u16, fault: &Fault) -> Verdict {
    let by_status = Verdict::of_status(status);
    if !(400..=499).contains(&status) {
        return by_status;
    }
    match fault.error_code() {
        Some("UNREGISTERED") => Verdict::dead(Reason::Unregistered),
        Some("SENDER_ID_MISMATCH") => Verdict::permanent(Reason::InvalidRecipient),
        Some("THIRD_PARTY_AUTH_ERROR" | "APNS_AUTH_ERROR") => Verdict::MISCONFIGURED,
        Some("QUOTA_EXCEEDED") => Verdict::THROTTLED,
        Some("INTERNAL" | "UNAVAILABLE") => Verdict::TRANSIENT,
        _ if status == 400 => bad_request(fault),
        _ => by_status,
    }
}

fn bad_request(fault: &Fault) -> Verdict {
    if fault.is_about_size() {
        Verdict::permanent(Reason::MessageTooLarge)
    } else if fault.is_about_token() {
        Verdict::dead(Reason::InvalidRecipient)
    } else {
        Verdict::permanent(Reason::ContentRefused)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::providers::testing::seen;

    fn refused(status: u16, error_status: &str, details: Value) -> Reply {
        let message = "no";
        let error =
            json!({"code": status, "message": message, "status": error_status, "details": details});
        read(
            &Answer::of(status, &[], &json!({"error": error}).to_string()),
            seen(),
        )
    }

    fn fcm_error(code: &str) -> Value {
        let kind = "type.googleapis.com/google.firebase.fcm.v1.FcmError";
        json!([{"@type": kind, "errorCode": code}])
    }

    fn violation(field: &str) -> Value {
        let kind = "type.googleapis.com/google.rpc.BadRequest";
        json!({"@type": kind, "fieldViolations": [{"field": field, "description": "bad"}]})
    }

    #[test]
    fn sent_with_its_name() {
        let reply = read(
            &Answer::of(200, &[], r#"{"name":"projects/p/messages/1"}"#),
            seen(),
        );
        assert_eq!(
            reply,
            Reply::accepted("200", Some("projects/p/messages/1".to_owned()))
        );
        let reply = read(&Answer::of(200, &[], r#"{"na"#), seen());
        assert_eq!(reply, Reply::accepted("200", None));
    }

    #[test]
    fn the_error_code_goes_before_the_status() {
        for (status, code, class, reason, dead) in [
            (
                404,
                "UNREGISTERED",
                Class::Permanent,
                Some(Reason::Unregistered),
                true,
            ),
            (
                400,
                "INVALID_ARGUMENT",
                Class::Permanent,
                Some(Reason::InvalidRecipient),
                true,
            ),
            (
                403,
                "SENDER_ID_MISMATCH",
                Class::Permanent,
                Some(Reason::InvalidRecipient),
                false,
            ),
            (
                401,
                "THIRD_PARTY_AUTH_ERROR",
                Class::Misconfigured,
                Some(Reason::ProviderMisconfigured),
                false,
            ),
            (429, "QUOTA_EXCEEDED", Class::Throttled, None, false),
            (500, "INTERNAL", Class::Transient, None, false),
            (503, "UNAVAILABLE", Class::Transient, None, false),
            (500, "UNREGISTERED", Class::Transient, None, false),
        ] {
            let reply = refused(status, "X", fcm_error(code));
            let read = (reply.class, reply.reason, reply.dead_address);
            assert_eq!(read, (class, reason, dead), "{code}");
            assert_eq!(reply.code.as_deref(), Some(code));
        }
    }

    #[test]
    fn without_an_fcm_error_the_account_is_meant() {
        for (status, word, class) in [
            (401, "UNAUTHENTICATED", Class::Credentials),
            (403, "PERMISSION_DENIED", Class::Credentials),
            (404, "NOT_FOUND", Class::Misconfigured),
        ] {
            let reply = refused(status, word, json!([]));
            assert_eq!((reply.class, reply.dead_address), (class, false));
            assert_eq!(reply.code.as_deref(), Some(word));
        }
    }

    #[test]
    fn a_bad_payload_does_not_cost_the_token() {
        let payload = refused(400, "INVALID_ARGUMENT", json!([violation("message.data")]));
        assert_eq!(payload.reason, Some(Reason::ContentRefused));
        assert!(!payload.dead_address);
        let mut both = fcm_error("INVALID_ARGUMENT");
        both.as_array_mut()
            .unwrap()
            .push(violation("message.android.ttl"));
        assert!(!refused(400, "INVALID_ARGUMENT", both).dead_address);
        let token = json!([violation("message.token")]);
        assert!(refused(400, "INVALID_ARGUMENT", token).dead_address);
        let body = r#"{"error":{"message":"Message is too big","details":[{"@type":"x.FcmError","errorCode":"INVALID_ARGUMENT"}]}}"#;
        let big = read(&Answer::of(400, &[], body), seen());
        assert_eq!(
            (big.reason, big.dead_address),
            (Some(Reason::MessageTooLarge), false)
        );
    }

    #[test]
    fn a_spent_quota_waits_a_minute_unless_told_otherwise() {
        let body = r#"{"error":{"status":"RESOURCE_EXHAUSTED"}}"#;
        let plain = read(&Answer::of(429, &[], body), seen());
        assert_eq!(plain.retry_after, Some(Duration::from_secs(60)));
        let told = read(&Answer::of(429, &[("retry-after", "7")], body), seen());
        assert_eq!(told.retry_after, Some(Duration::from_secs(7)));
        let unavailable = read(&Answer::of(503, &[("retry-after", "9")], ""), seen());
        assert_eq!(unavailable.retry_after, Some(Duration::from_secs(9)));
    }

    #[test]
    fn only_a_refused_token_is_renewed() {
        let plain = json!({"error": {"status": "UNAUTHENTICATED"}}).to_string();
        assert!(refuses_token(&Answer::of(401, &[], &plain)));
        assert!(refuses_token(&Answer::of(401, &[], "garbage")));
        let apns = json!({"error": {"details": fcm_error("THIRD_PARTY_AUTH_ERROR")}}).to_string();
        assert!(!refuses_token(&Answer::of(401, &[], &apns)));
        assert!(!refuses_token(&Answer::of(403, &[], &plain)));
    }
}
