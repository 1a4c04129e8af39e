//! How SendGrid's answer reads.

use serde::Deserialize;

use crate::domain::{Reason, Reply};
use crate::providers::http::{Answer, Seen};
use crate::providers::verdict::Verdict;

/// SendGrid: errors page.
#[derive(Deserialize)]
struct Errors {
    errors: Vec<Fault>,
}

#[derive(Deserialize)]
struct Fault {
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    field: Option<String>,
}

/// The reply that an answer makes. Success is 202 with an empty body, 200 in sandbox mode; the id
/// is in a header, so that a garbled body costs nothing.
pub(crate) fn read(answer: &Answer, seen: Seen<'_>) -> Reply {
    if answer.is_success() {
        return answer.accepted(answer.header("x-message-id"));
    }
    let faults = answer
        .json::<Errors>()
        .map(|body| body.errors)
        .unwrap_or_default();
    let words = words(&faults);
    answer.refused(
        verdict(answer.status, &faults),
        None,
        words.as_deref(),
        seen,
    )
}

fn verdict(status: u16, faults: &[Fault]) -> Verdict {
    match status {
        400 => faults
            .iter()
            .find_map(|fault| of_field(fault.field.as_deref()?))
            .unwrap_or(Verdict::permanent(Reason::ProviderRefused)),
        // SendGrid: errors page, "Too many bad requests. Temporary block".
        403 if faults.iter().any(is_temporary_block) => Verdict::TRANSIENT,
        status => Verdict::of_status(status),
    }
}

/// Which part of the mail a validation error is about.
fn of_field(field: &str) -> Option<Verdict> {
    let recipient = ["personalizations", ".to"];
    if recipient.iter().all(|part| field.contains(part)) {
        return Some(Verdict::permanent(Reason::InvalidRecipient));
    }
    // Our sender is wrong, not the message.
    if field.starts_with("from") {
        return Some(Verdict::MISCONFIGURED);
    }
    let content = ["subject", "content", "personalizations"];
    content
        .iter()
        .any(|part| field.starts_with(part))
        .then_some(Verdict::permanent(Reason::ContentRefused))
}

fn is_temporary_block(fault: &Fault) -> bool {
    let words = fault.message.as_deref().unwrap_or_default();
    words.to_ascii_lowercase().contains("temporary block")
}

/// `field: message`, joined; `None` when there is nothing to say.
fn words(faults: &[Fault]) -> Option<String> {
    let lines: Vec<String> = faults
        .iter()
        .filter_map(|fault| match (&fault.field, &fault.message) {
            (Some(field), Some(message)) => Some(format!("{field}: {message}")),
            (field, message) => field.clone().or_else(|| message.clone()),
        })
        .collect();
    (!lines.is_empty()).then(|| lines.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Class;
    use crate::providers::testing::seen;

    fn fault(status: u16, field: &str, message: &str) -> Reply {
        let field: Option<&str> = (!field.is_empty()).then_some(field);
        let body = serde_json::json!({"errors": [{"field": field, "message": message}]});
        read(&Answer::of(status, &[], &body.to_string()), seen())
    }

    #[test]
    fn accepted_with_the_id_of_the_header() {
        let headers = [("x-message-id", "14c5d75ce93")];
        let reply = read(&Answer::of(202, &headers, "\u{0}garbage"), seen());
        assert_eq!(
            reply,
            Reply::accepted("202", Some("14c5d75ce93".to_owned()))
        );
        let reply = read(&Answer::of(200, &[], ""), seen());
        assert_eq!(reply, Reply::accepted("200", None));
    }

    #[test]
    fn refusals_read_as_the_table_says() {
        use Class::{Credentials, Misconfigured, Permanent, Throttled, Transient};
        for (status, field, message, class, reason) in [
            (
                400,
                "personalizations.0.to.0.email",
                "bad",
                Permanent,
                Some(Reason::InvalidRecipient),
            ),
            (
                400,
                "from.email",
                "bad",
                Misconfigured,
                Some(Reason::ProviderMisconfigured),
            ),
            (
                400,
                "content.0.value",
                "bad",
                Permanent,
                Some(Reason::ContentRefused),
            ),
            (
                400,
                "subject",
                "bad",
                Permanent,
                Some(Reason::ContentRefused),
            ),
            (
                400,
                "",
                "Bad Request",
                Permanent,
                Some(Reason::ProviderRefused),
            ),
            (401, "", "authorization required", Credentials, None),
            (
                403,
                "from",
                "not a verified Sender Identity",
                Credentials,
                None,
            ),
            (
                403,
                "",
                "Too many bad requests. Temporary block",
                Transient,
                None,
            ),
            (
                404,
                "",
                "not found",
                Misconfigured,
                Some(Reason::ProviderMisconfigured),
            ),
            (
                406,
                "",
                "no Accept",
                Misconfigured,
                Some(Reason::ProviderMisconfigured),
            ),
            (
                413,
                "",
                "too large",
                Permanent,
                Some(Reason::MessageTooLarge),
            ),
            (429, "", "too many requests", Throttled, None),
            (
                451,
                "",
                "region",
                Misconfigured,
                Some(Reason::ProviderMisconfigured),
            ),
            (500, "", "internal", Transient, None),
            (503, "", "unavailable", Transient, None),
        ] {
            let reply = fault(status, field, message);
            assert_eq!(
                (reply.class, reply.reason),
                (class, reason),
                "{status} {field}"
            );
            assert_eq!(reply.code, Some(status.to_string()));
            assert!(!reply.dead_address);
        }
    }

    #[test]
    fn the_wait_comes_from_the_reset_time() {
        let headers = [("x-ratelimit-reset", "1795176020")];
        let reply = read(&Answer::of(429, &headers, ""), seen());
        assert_eq!(reply.retry_after, Some(std::time::Duration::from_secs(20)));
    }

    #[test]
    fn details_name_the_field_and_not_the_person() {
        let reply = fault(
            400,
            "personalizations.0.to.0.email",
            "ANA@example.com is not valid",
        );
        insta::assert_snapshot!(reply.detail.unwrap(), @"personalizations.0.to.0.email: <address> is not valid");
        let html = read(
            &Answer::of(413, &[], "<html>413 ana@example.com</html>"),
            seen(),
        );
        insta::assert_snapshot!(html.detail.unwrap(), @"HTTP 413 with 32 bytes that say no more");
    }
}
