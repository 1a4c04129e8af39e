use super::*;
use crate::domain::{Channel, Priority};
use proptest::prelude::*;
use serde_json::json;

mod content;
mod inbox;
mod mistakes;
mod slips;

fn wrapping() -> Wrapping<'static> {
    Wrapping {
        lane: Some(Lane::new(Channel::Email, Priority::Normal)),
        tenant_id: DEFAULT_TENANT,
        idempotency_key: None,
        message_id: None,
        call: None,
        traceparent: None,
        max_body_bytes: 4_096,
        now: "2026-03-01T12:00:00Z".parse().unwrap(),
    }
}

fn plain() -> Value {
    json!({
        "version": 1,
        "user_id": "0190c1a0-0000-7000-8000-000000000001",
        "channel": "email",
        "priority": "normal",
        "content": { "subject": "hello", "body": "world" },
    })
}

fn with(field: &str, value: Value) -> Value {
    let mut envelope = plain();
    envelope[field] = value;
    envelope
}

fn decoded(envelope: &Value) -> Result<Envelope, Refusal> {
    decode(envelope.to_string().as_bytes(), &wrapping())
}

fn refused(envelope: &Value) -> (Rejection, String) {
    let refusal = decoded(envelope).unwrap_err();
    (refusal.reason, refusal.detail)
}

#[test]
fn the_whole_envelope_is_read() {
    let envelope = json!({
        "version": 1,
        "tenant_id": "0190c1a0-0000-7000-8000-000000000009",
        "user_id": "0190c1a0-0000-7000-8000-000000000001",
        "channel": "email",
        "priority": "normal",
        "category": "orders",
        "idempotency_key": "order-17",
        "template": { "name": "order-shipped", "variables": { "order": "A-17" } },
        "to": "other@example.com",
        "recipient": { "email": "ana@example.com", "username": "ana", "phone": "+4915112345678",
                       "timezone": "Europe/Berlin", "locale": "de" },
        "send_at": "2026-03-01T14:00:00+01:00",
        "expires_at": "2026-03-02T00:00:00Z",
        "max_retries": 3,
        "provider": "sendgrid-main",
        "source": { "type": "ticket", "id": "12345" },
        "metadata": { "any": ["thing"] },
    });
    let decoded = decoded(&envelope).unwrap();
    assert_eq!(
        decoded.send_at,
        Some("2026-03-01T13:00:00Z".parse().unwrap())
    );
    assert_eq!(
        decoded.recipient.as_ref().unwrap().timezone.as_deref(),
        Some("Europe/Berlin")
    );
    assert_eq!(decoded.max_retries, 3);
    assert_eq!(decoded.payload.provider.as_deref(), Some("sendgrid-main"));
    assert!(matches!(&decoded.payload.body, Body::Template(call) if call.name == "order-shipped"));
}

#[test]
fn every_address_is_spelt_in_one_way() {
    let recipient = json!({ "email": "Ana@EXÄMPLE.org ", "phone": "+49 151 1234-5678" });
    let mut envelope = with("recipient", recipient);
    envelope["to"] = json!(" Other@Example.com");
    let decoded = decoded(&envelope).unwrap();
    assert_eq!(decoded.payload.to.as_deref(), Some("other@example.com"));
    let said = decoded.recipient.unwrap();
    assert_eq!(said.email.as_deref(), Some("ana@xn--exmple-cua.org"));
    assert_eq!(said.phone.as_deref(), Some("+4915112345678"));
}

#[test]
fn a_category_is_spelt_in_one_way_or_refused() {
    let decomposed = decoded(&with("category", json!("A\u{308}nderungen"))).unwrap();
    assert_eq!(decomposed.category.as_deref(), Some("Änderungen"));
    for odd in [
        "news ",
        " news",
        "ne\u{200b}ws",
        "news\u{a0}",
        "my\u{2003}news",
    ] {
        let refusal = decoded(&with("category", json!(odd))).unwrap_err();
        assert_eq!(refusal.reason, Rejection::InvalidEnvelope, "{odd:?}");
        assert!(
            refusal.detail.starts_with("`category` h"),
            "{}",
            refusal.detail
        );
    }
}

#[test]
fn absent_envelope_fields_have_defaults() {
    let decoded = decoded(&plain()).unwrap();
    assert_eq!(decoded.tenant_id, DEFAULT_TENANT);
    assert_eq!(decoded.max_retries, limits::DEFAULT_RETRIES);
}

#[test]
fn each_mistake_is_refused_with_its_reason_and_a_mend() {
    let invalid = Rejection::InvalidEnvelope;
    for (envelope, reason, words) in [
        (with("version", json!(2)), invalid, "only 1"),
        (
            with("subjet", json!("typo")),
            invalid,
            "unknown field `subjet`",
        ),
        (with("user_id", json!(7)), invalid, "user_id: invalid type"),
        (with("user_id", json!("ana")), invalid, "UUID"),
        (
            with("channel", json!("sms")),
            Rejection::LaneMismatch,
            "sms.normal",
        ),
        (with("channel", json!("pigeon")), invalid, "unknown variant"),
        (with("template", json!({"name": "x"})), invalid, "both"),
        (with("content", Value::Null), invalid, "neither"),
        (
            with("content", json!({"body": "x", "text": "y"})),
            invalid,
            "unknown field `text`",
        ),
        (with("max_retries", json!(1_000)), invalid, "at most 100"),
        (with("max_retries", json!(-1)), invalid, "invalid value"),
        (
            with("send_at", json!("tomorrow")),
            invalid,
            "send_at: failed to parse",
        ),
        (
            with("send_at", json!("9999-12-31T23:59:59Z")),
            invalid,
            "a year ahead",
        ),
        (
            with("expires_at", json!("2026-03-02T00:00:00")),
            invalid,
            "offset",
        ),
        (
            with("expires_at", json!("0000-01-01T00:00:00Z")),
            invalid,
            "before 1970",
        ),
        (
            with("expires_at", json!("-005000-01-01T00:00:00Z")),
            invalid,
            "before 1970",
        ),
        (
            with("send_at", json!("2028-01-01T00:00:00Z")),
            invalid,
            "a year ahead",
        ),
        (
            with("idempotency_key", json!("x".repeat(256))),
            invalid,
            "255",
        ),
        (with("idempotency_key", json!("")), invalid, "leave it out"),
        (
            with("to", json!("a@b.c\r\nBcc: d@e.f")),
            Rejection::BadAddress,
            "`to` is not one e-mail address",
        ),
        (
            with("recipient", json!({"email": "a@x.example,b@y.example"})),
            Rejection::BadAddress,
            "`recipient.email` is not one e-mail address",
        ),
        (
            with("recipient", json!({"phone": "0151"})),
            Rejection::BadAddress,
            "E.164",
        ),
        (
            with("recipient", json!({"timezone": "Mars/Base"})),
            invalid,
            "IANA",
        ),
        (
            with("metadata", json!("x".repeat(5_000))),
            Rejection::TooLarge,
            "at most 4096",
        ),
    ] {
        let (refused_as, detail) = refused(&envelope);
        assert_eq!(refused_as, reason, "{detail}");
        assert!(
            detail.contains(words),
            "`{detail}` should contain `{words}`"
        );
    }
}

fn with_message_id(envelope: &Value, message_id: Option<&str>) -> Envelope {
    let wrapping = Wrapping {
        message_id,
        ..wrapping()
    };
    decode(envelope.to_string().as_bytes(), &wrapping).unwrap()
}

#[test]
fn the_key_is_the_publishers_else_the_message_id_else_the_body() {
    let keyed = with("idempotency_key", json!("k"));
    let mut other = keyed.clone();
    other["content"]["body"] = json!("other");
    let key = |envelope: &Value, id| with_message_id(envelope, id).key;
    assert_eq!(key(&keyed, Some("m")), key(&other, None));
    assert_eq!(
        key(&plain(), Some("m")),
        key(&with("max_retries", json!(1)), Some("m"))
    );
    assert_ne!(
        key(&plain(), None),
        key(&with("max_retries", json!(1)), None)
    );
}

#[test]
fn a_key_is_unique_for_tenant_person_and_channel_and_its_kind() {
    let (ana, ben) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let (here, there) = (DEFAULT_TENANT, Uuid::from_u128(3));
    let keys = [
        key_hash(KeySource::Idempotency("k"), here, ana, Channel::Email),
        key_hash(KeySource::Idempotency("k"), here, ana, Channel::Sms),
        key_hash(KeySource::Idempotency("k"), here, ben, Channel::Email),
        key_hash(KeySource::Idempotency("k"), there, ana, Channel::Email),
        key_hash(KeySource::MessageId("k"), here, ana, Channel::Email),
        key_hash(KeySource::Body(b"k"), here, ana, Channel::Email),
    ];
    let distinct: std::collections::HashSet<_> = keys.into_iter().collect();
    assert_eq!(distinct.len(), keys.len());
}

#[test]
fn content_is_what_is_said_however_it_is_written() {
    let content = |envelope: &str| {
        let wrapping = Wrapping {
            message_id: Some("m"),
            ..wrapping()
        };
        decode(envelope.as_bytes(), &wrapping).unwrap().content
    };
    let written = |variables: &str, rest: &str| {
        let id = "0190c1a0-0000-7000-8000-000000000001";
        content(&format!(
            "{{\"version\":1,\"user_id\":\"{id}\",\"template\":{{\"name\":\"t\",\"variables\":{variables}}}{rest}}}"
        ))
    };
    let first = written("{\"a\":1,\"b\":{\"c\":2,\"d\":3}}", "");
    for (variables, rest) in [
        ("{ \"b\": {\"d\":3,\"c\":2},\n\"a\":1 }", ""),
        (
            "{\"a\":1,\"b\":{\"c\":2,\"d\":3}}",
            ",\"priority\":\"normal\",\"max_retries\":5",
        ),
        (
            "{\"a\":1,\"b\":{\"c\":2,\"d\":3}}",
            ",\"metadata\":{\"try\":2}",
        ),
    ] {
        assert_eq!(written(variables, rest), first, "{variables}{rest}");
    }
    for (variables, rest) in [
        ("{\"a\":1}", ""),
        (
            "{\"a\":1,\"b\":{\"c\":2,\"d\":3}}",
            ",\"to\":\"ana@example.com\"",
        ),
        (
            "{\"a\":1,\"b\":{\"c\":2,\"d\":3}}",
            ",\"send_at\":\"2026-03-02T00:00:00Z\"",
        ),
        (
            "{\"a\":1,\"b\":{\"c\":2,\"d\":3}}",
            ",\"category\":\"orders\"",
        ),
    ] {
        assert_ne!(written(variables, rest), first, "{variables}{rest}");
    }
}

#[test]
fn a_body_that_is_its_own_key_is_its_own_content_in_whatever_lane() {
    let mut anywhere = plain();
    anywhere.as_object_mut().unwrap().remove("priority");
    let through = |priority| {
        let wrapping = Wrapping {
            lane: Some(Lane::new(Channel::Email, priority)),
            ..wrapping()
        };
        let envelope = decode(anywhere.to_string().as_bytes(), &wrapping).unwrap();
        (envelope.key, envelope.content)
    };
    assert_eq!(through(Priority::Low), through(Priority::High));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(body in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = decode(&body, &wrapping());
    }

    #[test]
    fn no_json_in_a_field_makes_it_panic(
        field in "[a-z_]{1,12}", number: i64, text in "\\PC{0,40}"
    ) {
        let _ = decoded(&with(&field, json!(number)));
        let _ = decoded(&with(&field, json!({ text.as_str(): [text.as_str(), number] })));
    }
}

#[test]
fn an_explanation_stays_small_and_a_broken_trace_is_dropped() {
    let mut long = plain();
    for n in 0..refusal::MOST + 4 {
        long[format!("unknown-{n}-{}", "x".repeat(50))] = json!("secret");
    }
    let refusal = decoded(&long).unwrap_err();
    assert_eq!(refusal.detail.len(), refusal::DETAIL_BYTES);
    assert_eq!(refusal.mistakes.len(), refusal::MOST);
    let traced = |traceparent| {
        let wrapping = Wrapping {
            traceparent: Some(traceparent),
            ..wrapping()
        };
        decode(plain().to_string().as_bytes(), &wrapping)
            .unwrap()
            .payload
            .traceparent
    };
    assert_eq!(traced("nonsense\0"), None);
    let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    assert_eq!(traced(good).as_deref(), Some(good));
}
