//! Publishes an e-mail for one person: `cargo run --example publish USER_ID`. Needs `HERALD__BROKER__URL`.

#![expect(
    clippy::disallowed_methods,
    reason = "a publisher is a program of its own, with its own clock and variables"
)]

use std::error::Error;
use std::time::{SystemTime, UNIX_EPOCH};

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Confirmation, Connection, ConnectionProperties};
use serde_json::json;

const EXCHANGE: &str = "herald.notifications";
const LANE: &str = "email.normal";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let user_id = std::env::args().nth(1).ok_or("publish USER_ID")?;
    publish(&std::env::var("HERALD__BROKER__URL")?, &user_id).await?;
    println!("published to {LANE}");
    Ok(())
}

/// Publishes one message, and waits until RabbitMQ holds it.
///
/// # Errors
/// When RabbitMQ cannot be reached, refuses the message, or has no queue for its lane.
pub(crate) async fn publish(url: &str, user_id: &str) -> Result<(), Box<dyn Error>> {
    let envelope = json!({
        "version": 1,
        "user_id": user_id,
        "channel": "email",
        "priority": "normal",
        "idempotency_key": "order-A-17-shipped-rust",
        "content": { "subject": "Order A-17", "body": "Your order A-17 is on its way." },
    });
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis();
    let mut headers = FieldTable::default();
    headers.insert(
        "timestamp_in_ms".into(),
        AMQPValue::LongLongInt(i64::try_from(now)?),
    );
    let properties = BasicProperties::default()
        .with_content_type("application/json".into())
        .with_delivery_mode(2) // survives a restart of RabbitMQ
        .with_headers(headers);
    let options = BasicPublishOptions {
        mandatory: true,
        ..BasicPublishOptions::default()
    };

    let connection = Connection::connect(url, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    channel
        .confirm_select(ConfirmSelectOptions::default())
        .await?;
    let body = serde_json::to_vec(&envelope)?;
    let published = channel.basic_publish(EXCHANGE.into(), LANE.into(), options, &body, properties);
    let confirmation = published.await?.await?;
    connection.close(200, "done".into()).await?;
    match confirmation {
        Confirmation::Ack(None) => Ok(()),
        Confirmation::Ack(Some(_)) => {
            Err(format!("no queue takes {LANE}: has a node of Herald consumed this lane?").into())
        }
        _ => Err("RabbitMQ refused the message: publish it again".into()),
    }
}
