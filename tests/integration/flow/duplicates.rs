//! A second message with the same key is acknowledged and counted, never sent.

use loadtest::publisher::Properties;
use loadtest::simulator::Provider;

use crate::stage::{Stage, envelope};

const DUPLICATES: &str = "SELECT coalesce(sum(duplicates), 0)::bigint AS count FROM intake";
const CONSUMED: &str = "SELECT coalesce(sum(consumed), 0)::bigint AS count FROM intake";

#[tokio::test(flavor = "multi_thread")]
async fn by_idempotency_key_also_after_a_restart() {
    let (stage, _sendgrid, mut outcomes) = Stage::mailing().await;
    let engine = stage.start().await;
    let publisher = stage.publisher().await;
    let message = envelope("email");
    publisher.publish(&message).await;
    outcomes.only("sent", None).await;
    publisher.publish(&message).await;
    outcomes.until_count(DUPLICATES, 1).await;
    assert!(engine.stop().await.drained);

    let engine = stage.start().await;
    publisher.publish(&message).await;
    outcomes.until_count(DUPLICATES, 2).await;
    assert_eq!(outcomes.count(CONSUMED).await, 3);
    assert_eq!(outcomes.rows().await.len(), 1);
    assert_eq!(stage.ledger.accepted(), 1);
    assert!(engine.stop().await.drained);
}

#[tokio::test(flavor = "multi_thread")]
async fn by_message_id_and_by_body() {
    let (stage, _sendgrid, mut outcomes) = Stage::mailing().await;
    let _engine = stage.start().await;
    let publisher = stage.publisher().await;
    let mut message = envelope("email");
    message.as_object_mut().unwrap().remove("idempotency_key");
    for id in ["one", "one", "two"] {
        let properties = Properties::default().with_message_id(id.into());
        publisher
            .publish_with(message.to_string().as_bytes(), "email.normal", properties)
            .await;
    }
    publisher.publish(&message).await;
    publisher.publish(&message).await;
    outcomes.until_count(DUPLICATES, 2).await;
    let rows = outcomes
        .until(|rows| rows.iter().filter(|row| row.is("sent", None)).count() == 3)
        .await;
    assert_eq!(rows.len(), 3);
    assert_eq!(stage.ledger.accepted(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_of_the_same_message_is_sent_once() {
    let stage = Stage::with_lanes("email.*").await;
    let sendgrid = stage.simulator(Provider::SendGrid);
    stage.apply_ana_and(&[&sendgrid]);
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    let publisher = stage.publisher().await;
    let message = envelope("email");
    for _ in 0..50 {
        publisher.publish(&message).await;
    }
    outcomes.until_count(CONSUMED, 50).await;
    outcomes.until_count(DUPLICATES, 49).await;
    outcomes.only("sent", None).await;
    assert_eq!(stage.ledger.accepted(), 1);
}
