//! Publishing one message to its lane, as a good publisher does: with confirms, and only where a queue
//! takes it.

use jiff::Timestamp;
use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable};

use super::connection::BrokerAddress;
use super::error::{BrokerError, within};
use super::publisher::{PERSISTENT, confirmed, confirming_channel};
use super::topology;
use crate::domain::Lane;

/// Publishes a body to a lane. Returns once RabbitMQ holds the message.
///
/// # Errors
/// When RabbitMQ is out of reach, or has no queue for the lane, or refuses the message. Without an
/// answer nobody knows whether it holds the message: publish the same body again.
pub async fn submit(
    address: &BrokerAddress,
    lane: Lane,
    body: &[u8],
    now: Timestamp,
) -> Result<(), BrokerError> {
    let target = (topology::NOTIFICATIONS, &*lane.routing_key());
    put(address, target, body, properties(now, "application/json")).await
}

/// Publishes a CloudEvent of a type to `herald.events`. Returns once RabbitMQ holds it.
///
/// # Errors
/// As [`submit`].
pub async fn submit_event(
    address: &BrokerAddress,
    kind: &str,
    body: &[u8],
    now: Timestamp,
) -> Result<(), BrokerError> {
    let properties = properties(now, "application/cloudevents+json");
    put(address, (topology::EVENTS, kind), body, properties).await
}

async fn put(
    address: &BrokerAddress,
    target: (&str, &str),
    body: &[u8],
    properties: BasicProperties,
) -> Result<(), BrokerError> {
    let limit = address.operation_timeout;
    let connection = address.connect("herald publish").await?;
    let channel = confirming_channel(&connection, limit).await?;
    let submitted = confirmed(&channel, target, body, properties, limit).await;
    // The answer is known; whoever closes a connection wants nothing more of it.
    let _ = within(limit, "closing", connection.close(200, "done".into())).await;
    submitted.map(|_| ())
}

fn properties(now: Timestamp, content_type: &str) -> BasicProperties {
    let mut headers = FieldTable::default();
    let published_at = AMQPValue::LongLongInt(now.as_millisecond());
    headers.insert("timestamp_in_ms".into(), published_at);
    BasicProperties::default()
        .with_content_type(content_type.into())
        .with_delivery_mode(PERSISTENT)
        .with_headers(headers)
}
