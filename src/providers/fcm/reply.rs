//! How FCM's answer reads: by the `errorCode` of an `FcmError` in the details, else by status.

use std::time::Duration;

use serde::Deserialize;

use crate::domain::{AccountFault, Class, Reason, Reply};
use crate::providers::http::{HttpAnswer, ReplyContext};
use crate::providers::verdict::ResponseClass;

/// How long a message waits for the platform that refuses the project's own key for it.
const PLATFORM_WAIT: Duration = Duration::from_secs(600);
/// The project's key for one platform (APNs, web push) is refused: others are served.
const PLATFORM_REFUSED: ResponseClass =
    ResponseClass::TOO_EARLY.by_fault(AccountFault::Credentials);

/// FCM: ErrorCode, QUOTA_EXCEEDED: wait a minute when nothing is said.
const QUOTA_WAIT: Duration = Duration::from_secs(60);

#[derive(Deserialize)]
struct Sent {
    name: String,
}

#[derive(Deserialize)]
struct FcmErrorBody {
    error: FcmFault,
}

#[derive(Deserialize, Default)]
struct FcmFault {
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
    /// Of a `QuotaFailure`.
    #[serde(rename = "violations", default)]
    spent: Vec<Spent>,
}

#[derive(Deserialize)]
struct Violation {
    #[serde(default)]
    field: String,
}

#[derive(Deserialize)]
struct Spent {
    #[serde(default)]
    subject: String,
}

/// The reply that an answer makes. Success is JSON with the message's `name`; a body that breaks off
/// costs only the id.
pub(crate) fn read(answer: &HttpAnswer, seen: ReplyContext<'_>) -> Reply {
    if answer.is_success() {
        let sent = answer.json::<Sent>();
        return match sent {
            Some(sent) => answer.accepted(Some(&sent.name)),
            None if answer.is_cut_short() => answer.accepted(None),
            None => answer.strange(),
        };
    }
    let fault = fault(answer);
    let code = fault.error_code().or(fault.status.as_deref());
    let verdict = verdict(answer.status, &fault);
    let code = code.map(str::to_owned);
    let mut reply = answer.refused(verdict, code, fault.message.as_deref(), seen);
    if reply.class == Class::Throttled {
        let wait = match verdict == PLATFORM_REFUSED {
            true => PLATFORM_WAIT,
            false => QUOTA_WAIT,
        };
        reply.retry_after = reply.retry_after.or(Some(wait));
    }
    reply
}

/// Whether the access token was refused: a 401 that is not about APNs or web-push credentials.
pub(super) fn refuses_token(answer: &HttpAnswer) -> bool {
    answer.status == 401 && verdict(401, &fault(answer)) == ResponseClass::CREDENTIALS
}

fn fault(answer: &HttpAnswer) -> FcmFault {
    answer
        .json::<FcmErrorBody>()
        .map(|body| body.error)
        .unwrap_or_default()
}

impl FcmFault {
    fn error_code(&self) -> Option<&str> {
        let mut details = self.details.iter();
        details.find_map(|detail| match detail.kind.ends_with("FcmError") {
            true => detail.error_code.as_deref(),
            false => None,
        })
    }

    /// Only words about the token itself say that it is none. `INVALID_ARGUMENT` alone may as well be
    /// about the payload, and a live device must not be lost to a bad template.
    fn names_token(&self) -> bool {
        let words = self.message.as_deref().unwrap_or_default();
        if words
            .to_ascii_lowercase()
            .contains("registration token is not a valid")
        {
            return true;
        }
        let mut violations = self.details.iter().flat_map(|detail| &detail.violations);
        violations.any(|violation| violation.field == "message.token")
    }

    /// google.rpc.QuotaFailure: the subject on which the quota check failed, as `project:...`. FCM
    /// says the same word for the rate of the project, of a topic and of one device.
    fn is_about_project(&self) -> bool {
        let mut spent = self.details.iter().flat_map(|detail| &detail.spent);
        spent.any(|spent| spent.subject.starts_with("project"))
    }

    fn is_invalid_argument(&self) -> bool {
        let code = self.error_code().or(self.status.as_deref());
        code == Some("INVALID_ARGUMENT")
    }

    fn is_about_size(&self) -> bool {
        let words = self.message.as_deref().unwrap_or_default();
        words.to_ascii_lowercase().contains("too big")
    }
}

/// A server error never refuses for good, whatever it says besides.
fn verdict(status: u16, fault: &FcmFault) -> ResponseClass {
    let by_status = ResponseClass::of_status(status);
    if !(400..=499).contains(&status) {
        return by_status;
    }
    match fault.error_code() {
        Some("UNREGISTERED") => ResponseClass::dead(Reason::Unregistered),
        // The token is another project's.
        Some("SENDER_ID_MISMATCH") => ResponseClass::NOT_BY_ACCOUNT,
        // What an operator mends is no end of a message.
        Some("THIRD_PARTY_AUTH_ERROR" | "APNS_AUTH_ERROR") => PLATFORM_REFUSED,
        Some("INTERNAL" | "UNAVAILABLE") => ResponseClass::TRANSIENT,
        _ if by_status == ResponseClass::THROTTLED => throttled(fault),
        Some("QUOTA_EXCEEDED") => throttled(fault),
        _ if status == 400 => bad_request(fault),
        // A code that Google added later may be about anything, but for whom the status names.
        Some(_) if by_status.is_of_login_or_plan() => by_status,
        Some(_) => ResponseClass::UNLISTED,
        // Google's own words for a project that is none and, in its SDKs' tables, for a device that is
        // gone. One device must not take out the account: it counts when several are told so.
        None if status == 404 && fault.status.as_deref() == Some("NOT_FOUND") => {
            ResponseClass::UNLISTED
        }
        None => by_status,
    }
}

/// Unless it names the project, it may be the rate of this one device: the account is slowed down when
/// several are told so.
fn throttled(fault: &FcmFault) -> ResponseClass {
    match fault.is_about_project() {
        true => ResponseClass::THROTTLED,
        false => ResponseClass::ADDRESS_THROTTLED,
    }
}

fn bad_request(fault: &FcmFault) -> ResponseClass {
    if fault.is_about_size() {
        ResponseClass::permanent(Reason::MessageTooLarge)
    } else if fault.names_token() {
        ResponseClass::dead(Reason::InvalidRecipient)
    } else if fault.is_invalid_argument() {
        ResponseClass::permanent(Reason::ContentRefused)
    } else {
        ResponseClass::UNLISTED
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::domain::Subject;
    use crate::providers::testing::seen;

    fn refused(status: u16, error_status: &str, details: Value) -> Reply {
        let message = "no";
        let error =
            json!({"code": status, "message": message, "status": error_status, "details": details});
        read(
            &HttpAnswer::of(status, &[], &json!({"error": error}).to_string()),
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
            &HttpAnswer::of(200, &[], r#"{"name":"projects/p/messages/1"}"#),
            seen(),
        );
        assert_eq!(
            reply,
            Reply::accepted("200", Some("projects/p/messages/1".to_owned()))
        );
        let reply = read(&HttpAnswer::of(200, &[], r#"{"na"#), seen());
        assert_eq!(reply, Reply::accepted("200", None));
        for body in ["<html>", "", "{}", "[]"] {
            let strange = read(&HttpAnswer::of(200, &[], body), seen());
            assert_eq!(strange.class, Class::Unknown, "{body}");
        }
    }

    #[test]
    fn a_key_that_one_platform_refuses_ends_no_message() {
        for code in ["THIRD_PARTY_AUTH_ERROR", "APNS_AUTH_ERROR"] {
            let reply = refused(401, "X", fcm_error(code));
            let waits = (Class::Throttled, Subject::Message);
            assert_eq!((reply.class, reply.subject), waits);
            assert_eq!(reply.fault, Some(AccountFault::Credentials));
            assert_eq!(reply.retry_after, Some(PLATFORM_WAIT));
        }
    }

    #[test]
    fn the_error_code_goes_before_the_status() {
        let content = ResponseClass::permanent(Reason::ContentRefused);
        for (status, code, expected) in [
            (
                404,
                "UNREGISTERED",
                ResponseClass::dead(Reason::Unregistered),
            ),
            (400, "INVALID_ARGUMENT", content),
            (403, "SENDER_ID_MISMATCH", ResponseClass::NOT_BY_ACCOUNT),
            (400, "SOMETHING_NEW", ResponseClass::UNLISTED),
            (401, "SOMETHING_NEW", ResponseClass::CREDENTIALS),
            (403, "SOMETHING_NEW", ResponseClass::CREDENTIALS),
            (404, "SOMETHING_NEW", ResponseClass::UNLISTED),
            (500, "INTERNAL", ResponseClass::TRANSIENT),
            (503, "UNAVAILABLE", ResponseClass::TRANSIENT),
            (500, "UNREGISTERED", ResponseClass::TRANSIENT),
            (502, "UNREGISTERED", ResponseClass::UNKNOWN),
        ] {
            let reply = refused(status, "X", fcm_error(code));
            assert_eq!(
                reply,
                expected.reply(code, Some("no".to_owned())),
                "{status} {code}"
            );
        }
    }

    #[test]
    fn without_an_fcm_error_the_account_is_meant() {
        for (status, word, expected) in [
            (401, "UNAUTHENTICATED", ResponseClass::CREDENTIALS),
            (403, "PERMISSION_DENIED", ResponseClass::CREDENTIALS),
        ] {
            let reply = refused(status, word, json!([]));
            assert_eq!(reply, expected.reply(word, Some("no".to_owned())));
        }
    }

    #[test]
    fn an_entity_that_is_not_found_is_the_project_only_when_several_devices_get_it() {
        let reply = refused(404, "NOT_FOUND", json!([]));
        let expected = ResponseClass::UNLISTED;
        assert_eq!(reply, expected.reply("NOT_FOUND", Some("no".to_owned())));
        let page = read(&HttpAnswer::of(404, &[], "<html>not here</html>"), seen());
        assert_eq!(page.class, Class::AccountRefused, "no words of Google's");
    }

    #[test]
    fn only_words_about_the_token_cost_the_device() {
        let status = "INVALID_ARGUMENT";
        let with = |more: Value| {
            let mut details = fcm_error(status);
            details.as_array_mut().unwrap().push(more);
            details
        };
        let content = Some(Reason::ContentRefused);
        let token = Some(Reason::InvalidRecipient);
        for (details, reason, dead) in [
            (json!([]), content, false),
            (fcm_error(status), content, false),
            (json!([violation("message.data")]), content, false),
            (with(violation("message.android.ttl")), content, false),
            (with(violation("message.tokens")), content, false),
            (json!([violation("message.token")]), token, true),
            (with(violation("message.token")), token, true),
        ] {
            let reply = refused(400, status, details.clone());
            assert_eq!(reply.class, Class::Permanent);
            assert_eq!(
                (reply.reason, reply.dead_address),
                (reason, dead),
                "{details}"
            );
        }
        let words = |message: &str| {
            let error = json!({"message": message, "status": status, "details": fcm_error(status)});
            let body = json!({ "error": error }).to_string();
            read(&HttpAnswer::of(400, &[], &body), seen()).dead_address
        };
        assert!(words(
            "The registration token is not a valid FCM registration token"
        ));
        assert!(!words("Request contains an invalid argument."));
        let body = r#"{"error":{"message":"Message is too big","details":[{"@type":"x.FcmError","errorCode":"INVALID_ARGUMENT"}]}}"#;
        let big = read(&HttpAnswer::of(400, &[], body), seen());
        assert_eq!(
            (big.reason, big.dead_address),
            (Some(Reason::MessageTooLarge), false)
        );
    }

    #[test]
    fn a_quota_is_the_devices_unless_it_names_the_project() {
        let spent = |subject: &str| {
            let kind = "type.googleapis.com/google.rpc.QuotaFailure";
            let failure = json!({"@type": kind, "violations": [{"subject": subject}]});
            let mut details = fcm_error("QUOTA_EXCEEDED");
            details.as_array_mut().unwrap().push(failure);
            refused(429, "RESOURCE_EXHAUSTED", details).subject
        };
        assert_eq!(spent("project:123"), Subject::Account);
        assert_eq!(spent("device:abc"), Subject::Address);
        let plain = refused(429, "RESOURCE_EXHAUSTED", fcm_error("QUOTA_EXCEEDED"));
        assert_eq!(
            (plain.class, plain.subject),
            (Class::Throttled, Subject::Address)
        );
    }

    #[test]
    fn a_spent_quota_waits_a_minute_unless_told_otherwise() {
        let body = r#"{"error":{"status":"RESOURCE_EXHAUSTED"}}"#;
        let plain = read(&HttpAnswer::of(429, &[], body), seen());
        assert_eq!(plain.retry_after, Some(Duration::from_secs(60)));
        let told = read(&HttpAnswer::of(429, &[("retry-after", "7")], body), seen());
        assert_eq!(told.retry_after, Some(Duration::from_secs(7)));
        let unavailable = read(&HttpAnswer::of(503, &[("retry-after", "9")], ""), seen());
        assert_eq!(unavailable.retry_after, Some(Duration::from_secs(9)));
    }

    #[test]
    fn only_a_refused_token_is_renewed() {
        let plain = json!({"error": {"status": "UNAUTHENTICATED"}}).to_string();
        assert!(refuses_token(&HttpAnswer::of(401, &[], &plain)));
        assert!(refuses_token(&HttpAnswer::of(401, &[], "garbage")));
        let apns = json!({"error": {"details": fcm_error("THIRD_PARTY_AUTH_ERROR")}}).to_string();
        assert!(!refuses_token(&HttpAnswer::of(401, &[], &apns)));
        assert!(!refuses_token(&HttpAnswer::of(403, &[], &plain)));
    }
}
