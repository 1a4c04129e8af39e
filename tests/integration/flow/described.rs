//! What a message says of its person counts once, in the order of publishing, and for the living.

use lapin::types::{AMQPValue, FieldTable};
use loadtest::publisher::Properties;
use serde_json::{Value, json};

use crate::stage::{ANA, Stage, envelope_with};

const DUPLICATES: &str = "SELECT coalesce(sum(duplicates), 0)::bigint AS count FROM intake";
const REJECTED: &str = "SELECT coalesce(sum(rejected), 0)::bigint AS count FROM intake";
const CONSUMED: &str = "SELECT coalesce(sum(consumed), 0)::bigint AS count FROM intake";
const SENT: &str = "SELECT count(*) FROM notifications WHERE status = 'sent'";
const BEN: &str = "0190c1a0-0000-7000-8000-000000000002";

fn to_ben(email: &str) -> Value {
    let recipient = json!({ "email": email });
    envelope_with("email", json!({ "user_id": BEN, "recipient": recipient }))
}

fn published(ms: i64) -> Properties {
    let mut headers = FieldTable::default();
    headers.insert("timestamp_in_ms".into(), AMQPValue::LongLongInt(ms));
    Properties::default().with_headers(headers)
}

fn bens(email: &str) -> String {
    format!("SELECT count(*) FROM users WHERE id = '{BEN}' AND email = '{email}'")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_or_repeated_message_does_not_change_the_person_back() {
    let (stage, _sendgrid, mut outcomes) = Stage::mailing().await;
    let _engine = stage.start().await;
    let publisher = stage.publisher().await;
    let (old, new, late) = (
        to_ben("old@example.com"),
        to_ben("new@example.com"),
        to_ben("old@example.com"),
    );
    let order = [(&old, 1_000_000), (&new, 3_000_000), (&late, 2_000_000)];
    for (sent, (message, ms)) in (1..).zip(order) {
        let body = message.to_string();
        publisher
            .publish_with(body.as_bytes(), "email.normal", published(ms))
            .await;
        outcomes.until_count(SENT, sent).await;
    }
    assert_eq!(outcomes.count(&bens("new@example.com")).await, 1);
    publisher.publish(&old).await;
    outcomes.until_count(DUPLICATES, 1).await;
    assert_eq!(outcomes.count(&bens("new@example.com")).await, 1);
    let to = outcomes.rows().await;
    let to: Vec<_> = to
        .iter()
        .filter_map(|row| row.recipient.as_deref())
        .collect();
    assert_eq!(
        to,
        ["old@example.com", "new@example.com", "new@example.com"]
    );
    // Who does not say when is taken to speak now.
    publisher.publish(&to_ben("newest@example.com")).await;
    outcomes.until_count(SENT, 4).await;
    assert_eq!(outcomes.count(&bens("newest@example.com")).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn older_message_does_not_change_what_a_later_one_confirmed() {
    let (stage, _sendgrid, mut outcomes) = Stage::mailing().await;
    let _engine = stage.start().await;
    let publisher = stage.publisher().await;
    let right = "right@example.com";
    let messages = [
        (to_ben(right), 1_000),
        (to_ben(right), 3_000),
        (to_ben("typo@example.com"), 2_000),
    ];
    for (sent, (message, ms)) in (1..).zip(messages) {
        let body = message.to_string();
        publisher
            .publish_with(body.as_bytes(), "email.normal", published(ms))
            .await;
        outcomes.until_count(SENT, sent).await;
    }
    assert_eq!(outcomes.count(&bens(right)).await, 1);
    let rows = outcomes.rows().await;
    assert!(
        rows.iter()
            .all(|row| row.recipient.as_deref() == Some(right))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn deleted_user_is_not_recreated_by_a_repeated_message() {
    let (stage, _sendgrid, mut outcomes) = Stage::mailing().await;
    let _engine = stage.start().await;
    let publisher = stage.publisher().await;
    let first = to_ben("ben@example.com");
    publisher.publish(&first).await;
    outcomes.until_count(SENT, 1).await;
    let mut refused = 0;
    for (repeated, deletion) in [
        (
            1,
            "UPDATE users SET deleted_at = now() WHERE username IS NULL",
        ),
        (2, "DELETE FROM users WHERE username IS NULL"),
    ] {
        outcomes.execute(deletion).await;
        publisher.publish(&first).await;
        outcomes.until_count(DUPLICATES, repeated).await;
        publisher.publish(&to_ben("ben@example.com")).await;
        refused += 1;
        outcomes.until_count(REJECTED, refused).await;
        let (reason, detail, _) = stage.take_rejected().await.unwrap();
        assert_eq!(reason, "unknown_user");
        assert!(detail.contains("deleted"), "{detail}");
    }
    assert_eq!(outcomes.count("SELECT count(*) FROM users").await, 1);
    assert_eq!(stage.ledger.accepted(), 1);
    // An operator's word is another matter.
    stage.apply(&format!(
        "[[users]]\nid = \"{BEN}\"\nemail = \"ben@example.com\"\n"
    ));
    publisher.publish(&to_ben("ben@example.com")).await;
    outcomes.until_count(SENT, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_leaves_no_claim_and_changes_nobody() {
    let (stage, _sendgrid, mut outcomes) = Stage::mailing().await;
    let _engine = stage.start().await;
    let publisher = stage.publisher().await;
    let mut message = to_ben("ana@example.com");
    publisher.publish(&message).await;
    outcomes.until_count(REJECTED, 1).await;
    let (reason, ..) = stage.take_rejected().await.unwrap();
    assert_eq!(reason, "recipient_conflict");
    let claims = "SELECT count(*) FROM notification_deduplication";
    assert_eq!(outcomes.count(claims).await, 0);
    assert_eq!(outcomes.count(CONSUMED).await, 1);

    message["recipient"]["email"] = json!("ben@example.com");
    publisher.publish(&message).await;
    let row = outcomes.only("sent", None).await;
    assert_eq!(row.recipient.as_deref(), Some("ben@example.com"));
    let anas =
        format!("SELECT count(*) FROM users WHERE id = '{ANA}' AND email = 'ana@example.com'");
    assert_eq!(outcomes.count(&anas).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_new_people_in_a_batch_are_made_known_but_for_the_one_who_conflicts() {
    let (stage, _sendgrid, mut outcomes) = Stage::mailing().await;
    let publisher = stage.publisher().await;
    let engine = stage.start().await;
    assert!(engine.stop().await.drained, "the lane exists now");
    for n in 0..20 {
        let email = if n == 7 {
            "ana@example.com".to_owned()
        } else {
            format!("p{n}@example.com")
        };
        let user = uuid::Uuid::now_v7();
        let message = envelope_with(
            "email",
            json!({ "user_id": user, "recipient": { "email": email } }),
        );
        publisher.publish(&message).await;
    }
    let _engine = stage.start().await;
    outcomes.until_count(SENT, 19).await;
    outcomes.until_count(REJECTED, 1).await;
    assert_eq!(outcomes.count(CONSUMED).await, 20);
    assert_eq!(outcomes.count("SELECT count(*) FROM users").await, 20);
}
