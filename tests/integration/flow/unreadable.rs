//! What a client library cannot read poisons one message: neither its neighbours nor a node.

use loadtest::simulator::Provider;
use serde_json::json;

use crate::raw_amqp::{HEADERS, MESSAGE_ID, RawProperties, RawPublisher, TIMESTAMP, short, table};
use crate::stage::{Stage, envelope, envelope_with};

const REJECTED: &str = "SELECT coalesce(sum(rejected), 0)::bigint AS count FROM intake";
const EXCHANGE: &str = "herald.notifications";
/// The engine's largest frame, in bytes; publishers' may be larger, up to 128 KiB.
const FRAME_MAX: usize = 131_000;

fn header(name: &[u8], kind: u8, value: &[u8]) -> Vec<u8> {
    [&short(name)[..], &[kind], value].concat()
}

fn nested(levels: usize) -> Vec<u8> {
    (0..levels).fold(vec![], |inner, _| header(b"h", b'F', &table(&inner)))
}

/// Properties that a broker takes and lapin does not, each with what is said of it.
fn poison() -> Vec<(RawProperties, &'static str)> {
    let id_and_headers = RawProperties {
        flags: HEADERS | MESSAGE_ID | TIMESTAMP,
        values: [
            &table(&header(b"\xff", b'V', b""))[..],
            &short(b"order-7"),
            &u64::MAX.to_be_bytes(),
        ]
        .concat(),
    };
    let content_type = RawProperties {
        flags: 1 << 15,
        values: short(b"text/pl\xe4in"),
    };
    let large = header(b"h", b'S', &table(&[b'x'; 131_000]));
    vec![
        (RawProperties::message_id(b"gr\xfc\xdfe"), "`message_id`"),
        (content_type, "`content_type`"),
        (
            RawProperties::headers(&header(b"\xff", b'V', b"")),
            "name of a header",
        ),
        (id_and_headers, "name of a header"),
        (RawProperties::headers(&nested(4_000)), "nested"),
        (RawProperties::headers(&large), "longer than a frame"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn properties_that_cannot_be_read_set_one_message_aside_and_no_connection_is_lost() {
    let mut stage = Stage::with_lanes("email.normal,email.high").await;
    let url = format!("{}?frame_max={FRAME_MAX}", stage.vhost.url());
    stage.set("HERALD__BROKER__URL", url);
    let sendgrid = stage.simulator(Provider::SendGrid);
    stage.apply_ana_and(&[&sendgrid]);
    let mut outcomes = stage.outcomes().await;
    let engine = stage.start().await;
    let connected = stage.vhost.connections().await.unwrap();
    let publisher = stage.publisher().await;
    let mut raw = RawPublisher::connect(stage.vhost.url());
    let mut expected = vec![];
    for (properties, word) in poison() {
        let body = envelope("email").to_string().into_bytes();
        raw.publish(EXCHANGE, b"email.normal", &properties, &body);
        let original = [&properties.flags.to_be_bytes()[..], &properties.values].concat();
        expected.push((body, original, word));
        publisher.publish(&envelope("email")).await;
        let urgent = envelope_with("email", json!({ "priority": "high" }));
        publisher.publish(&urgent).await;
    }
    let (rejected, sent) = (expected.len(), 2 * expected.len());
    outcomes
        .until_count(REJECTED, i64::try_from(rejected).unwrap())
        .await;
    let all = "SELECT count(*) FROM notifications WHERE status = 'sent'";
    outcomes
        .until_count(all, i64::try_from(sent).unwrap())
        .await;
    for _ in 0..rejected {
        let rejected = stage.vhost.next_rejected().await.unwrap();
        let (headers, body) = (rejected.headers, rejected.body);
        let text = |name: &str| match headers.inner().get(name) {
            Some(lapin::types::AMQPValue::LongString(text)) => text.to_string(),
            other => panic!("{name}: {other:?}"),
        };
        let (_, original, word) = expected.iter().find(|(sent, ..)| *sent == body).unwrap();
        assert_eq!(text("x-herald-reason"), "invalid_envelope");
        let detail = text("x-herald-detail");
        assert!(detail.contains(word), "{detail}");
        let Some(lapin::types::AMQPValue::ByteArray(kept)) =
            headers.inner().get("x-herald-properties")
        else {
            panic!("the original of {word} is lost");
        };
        let kept = kept.as_slice();
        assert!(original.starts_with(kept), "{word}");
        assert!(
            kept.len() == original.len() || kept.len() == FRAME_MAX / 2,
            "{word}"
        );
    }
    // The publishing connection came with the first rejection.
    let now = stage.vhost.connections().await.unwrap();
    assert!(
        connected.iter().all(|name| now.contains(name)),
        "a connection was lost"
    );
    assert!(engine.health.is_ready(), "{:?}", engine.health.parts());
    assert_eq!(stage.ledger.accepted(), u64::try_from(sent).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_routing_key_that_is_no_utf_8_costs_nothing() {
    let (stage, _sendgrid, mut outcomes) = Stage::mailing().await;
    let _engine = stage.start().await;
    let binding = "bindings/{vhost}/e/amq.fanout/q/herald.email.normal";
    stage.vhost.operate("POST", binding).await.unwrap();
    let mut raw = RawPublisher::connect(stage.vhost.url());
    let body = envelope("email").to_string();
    let properties = RawProperties::default();
    raw.publish("amq.fanout", b"\xe4\xf6\xfc", &properties, body.as_bytes());
    outcomes.only("sent", None).await;
}
