//! How SendGrid's answer reads.

use std::collections::HashMap;

use serde::Deserialize;

use crate::domain::{Class, Reason, Reply};
use crate::providers::http::{Answer, Seen};
use crate::providers::verdict::Verdict;
use crate::providers::{Delivery, Replies, scrub};

/// SendGrid: errors page.
#[derive(Deserialize)]
struct Errors {
    errors: Vec<Fault>,
}

#[derive(Clone, Deserialize)]
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
    reply(answer, verdict(answer.status, &faults), &faults, seen)
}

/// What the answer to one request for these says of each. One id stands for all that it accepts.
///
/// A refusal for good is one of the whole request: nobody was sent. It is passed on only to whom it is
/// surely about: everybody, if it names what all share, or those whose address it names. The others
/// stay undecided.
pub(crate) fn read_many(answer: &Answer, sent: &[&Delivery<'_>]) -> Replies {
    let Some(first) = sent.first() else {
        return Replies::undecided(0);
    };
    let seen = Seen::of(first);
    let faults = match answer.is_success() {
        true => vec![],
        false => answer.json::<Errors>().map_or(vec![], |body| body.errors),
    };
    let faults = without_addresses(faults, sent);
    let whole = match answer.is_success() {
        true => read(answer, seen),
        false => reply(answer, verdict(answer.status, &faults), &faults, seen),
    };
    if whole.class != Class::Permanent {
        return Replies::all(whole, sent.len());
    }
    let shared = || faults.iter().find_map(|fault| of_shared(fault.field()?));
    if let Some(verdict) = shared().filter(|_| answer.status == 400) {
        return Replies::all(reply(answer, verdict, &faults, seen), sent.len());
    }
    let mut replies = Replies::undecided(sent.len());
    replies.request = Some(whole);
    for (at, slot) in replies.each.iter_mut().enumerate() {
        let own: Vec<Fault> = faults
            .iter()
            .filter(|fault| answer.status == 400 && fault.recipient() == Some(at))
            .cloned()
            .collect();
        if !own.is_empty() {
            let verdict = Verdict::permanent(Reason::InvalidRecipient);
            *slot = Some(reply(answer, verdict, &own, seen));
        }
    }
    replies
}

fn reply(answer: &Answer, verdict: Verdict, faults: &[Fault], seen: Seen<'_>) -> Reply {
    answer.refused(verdict, None, words(faults).as_deref(), seen)
}

impl Fault {
    fn field(&self) -> Option<&str> {
        self.field.as_deref()
    }

    /// Which personalization's address it is about.
    fn recipient(&self) -> Option<usize> {
        let (at, rest) = self
            .field()?
            .strip_prefix("personalizations.")?
            .split_once('.')?;
        let is_address = rest == "to" || rest.starts_with("to.");
        at.parse().ok().filter(|_| is_address)
    }
}

/// Nobody's address is to stand in another's timeline. Most faults say the same, which is looked at
/// once: there may be as many as addresses.
fn without_addresses(mut faults: Vec<Fault>, sent: &[&Delivery<'_>]) -> Vec<Fault> {
    let mut known: HashMap<String, String> = HashMap::new();
    for message in faults.iter_mut().filter_map(|fault| fault.message.as_mut()) {
        let clean = known.entry(message.clone()).or_insert_with(|| {
            let text = message.clone();
            let scrub = |text: String, one: &&Delivery<'_>| scrub::scrub(&text, one.address);
            sent.iter().fold(text, scrub)
        });
        message.clone_from(clean);
    }
    faults
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
    let other = || Verdict::permanent(Reason::ContentRefused);
    of_shared(field).or_else(|| field.starts_with("personalizations").then(other))
}

/// Which part of the mail that is the same for all its recipients a validation error is about.
fn of_shared(field: &str) -> Option<Verdict> {
    // Our sender is wrong, not the message.
    if field.starts_with("from") {
        return Some(Verdict::MISCONFIGURED);
    }
    let is_content = field.starts_with("subject") || field.starts_with("content");
    is_content.then_some(Verdict::permanent(Reason::ContentRefused))
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
    use crate::providers::testing::{delivery, seen};

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

    const ADDRESSES: [&str; 4] = ["ana@x.org", "ben@x.org", "cid@x.org", "dan@x.org"];

    fn many(answer: &Answer) -> Replies {
        let content = crate::domain::Content::default();
        let sent = ADDRESSES.map(|address| delivery(address, &content));
        read_many(answer, &sent.each_ref())
    }

    /// What a 400 that names these fields says of each of four.
    fn refused_many(fields: &[&str]) -> Vec<Option<Reason>> {
        let faults = fields.iter().map(|field| {
            serde_json::json!({"field": (!field.is_empty()).then_some(field), "message": "bad"})
        });
        let body = serde_json::json!({ "errors": faults.collect::<Vec<_>>() }).to_string();
        let replies = many(&Answer::of(400, &[], &body));
        assert!(
            replies
                .request
                .is_some_and(|whole| whole.class != Class::Accepted)
        );
        let reasons = replies.each.into_iter().map(|reply| reply?.reason);
        reasons.collect()
    }

    #[test]
    fn one_answer_for_many_is_everybodys() {
        let taken = many(&Answer::of(202, &[("x-message-id", "14c5")], ""));
        let accepted = Reply::accepted("202", Some("14c5".to_owned()));
        assert_eq!(taken, Replies::all(accepted, 4));
        for (status, class) in [
            (401, Class::Credentials),
            (404, Class::Misconfigured),
            (429, Class::Throttled),
            (503, Class::Transient),
            (700, Class::Unknown),
        ] {
            let replies = many(&Answer::of(status, &[], ""));
            let classes = replies.each.iter().flatten().map(|reply| reply.class);
            assert!(classes.eq([class; 4]), "{status}");
        }
    }

    #[test]
    fn a_refusal_of_many_is_passed_on_to_whom_it_is_surely_about() {
        let bad = Some(Reason::InvalidRecipient);
        let content = [Some(Reason::ContentRefused); 4];
        let sender = [Some(Reason::ProviderMisconfigured); 4];
        let (second, nobody) = ([None, bad, None, None], [None; 4]);
        for (fields, expected) in [
            (&["personalizations.1.to.0.email"][..], second),
            (&["personalizations.1.to"], second),
            (&["personalizations.1.to.0.email", ""], second),
            (
                &["personalizations.1.to", "personalizations.3.to"],
                [None, bad, None, bad],
            ),
            (&["content.0.value"], content),
            (&["personalizations.1.to", "subject"], content),
            (&["from.email"], sender),
            (&["personalizations.4.to.0.email"], nobody),
            (&["personalizations.-1.to"], nobody),
            (&["personalizations.1.custom_args"], nobody),
            (&["personalizations.1.topic"], nobody),
            (&["personalizations"], nobody),
            (&[""], nobody),
            (&[], nobody),
        ] {
            assert_eq!(refused_many(fields), expected, "{fields:?}");
        }
        let too_large = many(&Answer::of(413, &[], "<html>"));
        assert_eq!(too_large.each, vec![None; 4]);
        assert_eq!(
            too_large.request.unwrap().reason,
            Some(Reason::MessageTooLarge)
        );
    }

    #[test]
    fn nobody_reads_anothers_address() {
        let body = r#"{"errors":[{"field":"personalizations.1.to.0.email","message":"BEN@x.org is bad"},
            {"field":"personalizations.3.to.0.email","message":"dan@x.org is not ana@x.org"}]}"#;
        for (status, expected) in [(400, 2), (503, 4)] {
            let replies = many(&Answer::of(status, &[], body));
            let told: Vec<Reply> = replies.each.into_iter().flatten().collect();
            assert_eq!(told.len(), expected);
            for detail in told
                .into_iter()
                .chain(replies.request)
                .filter_map(|reply| reply.detail)
            {
                assert!(!detail.to_lowercase().contains("@x.org"), "{detail}");
            }
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
