//! Queues, exchanges and bindings go away under way, or are not what they should be.

use lapin::options::QueueDeclareOptions;
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Connection, ConnectionProperties};
use loadtest::harness::http;
use loadtest::simulator::Provider;

use super::broker::Broker;
use super::process;
use crate::stage::{PATIENCE, Stage, envelope};

const REJECTED: &str = "SELECT coalesce(sum(rejected), 0)::bigint AS count FROM intake";
const SENT: &str = "SELECT count(*) FROM notifications WHERE status = 'sent'";

#[tokio::test(flavor = "multi_thread")]
async fn deleted_exchange_is_declared_again() {
    let (stage, _sendgrid, mut outcomes) = Stage::mailing().await;
    let engine = stage.start().await;
    let publisher = stage.publisher().await;
    let binding = "bindings/{vhost}/e/herald.notifications/q/herald.email.normal/email.normal";
    stage.vhost.operate("DELETE", binding).await.unwrap();
    let first = envelope("email").to_string();
    let again = publisher.publish_until_taken(first.as_bytes(), "email.normal");
    assert!(
        tokio::time::timeout(PATIENCE, again).await.is_ok(),
        "the binding is gone"
    );
    let exchange = "exchanges/{vhost}/herald.notifications";
    stage.vhost.operate("DELETE", exchange).await.unwrap();
    let second = envelope("email").to_string();
    let again = async {
        // A missing exchange costs a publisher its channel.
        while !stage
            .publisher()
            .await
            .publishes(second.as_bytes(), "email.normal")
            .await
        {}
    };
    assert!(
        tokio::time::timeout(PATIENCE, again).await.is_ok(),
        "the exchange is gone"
    );
    outcomes.until_count(SENT, 2).await;
    assert!(engine.health.is_ready(), "{:?}", engine.health.parts());
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_message_is_set_aside_though_its_queue_or_exchange_was_deleted() {
    let stage = Stage::with_lanes("email.normal").await;
    stage.apply_ana_and(&[&stage.simulator(Provider::SendGrid)]);
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    let publisher = stage.publisher().await;
    publisher.publish_raw(b"no envelope", "email.normal").await;
    outcomes.until_count(REJECTED, 1).await;
    stage.vhost.delete_queue("herald.rejected").await.unwrap();
    publisher.publish_raw(b"nor is this", "email.normal").await;
    outcomes.until_count(REJECTED, 2).await;
    assert_eq!(
        stage.vhost.next_rejected().await.unwrap().body,
        b"nor is this"
    );
    let exchange = "exchanges/{vhost}/herald.rejected";
    stage.vhost.operate("DELETE", exchange).await.unwrap();
    publisher.publish_raw(b"nor this", "email.normal").await;
    outcomes.until_count(REJECTED, 3).await;
    assert_eq!(stage.vhost.next_rejected().await.unwrap().body, b"nor this");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lane_that_cannot_be_consumed_is_named_and_the_others_are_consumed() {
    let stage = Stage::with_lanes("email.normal,email.high").await;
    // Of the kind that is no quorum queue.
    let classic = "queues/{vhost}/herald.email.high";
    stage.vhost.operate("PUT", classic).await.unwrap();
    let sendgrid = stage.simulator(Provider::SendGrid);
    stage.apply_ana_and(&[&sendgrid]);
    let mut outcomes = stage.outcomes().await;
    let engine = process::engine(stage.herald(&["serve"])).await;
    let line = engine.says("a lane cannot be consumed").await.unwrap();
    assert!(line.contains("email.high"), "{line}");
    let message = envelope("email").to_string();
    let publisher = stage.publisher().await;
    publisher
        .publish_until_taken(message.as_bytes(), "email.normal")
        .await;
    outcomes.only("sent", None).await;
    let answer = http::request("GET", &stage.url("/readyz"), &[], b"")
        .await
        .unwrap();
    let body = String::from_utf8_lossy(&answer.body).into_owned();
    assert_eq!(answer.status, 503, "{body}");
    assert!(body.contains(r#""lanes":"email.high: "#), "{body}");
    assert!(body.contains("PRECONDITION_FAILED"), "{body}");
    stage.vhost.delete_queue("herald.email.high").await.unwrap();
    let line = engine.says("a lane is consumed again").await.unwrap();
    assert!(line.contains("email.high"), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_allows_too_few_channels_is_refused_with_words() {
    let broker = Broker::start_with("channel_max = 8", "[].").await;
    let mut stage = Stage::with_lanes("*.*").await;
    stage.set("HERALD__BROKER__URL", broker.url_of("guest", "guest"));
    let engine = process::starting(stage.herald(&["serve"]));
    engine
        .says("allows the connection 8 channels, and 20 lanes need 21")
        .await
        .unwrap();
}

/// The arguments of `herald.rejected`, of this version or of an older one.
fn rejected(refuses: bool) -> FieldTable {
    let mut arguments = FieldTable::default();
    let text = |text: &str| AMQPValue::LongString(text.into());
    arguments.insert("x-queue-type".into(), text("quorum"));
    let limit = AMQPValue::LongLongInt(1_000_000_000);
    arguments.insert("x-delivery-limit".into(), limit);
    if refuses {
        arguments.insert("x-overflow".into(), text("reject-publish"));
    }
    arguments
}

/// Whether the queue stands with these arguments, or can be made so.
async fn declares(stage: &Stage, arguments: FieldTable) -> bool {
    let properties = ConnectionProperties::default();
    let connection = Connection::connect(stage.vhost.url(), properties).await;
    let channel = connection.unwrap().create_channel().await.unwrap();
    let options = QueueDeclareOptions::durable();
    let declared = channel.queue_declare("herald.rejected".into(), options, arguments);
    declared.await.is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_of_rejected_messages_refuses() {
    let stage = Stage::with_lanes("email.normal").await;
    let engine = stage.start().await;
    assert!(engine.health.is_ready(), "{:?}", engine.health.parts());
    assert!(declares(&stage, rejected(true)).await);
    assert!(!declares(&stage, rejected(false)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_queue_of_an_older_version_serves_and_is_told_of() {
    let stage = Stage::with_lanes("email.normal").await;
    assert!(declares(&stage, rejected(false)).await);
    let mut outcomes = stage.outcomes().await;
    let engine = stage.start().await;
    let publisher = stage.publisher().await;
    publisher.publish_raw(b"no envelope", "email.normal").await;
    outcomes.until_count(REJECTED, 1).await;
    let kept = stage.vhost.next_rejected().await.unwrap();
    assert_eq!(kept.body, b"no envelope");
    assert!(engine.health.is_ready(), "{:?}", engine.health.parts());
    let checked = stage.herald(&["check"]).output().unwrap();
    let said = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(
        said.contains("herald.rejected was declared by an older version"),
        "{said}"
    );
    stage.vhost.delete_queue("herald.rejected").await.unwrap();
    assert!(declares(&stage, rejected(true)).await);
    publisher.publish_raw(b"nor is this", "email.normal").await;
    outcomes.until_count(REJECTED, 2).await;
}
