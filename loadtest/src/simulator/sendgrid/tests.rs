use serde_json::{Value, json};
use uuid::Uuid;

use super::super::judge::Refusal;
use super::super::testing::{answer_of, inbound, json_request, judge, refusal_of};
use super::*;

fn mail() -> Value {
    json!({
        "personalizations": [{
            "to": [{ "email": "ana@example.com" }],
            "custom_args": { "herald_notification_id": "0190c1a0-0000-7000-8000-000000000001" },
        }],
        "from": { "email": "hello@example.com", "name": "Herald" },
        "subject": "Hello",
        "content": [{ "type": "text/plain", "value": "hk:1:2;" }],
    })
}

fn send(body: &Value) -> Verdict {
    let request = json_request("/v3/mail/send", "Bearer SG.key", body);
    judge(&SendGrid::new(None), &request)
}

#[test]
fn a_good_mail_is_accepted_with_its_notification_id() {
    let Verdict::Accept {
        acceptances,
        answer,
    } = send(&mail())
    else {
        panic!("refused");
    };
    assert_eq!(answer.status, 202);
    assert!(answer.body.is_empty());
    assert_eq!(answer.headers[0].0, "x-message-id");
    let expected = "0190c1a0-0000-7000-8000-000000000001"
        .parse::<Uuid>()
        .unwrap();
    assert_eq!(acceptances.len(), 1);
    assert_eq!(acceptances[0].notification_id, Some(expected));
    assert_eq!(acceptances[0].recipient, "ana@example.com");
}

#[test]
fn each_personalization_is_an_acceptance_with_its_own_marker() {
    let mut body = mail();
    body["personalizations"] = json!([
        { "to": [{ "email": "a@example.com" }], "subject": "hk:1:9;" },
        { "to": [{ "email": "b@example.com" }], "dynamic_template_data": { "x": "hk:2:9;" } },
    ]);
    let Verdict::Accept { acceptances, .. } = send(&body) else {
        panic!("refused");
    };
    let sequences: Vec<_> = acceptances
        .iter()
        .map(|one| one.marker.unwrap().sequence)
        .collect();
    assert_eq!(sequences, [1, 2]);
}

#[test]
fn the_sandbox_validates_and_sends_nothing() {
    let mut body = mail();
    body["mail_settings"] = json!({ "sandbox_mode": { "enable": true } });
    let Verdict::Serve { answer, .. } = send(&body) else {
        panic!("not served");
    };
    assert_eq!(answer.status, 200);
}

#[test]
fn each_mistake_is_refused_and_its_field_named() {
    let cases: [(&str, Value, &str); 16] = [
        ("/personalizations", json!([]), "personalizations"),
        ("/personalizations/0/to", json!([]), "personalizations.0.to"),
        (
            "/personalizations/0/to/0/email",
            json!("nobody"),
            "personalizations.0.to.0.email",
        ),
        (
            "/personalizations/0/to/0/name",
            json!("a, b"),
            "personalizations.0.to.0.name",
        ),
        (
            "/personalizations/0/send_at",
            json!(99_999_999_999_i64),
            "personalizations.0.send_at",
        ),
        (
            "/personalizations/0/headers",
            json!({ "Subject": "x" }),
            "personalizations.0.headers.Subject",
        ),
        (
            "/personalizations/0/cc",
            json!([{ "email": "ANA@example.com" }]),
            "personalizations",
        ),
        (
            "/personalizations/0/custom_args",
            json!({ "a": "x".repeat(10_000) }),
            "personalizations.0.custom_args",
        ),
        ("/from", json!({ "name": "x" }), "from.email"),
        ("/from/email", json!("grüße@example.com"), "from.email"),
        ("/subject", json!(""), "subject"),
        ("/content", json!([]), "content"),
        ("/content/0/value", json!(""), "content.0.value"),
        (
            "/content",
            json!([{ "type": "text/html", "value": "x" }, { "type": "text/plain", "value": "x" }]),
            "content",
        ),
        ("/categories", json!(["a", "a"]), "categories"),
        (
            "/attachments",
            json!([{ "content": "eA==" }]),
            "attachments.0.filename",
        ),
    ];
    for (pointer, value, field) in cases {
        let mut body = mail();
        set(&mut body, pointer, value);
        let verdict = send(&body);
        assert_eq!(refusal_of(&verdict), Some(Refusal::Malformed), "{pointer}");
        let (status, answer) = answer_of(&verdict);
        assert_eq!(status, 400, "{pointer}");
        assert_eq!(answer["errors"][0]["field"], field, "{pointer}: {answer}");
        assert!(answer["errors"][0]["message"].is_string());
    }
}

/// Sets a value, making the last step of the path when it is not there yet.
fn set(body: &mut Value, pointer: &str, value: Value) {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent = body.pointer_mut(parent).unwrap();
    match parent {
        Value::Array(items) => items[key.parse::<usize>().unwrap()] = value,
        _ => parent[key] = value,
    }
}

#[test]
fn wrong_types_unknown_keys_and_no_json_are_bad_requests() {
    let mut unknown = mail();
    unknown["subjekt"] = json!("x");
    let mut list = mail();
    list["personalizations"][0]["custom_args"] = json!(["x"]);
    for body in [unknown, list, json!("not an object"), json!({})] {
        let verdict = send(&body);
        assert_eq!(refusal_of(&verdict), Some(Refusal::Malformed), "{body}");
        assert_eq!(answer_of(&verdict).0, 400);
    }
}

fn personalizations(count: usize) -> Value {
    let each = (0..count).map(|n| {
        let id = Uuid::from_u128(n as u128);
        json!({
            "to": [{ "email": format!("u{n}@example.com") }],
            "custom_args": { "herald_notification_id": id },
        })
    });
    each.collect()
}

#[test]
fn a_thousand_personalizations_are_each_its_own_acceptance_and_one_more_is_too_many() {
    let mut body = mail();
    body["personalizations"] = personalizations(1_000);
    let Verdict::Accept { acceptances, .. } = send(&body) else {
        panic!("refused");
    };
    let told = |one: &Acceptance| {
        (
            one.notification_id.unwrap().as_u128(),
            one.recipient.clone(),
        )
    };
    let expected = (0..1_000_u128).map(|n| (n, format!("u{n}@example.com")));
    assert!(acceptances.iter().map(told).eq(expected));
    body["personalizations"] = personalizations(1_001);
    let (status, answer) = answer_of(&send(&body));
    assert_eq!(
        (status, &answer["errors"][0]["field"]),
        (400, &json!("personalizations"))
    );
}

#[test]
fn an_address_that_stands_in_two_personalizations_fails_all_of_them() {
    let mut body = mail();
    body["personalizations"] = personalizations(3);
    body["personalizations"][2]["to"][0]["email"] = json!("U0@Example.com");
    let (status, answer) = answer_of(&send(&body));
    assert_eq!(
        (status, &answer["errors"][0]["field"]),
        (400, &json!("personalizations"))
    );
}

#[test]
fn a_refusal_because_of_some_names_their_places() {
    let mut body = mail();
    body["personalizations"] = personalizations(4);
    let request = json_request("/v3/mail/send", "Bearer SG.key", &body);
    let inbound = inbound(&request);
    let bad = ["u1@example.com".to_owned(), "u3@example.com".to_owned()];
    let about = |status, bad: &[String]| {
        let answer = SendGrid::new(None).error_about(status, bad, &inbound);
        let body: Value = serde_json::from_slice(&answer.body).unwrap();
        let fields = body["errors"].as_array().unwrap().iter();
        fields.map(|one| one["field"].clone()).collect::<Vec<_>>()
    };
    let places = [1, 3].map(|n| json!(format!("personalizations.{n}.to.0.email")));
    assert_eq!(about(400, &bad), places);
    assert_eq!(about(503, &bad), [Value::Null]);
    assert_eq!(about(400, &[]), [Value::Null]);
}

#[test]
fn too_many_recipients_are_refused() {
    let mut body = mail();
    let many: Vec<_> = (0..1001)
        .map(|n| json!({ "email": format!("u{n}@example.com") }))
        .collect();
    body["personalizations"][0]["to"] = json!(many);
    assert_eq!(
        answer_of(&send(&body)).1["errors"][0]["field"],
        "personalizations"
    );
}

#[test]
fn keys_paths_and_content_types_are_checked() {
    let strict = SendGrid::new(Some("SG.right".into()));
    let wrong = json_request("/v3/mail/send", "Bearer SG.wrong", &mail());
    let verdict = judge(&strict, &wrong);
    assert_eq!(refusal_of(&verdict), Some(Refusal::Unauthorized));
    assert_eq!(answer_of(&verdict).0, 401);
    let mut form = json_request("/v3/mail/send", "Bearer SG.right", &mail());
    form.headers_mut()
        .insert("content-type", "text/plain".parse().unwrap());
    assert_eq!(answer_of(&judge(&strict, &form)).0, 415);
    let lost = json_request("/v3/mail/sent", "Bearer SG.right", &mail());
    assert_eq!(answer_of(&judge(&strict, &lost)).0, 404);
}
