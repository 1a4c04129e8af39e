//! What makes a second message a repetition: its key, for tenant, person and channel, and its words.

use herald::store::retention::KeyWalk;
use loadtest::publisher::Properties;
use loadtest::simulator::{Behaviour, Latency, Provider};
use serde_json::json;

use crate::outcomes::Outcomes;
use crate::stage::{Stage, envelope, envelope_with};

const DUPLICATES: &str = "SELECT coalesce(sum(duplicates), 0)::bigint AS count FROM intake";
const REJECTED: &str = "SELECT coalesce(sum(rejected), 0)::bigint AS count FROM intake";
const CONSUMED: &str = "SELECT coalesce(sum(consumed), 0)::bigint AS count FROM intake";
const BEN: &str = "0190c1a0-0000-7000-8000-000000000002";

async fn until_sent(outcomes: &mut Outcomes, wanted: usize) {
    outcomes
        .until(|rows| rows.iter().filter(|row| row.is("sent", None)).count() == wanted)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn key_shared_by_two_channels_and_two_recipients_makes_three_notifications() {
    let stage = Stage::with_lanes("*.normal").await;
    let (sendgrid, twilio) = (
        stage.simulator(Provider::SendGrid),
        stage.simulator(Provider::Twilio),
    );
    stage.apply_ana_and(&[&sendgrid, &twilio]);
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    let publisher = stage.publisher().await;
    let key = json!("order-A-17-shipped");
    let ben = json!({ "email": "ben@example.com" });
    for message in [
        envelope_with("email", json!({ "idempotency_key": key })),
        envelope_with("sms", json!({ "idempotency_key": key })),
        envelope_with(
            "email",
            json!({ "idempotency_key": key, "user_id": BEN, "recipient": ben }),
        ),
    ] {
        publisher.publish(&message).await;
        publisher.publish(&message).await;
    }
    outcomes.until_count(DUPLICATES, 3).await;
    until_sent(&mut outcomes, 3).await;
    assert_eq!(stage.ledger.accepted(), 3);
    assert_eq!(outcomes.count(REJECTED).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_with_other_content_is_refused_while_the_first_is_in_hand_and_after_it() {
    let stage = Stage::with_lanes("email.normal").await;
    let slow = Behaviour::default().latency(Latency::Fixed { ms: 1_000.0 });
    let sendgrid = stage.behaving(Provider::SendGrid, slow);
    stage.apply_ana_and(&[&sendgrid]);
    let mut outcomes = stage.outcomes().await;
    let engine = stage.start().await;
    let publisher = stage.publisher().await;
    let first = envelope("email");
    let mut other = first.clone();
    other["content"]["body"] = json!("It is late.");
    publisher.publish(&first).await;
    outcomes
        .until_count("SELECT count(*) FROM notification_deduplication", 1)
        .await;
    publisher.publish(&other).await;
    outcomes.until_count(REJECTED, 1).await;
    outcomes.only("sent", None).await;
    publisher.publish(&other).await;
    outcomes.until_count(REJECTED, 2).await;
    // Written in another way, it is the same.
    let body = format!(" {} ", serde_json::to_string_pretty(&first).unwrap());
    publisher.publish_raw(body.as_bytes(), "email.normal").await;
    outcomes.until_count(DUPLICATES, 1).await;
    for _ in 0..2 {
        let (reason, detail, body) = stage.take_rejected().await.unwrap();
        assert_eq!(reason, "key_reused", "{detail}");
        assert_eq!(body, other.to_string().into_bytes());
    }
    assert_eq!(outcomes.count(CONSUMED).await, 4);
    assert_eq!(stage.ledger.accepted(), 1);
    assert!(engine.stop().await.drained);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_whose_first_message_is_refused_is_free_for_the_mended_one_that_came_with_it() {
    let (stage, _sendgrid, mut outcomes) = Stage::mailing().await;
    assert!(stage.start().await.stop().await.drained);
    let publisher = stage.publisher().await;
    let wrong = envelope_with("email", json!({ "user_id": BEN }));
    let mut mended = wrong.clone();
    mended["recipient"] = json!({ "email": "ben@example.com" });
    mended["content"]["body"] = json!("It is late.");
    // They arrive together.
    publisher.publish(&wrong).await;
    publisher.publish(&mended).await;
    let engine = stage.start().await;
    outcomes.only("sent", None).await;
    outcomes.until_count(REJECTED, 1).await;
    let (reason, detail, body) = stage.take_rejected().await.unwrap();
    assert_eq!(reason, "unknown_user", "{detail}");
    assert_eq!(body, wrong.to_string().into_bytes());
    assert_eq!(outcomes.count(CONSUMED).await, 2);
    assert_eq!(stage.ledger.accepted(), 1);
    assert!(engine.stop().await.drained);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_id_is_no_idempotency_key() {
    let (stage, _sendgrid, mut outcomes) = Stage::mailing().await;
    let _engine = stage.start().await;
    let publisher = stage.publisher().await;
    publisher
        .publish(&envelope_with("email", json!({ "idempotency_key": "7" })))
        .await;
    let mut unnamed = envelope("email");
    unnamed.as_object_mut().unwrap().remove("idempotency_key");
    let properties = Properties::default().with_message_id("7".into());
    publisher
        .publish_with(unnamed.to_string().as_bytes(), "email.normal", properties)
        .await;
    until_sent(&mut outcomes, 2).await;
    assert_eq!(outcomes.count(DUPLICATES).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_remembered_for_as_long_as_its_notification_waits() {
    let (stage, _sendgrid, mut outcomes) = Stage::mailing().await;
    let _engine = stage.start().await;
    let publisher = stage.publisher().await;
    let later = super::timing::from_now(3_600);
    let message = envelope_with("email", json!({ "send_at": later }));
    publisher.publish(&message).await;
    outcomes.only("pending", Some("scheduled")).await;
    outcomes
        .execute("UPDATE notification_deduplication SET expires_at = now() - interval '1 hour'")
        .await;
    let pool = stage.database.pool().await;
    assert_eq!(KeyWalk::default().forget_keys(&pool).await, Ok(0));
    publisher.publish(&message).await;
    outcomes.until_count(DUPLICATES, 1).await;
    assert_eq!(outcomes.rows().await.len(), 1);

    outcomes
        .execute("UPDATE notifications SET status = 'sent', reason = NULL, due_at = NULL")
        .await;
    assert_eq!(KeyWalk::default().forget_keys(&pool).await, Ok(1));
}
