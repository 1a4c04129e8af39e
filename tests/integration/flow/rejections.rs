//! What cannot be accepted goes to `herald.rejected` with its reason, and the lane goes on.

use loadtest::publisher::Properties;
use loadtest::simulator::Provider;
use serde_json::{Value, json};

use crate::stage::{PATIENCE, Stage, envelope, envelope_with};

const REJECTED: &str = "SELECT coalesce(sum(rejected), 0)::bigint AS count FROM intake";

fn without(field: &str) -> Value {
    let mut message = envelope("email");
    message.as_object_mut().unwrap().remove(field);
    message
}

/// Every message of the poison row that cannot be accepted, with the reason that it must get.
fn poison() -> Vec<(Vec<u8>, &'static str)> {
    let unknown = json!({ "user_id": "0190c1a0-0000-7000-8000-0000000000ff" });
    let text = |value: Value| value.to_string().into_bytes();
    vec![
        (b"this is not JSON".to_vec(), "malformed_json"),
        (vec![0xff, 0xfe, 0x00, 0x01], "malformed_json"),
        (
            b"{\"version\":1,\"content\":{\"body\":\"\xc3\x28\"}}".to_vec(),
            "malformed_json",
        ),
        (b"".to_vec(), "malformed_json"),
        (
            format!("{{\"metadata\":{}", "{\"a\":".repeat(10_000)).into_bytes(),
            "malformed_json",
        ),
        (
            text(envelope_with("email", json!({ "user_id": 7 }))),
            "invalid_envelope",
        ),
        (text(without("user_id")), "invalid_envelope"),
        (text(without("content")), "invalid_envelope"),
        (
            text(envelope_with("email", json!({ "surprise": true }))),
            "invalid_envelope",
        ),
        (
            text(envelope_with("email", json!({ "channel": "sms" }))),
            "lane_mismatch",
        ),
        (vec![b'x'; 10 * 1_024 * 1_024], "too_large"),
        (text(envelope_with("email", unknown)), "unknown_user"),
        (text(unknown_template()), "unknown_template"),
        (
            text(envelope_with("email", json!({ "provider": "typo" }))),
            "unknown_provider",
        ),
        (text(conflict()), "recipient_conflict"),
    ]
}

fn unknown_template() -> Value {
    let mut message = without("content");
    message["template"] = json!({ "name": "nobody-wrote-this", "variables": {} });
    message
}

fn conflict() -> Value {
    envelope_with(
        "email",
        json!({
            "user_id": "0190c1a0-0000-7000-8000-000000000002",
            "recipient": { "email": "ana@example.com" },
        }),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn poison_is_set_aside_with_its_reason_and_its_body_and_the_lane_goes_on() {
    let (stage, _sendgrid, mut outcomes) = Stage::mailing().await;
    let _engine = stage.start().await;
    let publisher = stage.publisher().await;
    let mut expected = vec![];
    for (body, reason) in poison() {
        publisher.publish_raw(&body, "email.normal").await;
        expected.push((reason.to_owned(), body));
    }
    publisher.publish(&envelope("email")).await;
    outcomes
        .until_count(REJECTED, i64::try_from(expected.len()).unwrap())
        .await;
    outcomes.only("sent", None).await;

    let mut rejected = vec![];
    while let Some((reason, detail, body)) = stage.take_rejected().await {
        assert!(!detail.is_empty());
        rejected.push((reason, body));
    }
    rejected.sort();
    expected.sort();
    assert_eq!(rejected.len(), expected.len());
    for (found, wanted) in rejected.iter().zip(&expected) {
        assert_eq!(found.0, wanted.0);
        assert!(found.1 == wanted.1, "the body of a {} changed", found.0);
    }
    assert_eq!(stage.ledger.accepted(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_declared_as_something_else_is_refused_with_words_and_slips_are_mended() {
    let (stage, _sendgrid, mut outcomes) = Stage::mailing().await;
    let _engine = stage.start().await;
    let publisher = stage.publisher().await;
    let body = envelope("email").to_string();
    let xml = Properties::default().with_content_type("application/xml".into());
    let gzip = Properties::default().with_content_encoding("gzip".into());
    for declared in [xml, gzip] {
        publisher
            .publish_with(body.as_bytes(), "email.normal", declared)
            .await;
    }
    outcomes.until_count(REJECTED, 2).await;
    let mut told = String::new();
    for _ in 0..2 {
        let (reason, detail, rejected) = stage.take_rejected().await.unwrap();
        assert_eq!(reason, "invalid_envelope");
        assert_eq!(rejected, body.as_bytes());
        told += &detail;
    }
    assert!(
        told.contains("`application/xml`") && told.contains("`gzip`"),
        "{told}"
    );
    let slips = format!("\u{feff}{}", body.replace("Hello", "\\ud83d"));
    let plain = Properties::default()
        .with_content_type("application/json; charset=utf-8".into())
        .with_content_encoding("UTF-8".into());
    publisher
        .publish_with(slips.as_bytes(), "email.normal", plain)
        .await;
    outcomes.only("sent", None).await;
    let subject =
        "SELECT count(*) FROM notifications WHERE payload #>> '{content,subject}' = U&'\\FFFD'";
    assert_eq!(outcomes.count(subject).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn nul_characters_in_every_text_are_dropped_and_the_message_is_sent() {
    let (stage, _sendgrid, mut outcomes) = Stage::mailing().await;
    let _engine = stage.start().await;
    let message = envelope_with(
        "email",
        json!({
            "category": "or\0ders",
            "content": { "subject": "Hel\0lo", "body": "wor\0ld", "html": "<p>\0</p>" },
            "source": { "type": "tick\0et", "id": "1\0" },
            "metadata": { "a\0": ["\0", { "b": "\0" }] },
            "idempotency_key": "key\0",
        }),
    );
    stage.publisher().await.publish(&message).await;
    outcomes.only("sent", None).await;
    let clean = "SELECT count(*) FROM notifications
        WHERE source_type = 'ticket' AND payload -> 'content' ->> 'subject' = 'Hello'";
    assert_eq!(outcomes.count(clean).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recipient_makes_an_unknown_person_known() {
    let (stage, _sendgrid, mut outcomes) = Stage::mailing().await;
    let _engine = stage.start().await;
    let message = envelope_with(
        "email",
        json!({
            "user_id": "0190c1a0-0000-7000-8000-000000000002",
            "recipient": { "email": "bo@example.com", "timezone": "Asia/Tokyo", "locale": "ja" },
        }),
    );
    stage.publisher().await.publish(&message).await;
    let row = outcomes.only("sent", None).await;
    assert_eq!(row.recipient.as_deref(), Some("bo@example.com"));
    let known =
        "SELECT count(*) FROM users WHERE email = 'bo@example.com' AND timezone = 'Asia/Tokyo'";
    assert_eq!(outcomes.count(known).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_erased_while_their_message_is_in_flight_stops_nothing() {
    use loadtest::simulator::{Behaviour, Latency};
    let stage = Stage::with_lanes("email.normal").await;
    let slow = Behaviour::default().latency(Latency::Fixed { ms: 1_000.0 });
    let sendgrid = stage.behaving(Provider::SendGrid, slow);
    stage.apply_ana_and(&[&sendgrid]);
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    let publisher = stage.publisher().await;
    publisher.publish(&envelope("email")).await;
    // Asked, and not answered yet: a moment before, nobody would be asked any more.
    let is_asked = stage.ledger.wait_for_accepted(1, PATIENCE).await;
    assert!(is_asked);
    outcomes.execute("DELETE FROM users").await;
    let row = outcomes.only("sent", None).await;
    assert_eq!(row.recipient, None, "what happened is kept, not to whom");
    assert_eq!(stage.ledger.count_of(row.id), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pin_to_an_account_that_is_switched_off_waits_and_one_to_another_channels_is_refused() {
    let stage = Stage::with_lanes("*.normal").await;
    let (sendgrid, twilio) = (
        stage.simulator(Provider::SendGrid),
        stage.simulator(Provider::Twilio),
    );
    stage.apply_ana_and(&[&sendgrid, &twilio]);
    let mut outcomes = stage.outcomes().await;
    outcomes
        .execute("UPDATE provider_configs SET is_active = false WHERE channel = 'sms'")
        .await;
    let _engine = stage.start().await;
    let publisher = stage.publisher().await;
    let pinned = json!({ "provider": "twilio" });
    publisher
        .publish(&envelope_with("sms", pinned.clone()))
        .await;
    outcomes.only("pending", Some("waiting_for_provider")).await;
    publisher.publish(&envelope_with("email", pinned)).await;
    outcomes.until_count(REJECTED, 1).await;
    let (reason, detail, _) = stage.take_rejected().await.unwrap();
    assert_eq!(reason, "unknown_provider", "{detail}");
}
