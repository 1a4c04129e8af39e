use super::*;
use crate::domain::Class;
use crate::providers::testing::{delivery, seen};

fn fault(status: u16, field: &str, message: &str) -> Reply {
    let field: Option<&str> = (!field.is_empty()).then_some(field);
    let body = serde_json::json!({"errors": [{"field": field, "message": message}]});
    read(&HttpAnswer::of(status, &[], &body.to_string()), seen())
}

#[test]
fn accepted_with_the_id_of_the_header() {
    let headers = [("x-message-id", "14c5d75ce93")];
    let reply = read(&HttpAnswer::of(202, &headers, "\u{0}garbage"), seen());
    assert_eq!(
        reply,
        Reply::accepted("202", Some("14c5d75ce93".to_owned()))
    );
    let reply = read(&HttpAnswer::of(200, &[], ""), seen());
    assert_eq!(reply, Reply::accepted("200", None));
    let page = read(&HttpAnswer::of(200, &[], "<html>ok</html>"), seen());
    assert_eq!(page.class, Class::Unknown);
}

#[test]
fn refusals_read_as_the_table_says() {
    let person = ResponseClass::permanent(Reason::InvalidRecipient);
    let content = ResponseClass::permanent(Reason::ContentRefused);
    let blocked = "Too many bad requests. Temporary block";
    for (status, field, message, expected) in [
        (400, "personalizations.0.to.0.email", "bad", person),
        (400, "from.email", "bad", ResponseClass::SETTINGS),
        (400, "content.0.value", "bad", content),
        (400, "subject", "bad", content),
        (400, "", "Bad Request", ResponseClass::UNLISTED),
        (400, "a_new_field", "bad", ResponseClass::UNLISTED),
        (
            401,
            "",
            "authorization required",
            ResponseClass::CREDENTIALS,
        ),
        (
            401,
            "",
            "Maximum credits exceeded",
            ResponseClass::EXHAUSTED,
        ),
        (
            403,
            "from",
            "not a verified Sender Identity",
            ResponseClass::CREDENTIALS,
        ),
        (403, "", blocked, ResponseClass::THROTTLED),
        (404, "", "not found", ResponseClass::SETTINGS),
        (406, "", "no Accept", ResponseClass::SETTINGS),
        (
            413,
            "",
            "too large",
            ResponseClass::permanent(Reason::MessageTooLarge),
        ),
        (429, "", "too many requests", ResponseClass::THROTTLED),
        (451, "", "region", ResponseClass::SETTINGS),
        (500, "", "internal", ResponseClass::TRANSIENT),
        (502, "", "gateway", ResponseClass::UNKNOWN),
        (503, "", "unavailable", ResponseClass::TRANSIENT),
        (504, "", "gateway", ResponseClass::UNKNOWN),
    ] {
        let reply = fault(status, field, message);
        let words = reply.detail.clone();
        assert_eq!(
            reply,
            expected.reply(status.to_string(), words),
            "{status} {field} {message}"
        );
    }
}

const ADDRESSES: [&str; 4] = ["ana@x.org", "ben@x.org", "cid@x.org", "dan@x.org"];

fn many(answer: &HttpAnswer) -> Replies {
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
    let replies = many(&HttpAnswer::of(400, &[], &body));
    assert!(
        replies
            .request
            .is_some_and(|whole| whole.class != Class::Accepted)
    );
    let reasons = replies.each.into_iter().map(|reply| reply?.reason);
    reasons.collect()
}

#[test]
fn batch_answer_holds_for_every_message() {
    let taken = many(&HttpAnswer::of(202, &[("x-message-id", "14c5")], ""));
    let accepted = Reply::accepted("202", Some("14c5".to_owned()));
    assert_eq!(taken, Replies::all(accepted, 4));
    for (status, class) in [
        (401, Class::AccountRefused),
        (404, Class::AccountRefused),
        (429, Class::Throttled),
        (503, Class::Transient),
        (504, Class::Unknown),
        (700, Class::Unknown),
    ] {
        let replies = many(&HttpAnswer::of(status, &[], ""));
        let classes = replies.each.iter().flatten().map(|reply| reply.class);
        assert!(classes.eq([class; 4]), "{status}");
    }
}

#[test]
fn a_refusal_of_many_is_passed_on_to_whom_it_is_surely_about() {
    let bad = Some(Reason::InvalidRecipient);
    let content = [Some(Reason::ContentRefused); 4];
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
    let ours = many(&HttpAnswer::of(
        400,
        &[],
        r#"{"errors":[{"field":"from.email"}]}"#,
    ));
    let ours = ours.each.iter().flatten().map(|reply| reply.fault);
    assert!(ours.eq([Some(crate::domain::AccountFault::Settings); 4]));
    let too_large = many(&HttpAnswer::of(413, &[], "<html>"));
    assert_eq!(too_large.each, vec![None; 4]);
    assert_eq!(
        too_large.request.unwrap().reason,
        Some(Reason::MessageTooLarge)
    );
}

#[test]
fn batch_error_shows_no_other_recipients_address() {
    let body = r#"{"errors":[{"field":"personalizations.1.to.0.email","message":"BEN@x.org is bad"},
        {"field":"personalizations.3.to.0.email","message":"dan@x.org is not ana@x.org"}]}"#;
    for (status, expected) in [(400, 2), (503, 4)] {
        let replies = many(&HttpAnswer::of(status, &[], body));
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
    let reply = read(&HttpAnswer::of(429, &headers, ""), seen());
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
        &HttpAnswer::of(413, &[], "<html>413 ana@example.com</html>"),
        seen(),
    );
    insta::assert_snapshot!(html.detail.unwrap(), @"HTTP 413 with 32 bytes that say no more");
}
