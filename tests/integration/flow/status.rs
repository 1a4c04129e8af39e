//! Status events: published to `herald.status` in order, at least once, and by nobody who was not asked to.

use std::collections::{BTreeMap, HashSet};

use futures_util::StreamExt;
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, ExchangeDeclareOptions, QueueBindOptions,
    QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Connection, ConnectionProperties, Consumer, ExchangeKind};
use loadtest::simulator::{Behaviour, Latency};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::faults::process;
use crate::outcomes::{Outcomes, Row};
use crate::stage::{ANA, PATIENCE, Stage, envelope, envelope_with};

const STATUS: &str = "herald.status";
const LEFT: &str = "SELECT count(*) FROM status_outbox";

/// Somebody who hears of everything.
pub(crate) struct Listener {
    _connection: Connection,
    channel: Channel,
    consumer: Consumer,
}

/// An event as it came.
pub(crate) struct Heard {
    pub(crate) key: String,
    kind: String,
    pub(crate) event: Value,
}

impl Listener {
    pub(crate) async fn of(stage: &Stage) -> Self {
        Self::of_exchange(stage, STATUS).await
    }

    pub(super) async fn of_exchange(stage: &Stage, exchange: &str) -> Self {
        let properties = ConnectionProperties::default();
        let connection = Connection::connect(stage.vhost.url(), properties);
        let connection = connection.await.unwrap();
        let channel = connection.create_channel().await.unwrap();
        let durable = ExchangeDeclareOptions {
            durable: true,
            ..ExchangeDeclareOptions::default()
        };
        let topic = ExchangeKind::Topic;
        let declared =
            channel.exchange_declare(exchange.into(), topic, durable, FieldTable::default());
        declared.await.unwrap();
        let queue = QueueDeclareOptions {
            exclusive: true,
            ..QueueDeclareOptions::default()
        };
        let none = FieldTable::default;
        let queue = channel
            .queue_declare("".into(), queue, none())
            .await
            .unwrap();
        let name = queue.name().clone();
        let bound = channel.queue_bind(
            name.clone(),
            exchange.into(),
            "#".into(),
            QueueBindOptions::default(),
            none(),
        );
        bound.await.unwrap();
        let consumer = channel.basic_consume(
            name,
            "listener".into(),
            BasicConsumeOptions::default(),
            none(),
        );
        Self {
            consumer: consumer.await.unwrap(),
            channel,
            _connection: connection,
        }
    }

    pub(crate) async fn next(&mut self) -> Heard {
        let next = timeout(PATIENCE, self.consumer.next()).await;
        let delivery: Delivery = next.expect("an event comes").unwrap().unwrap();
        delivery.ack(BasicAckOptions::default()).await.unwrap();
        let kind = delivery.properties.content_type().as_ref();
        Heard {
            key: delivery.routing_key.to_string(),
            kind: kind.map(ToString::to_string).unwrap_or_default(),
            event: serde_json::from_slice(&delivery.data).unwrap(),
        }
    }

    /// All that is heard until each of so many notifications has ended: the types by notification in the order in
    /// which each event came first.
    async fn until_ended(&mut self, count: usize) -> BTreeMap<String, Vec<String>> {
        let (mut known, mut heard) = (HashSet::new(), BTreeMap::<String, Vec<String>>::new());
        let has_ended = |types: &Vec<String>| types.iter().any(|it| it == "notification.sent");
        while heard.len() < count || !heard.values().all(has_ended) {
            let event = self.next().await.event;
            let text = |name: &str| event[name].as_str().unwrap().to_owned();
            if known.insert(text("id")) {
                heard.entry(text("subject")).or_default().push(text("type"));
            }
        }
        heard
    }
}

async fn publish(stage: &Stage, count: usize) {
    let publisher = stage.publisher().await;
    for _ in 0..count {
        publisher.publish(&envelope("email")).await;
    }
}

async fn mailing() -> (Stage, loadtest::simulator::Simulator, Outcomes) {
    let (mut stage, sendgrid, outcomes) = Stage::mailing().await;
    stage.set("HERALD__BROKER__PUBLISH_STATUS", "true");
    (stage, sendgrid, outcomes)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_is_published_as_cloud_events_in_order_if_somebody_wants_that() {
    let (stage, _sendgrid, mut outcomes) = mailing().await;
    let mut listener = Listener::of(&stage).await;
    let _engine = stage.start().await;
    let message = envelope_with("email", json!({ "category": "orders" }));
    stage.publisher().await.publish(&message).await;
    let row = outcomes.only("sent", None).await;
    let (accepted, sent) = (listener.next().await, listener.next().await);
    assert_eq!(
        (&*accepted.key, &*sent.key),
        ("email.accepted", "email.sent")
    );
    assert_eq!(sent.kind, "application/cloudevents+json; charset=utf-8");
    assert_eq!(accepted.event["type"], "notification.accepted");
    let event = &sent.event;
    for (name, wanted) in [
        ("specversion", json!("1.0")),
        ("type", json!("notification.sent")),
        ("subject", json!(row.id)),
        ("tenantid", json!("00000000-0000-7000-8000-000000000001")),
        ("datacontenttype", json!("application/json")),
    ] {
        assert_eq!(event[name], wanted, "{name}");
    }
    assert!(event["id"].is_string() && event["source"].is_string());
    assert!(
        event["time"]
            .as_str()
            .unwrap()
            .parse::<jiff::Timestamp>()
            .is_ok()
    );
    let data = &event["data"];
    assert_eq!(
        (
            &data["id"],
            &data["user_id"],
            &data["status"],
            &data["category"]
        ),
        (
            &json!(row.id),
            &json!(ANA),
            &json!("sent"),
            &json!("orders")
        )
    );
    assert_eq!(data["provider"], "sendgrid");
    outcomes.until_count(LEFT, 0).await;
    assert!(!event.to_string().contains("ana@example.com"));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_written_unless_somebody_asked_for_it_and_nobody_need_listen() {
    let (mut stage, _sendgrid, mut outcomes) = Stage::mailing().await;
    let written = "SELECT coalesce((SELECT last_value FROM pg_sequences
                       WHERE sequencename = 'status_outbox_id_seq'), 0) AS count";
    let engine = stage.start().await;
    publish(&stage, 2).await;
    let sent = "SELECT count(*) FROM notifications WHERE status = 'sent'";
    outcomes.until_count(sent, 2).await;
    engine.stop().await;
    assert_eq!(outcomes.count(written).await, 0);
    stage.set("HERALD__BROKER__PUBLISH_STATUS", "true");
    let _engine = stage.start().await;
    publish(&stage, 2).await;
    outcomes.until_count(sent, 4).await;
    outcomes.until_count(LEFT, 0).await;
    assert_eq!(outcomes.count(written).await, 4);
}

/// Whatever keeps events from RabbitMQ keeps nothing else, and ends with its cause.
#[tokio::test(flavor = "multi_thread")]
async fn events_that_cannot_be_published_wait_and_mail_does_not() {
    let (mut stage, _sendgrid, mut outcomes) = mailing().await;
    stage.set("HERALD__BROKER__LANES", "email.normal,in_app.normal");
    let mut listener = Listener::of(&stage).await;
    let mut other = Listener::of(&stage).await;
    refuse_mail(&listener.channel).await;
    let engine = process::engine(stage.herald(&["serve"])).await;
    publish(&stage, 5).await;
    let sent = "SELECT count(*) FROM notifications WHERE status = 'sent'";
    outcomes.until_count(sent, 5).await;
    engine.says("refuses events").await.unwrap();
    // What else there is goes on.
    stage.publisher().await.publish(&envelope("in_app")).await;
    while other.next().await.key != "in_app.sent" {}
    assert!(
        outcomes.count(LEFT).await >= 8,
        "one was taken, perhaps two"
    );
    let take_on = async |channel: &Channel| {
        let options = QueueDeleteOptions::default();
        channel.queue_delete("full".into(), options).await.unwrap();
    };
    take_on(&listener.channel).await;
    let heard = listener.until_ended(6).await;
    let both = ["notification.accepted", "notification.sent"];
    assert!(heard.values().all(|types| *types == both), "{heard:?}");
    outcomes.until_count(LEFT, 0).await;

    // What waits is published also after somebody has switched it off, and nothing more is written.
    refuse_mail(&listener.channel).await;
    publish(&stage, 5).await;
    outcomes.until_count(sent, 11).await;
    process::end(&engine).await;
    assert!(
        outcomes.count(LEFT).await >= 8,
        "one was taken, perhaps two"
    );
    take_on(&listener.channel).await;
    stage.set("HERALD__BROKER__PUBLISH_STATUS", "false");
    let engine = process::engine(stage.herald(&["serve"])).await;
    let heard = listener.until_ended(5).await;
    assert!(heard.values().all(|types| *types == both), "{heard:?}");
    outcomes.until_count(LEFT, 0).await;
    publish(&stage, 1).await;
    outcomes.until_count(sent, 12).await;
    assert_eq!(outcomes.count(LEFT).await, 0);
    process::end(&engine).await;
}

/// Binds a queue for mail that is full, and refuses.
async fn refuse_mail(channel: &Channel) {
    let mut full = FieldTable::default();
    full.insert("x-max-length".into(), AMQPValue::LongLongInt(1));
    let refuse = AMQPValue::LongString("reject-publish".into());
    full.insert("x-overflow".into(), refuse);
    let declare = QueueDeclareOptions::default();
    let declared = channel.queue_declare("full".into(), declare, full);
    declared.await.unwrap();
    let bound = channel.queue_bind(
        "full".into(),
        STATUS.into(),
        "email.#".into(),
        QueueBindOptions::default(),
        FieldTable::default(),
    );
    bound.await.unwrap();
}

/// Two nodes, of which one is killed in the midst: each notification's events come in the order in which they
/// happened, none is missing, and what comes twice is the same.
#[tokio::test(flavor = "multi_thread")]
async fn events_of_two_nodes_come_in_order_though_one_is_killed() {
    const COUNT: usize = 120;
    let (mut stage, sendgrid, mut outcomes) = mailing().await;
    stage.set("HERALD__LANES__NORMAL", "32");
    let slow = Latency::Fixed { ms: 30.0 };
    sendgrid.set_behaviour(Behaviour::default().latency(slow));
    let mut listener = Listener::of(&stage).await;
    let node = |name| process::node(stage.herald(&["serve"]), name);
    let (one, two) = tokio::join!(node("one"), node("two"));
    publish(&stage, COUNT).await;
    let is_sent = |row: &&Row| row.is("sent", None);
    outcomes
        .until(|rows| rows.iter().filter(is_sent).count() >= 20)
        .await;
    one.kill().await.unwrap();
    let heard = listener.until_ended(COUNT).await;
    let both = ["notification.accepted", "notification.sent"];
    for (subject, types) in &heard {
        let (first, last) = (types.first(), types.last());
        assert_eq!(
            first.map(String::as_str),
            Some(both[0]),
            "{subject}: {types:?}"
        );
        assert_eq!(
            last.map(String::as_str),
            Some(both[1]),
            "{subject}: {types:?}"
        );
    }
    outcomes.until_count(LEFT, 0).await;
    assert!(listener.channel.status().connected());
    process::end(&two).await;
}
