//! Not before `send_at`, not after `expires_at`.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::stage::{Stage, envelope_with};

#[expect(
    clippy::disallowed_methods,
    reason = "an envelope for the real clock of a real engine"
)]
pub(super) fn from_now(seconds: i64) -> String {
    (Timestamp::now() + SignedDuration::from_secs(seconds)).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scheduled_one_waits_in_the_database_and_is_sent_when_due() {
    let (stage, _sendgrid, mut outcomes) = Stage::mailing().await;
    let _engine = stage.start().await;
    let message = envelope_with("email", json!({ "send_at": from_now(2) }));
    stage.publisher().await.publish(&message).await;
    let waiting = outcomes.only("pending", Some("scheduled")).await;
    assert_eq!(stage.ledger.accepted(), 0);
    let sent = outcomes.only("sent", None).await;
    assert_eq!(sent.id, waiting.id);
    let early = "SELECT count(*) FROM notifications WHERE sent_at < send_at";
    assert_eq!(outcomes.count(early).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scheduled_one_survives_the_engine_that_took_it() {
    let (stage, _sendgrid, mut outcomes) = Stage::mailing().await;
    let engine = stage.start().await;
    let message = envelope_with("email", json!({ "send_at": from_now(3_600) }));
    stage.publisher().await.publish(&message).await;
    outcomes.only("pending", Some("scheduled")).await;
    engine.stop().await;
    // Taken by a run that is no more, and due in the meantime.
    outcomes
        .execute("UPDATE notifications SET owner = 999999, send_at = now(), due_at = now()")
        .await;
    let _engine = stage.start().await;
    outcomes.only("sent", None).await;
    assert_eq!(stage.ledger.accepted(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_one_is_cancelled_on_arrival_and_wherever_it_waited() {
    let (stage, _sendgrid, mut outcomes) = Stage::mailing().await;
    let _engine = stage.start().await;
    let publisher = stage.publisher().await;
    publisher
        .publish(&envelope_with(
            "email",
            json!({ "expires_at": from_now(-1) }),
        ))
        .await;
    outcomes.only("cancelled", Some("expired")).await;
    let later = json!({ "send_at": from_now(3_600), "expires_at": from_now(7_200) });
    publisher.publish(&envelope_with("email", later)).await;
    outcomes
        .until(|rows| rows.iter().any(|row| row.is("pending", Some("scheduled"))))
        .await;
    let late = "UPDATE notifications SET send_at = now(), due_at = now(), expires_at = now()
        WHERE status = 'pending'";
    outcomes.execute(late).await;
    outcomes
        .until(|rows| rows.iter().all(|row| row.is("cancelled", Some("expired"))))
        .await;
    assert_eq!(stage.ledger.accepted(), 0);
}
