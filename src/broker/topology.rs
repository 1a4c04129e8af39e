//! Exchanges and queues, as the contract names them.

use std::time::Duration;

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Connection, ExchangeKind};

use super::error::{BrokerError, within};
use crate::domain::Lane;

/// Where upstream systems publish.
pub const NOTIFICATIONS: &str = "herald.notifications";
/// Domain events, mapped to notifications by rules.
pub const EVENTS: &str = "herald.events";
/// What could not be accepted: exchange and queue.
pub const REJECTED: &str = "herald.rejected";
/// Outgoing status events.
pub const STATUS: &str = "herald.status";

/// Returns that a rejected message survives: operators look at it again and again.
const REJECTED_DELIVERY_LIMIT: i64 = 1_000_000_000;

/// The queue of a lane.
#[must_use]
pub fn queue_of(lane: Lane) -> String {
    format!("herald.{lane}")
}

/// Declares every exchange and queue, and the lanes that this node consumes.
///
/// On a channel of its own: a queue that exists with other arguments closes it.
///
/// # Errors
/// When the broker is out of reach, or holds an object of the same name with other arguments.
pub async fn declare(
    connection: &Connection,
    lanes: &[Lane],
    delivery_limit: u32,
    limit: Duration,
) -> Result<(), BrokerError> {
    let channel = within(limit, "opening a channel", connection.create_channel()).await?;
    let declare = Declare {
        channel: &channel,
        limit,
    };
    declare.exchange(NOTIFICATIONS, ExchangeKind::Topic).await?;
    declare.exchange(EVENTS, ExchangeKind::Topic).await?;
    declare.exchange(STATUS, ExchangeKind::Topic).await?;
    declare.exchange(REJECTED, ExchangeKind::Fanout).await?;
    declare.queue(REJECTED, rejected_arguments()).await?;
    declare.bind(REJECTED, REJECTED, "").await?;
    declare
        .queue(EVENTS, work_arguments(delivery_limit))
        .await?;
    declare.bind(EVENTS, EVENTS, "#").await?;
    for lane in lanes {
        let queue = queue_of(*lane);
        declare
            .queue(&queue, work_arguments(delivery_limit))
            .await?;
        declare
            .bind(&queue, NOTIFICATIONS, &lane.routing_key())
            .await?;
    }
    within(
        limit,
        "closing a channel",
        channel.close(200, "done".into()),
    )
    .await
}

/// A message that kills the engine again and again ends in `herald.rejected` by itself; it is kept
/// where it was until it has arrived there.
fn work_arguments(delivery_limit: u32) -> FieldTable {
    let mut arguments = quorum(i64::from(delivery_limit));
    let mut text = |name: &str, value: &str| {
        arguments.insert(name.into(), AMQPValue::LongString(value.into()));
    };
    text("x-dead-letter-exchange", REJECTED);
    text("x-dead-letter-strategy", "at-least-once");
    text("x-overflow", "reject-publish");
    arguments
}

fn rejected_arguments() -> FieldTable {
    quorum(REJECTED_DELIVERY_LIMIT)
}

fn quorum(delivery_limit: i64) -> FieldTable {
    let mut arguments = FieldTable::default();
    arguments.insert(
        "x-queue-type".into(),
        AMQPValue::LongString("quorum".into()),
    );
    arguments.insert(
        "x-delivery-limit".into(),
        AMQPValue::LongLongInt(delivery_limit),
    );
    arguments
}

struct Declare<'a> {
    channel: &'a Channel,
    limit: Duration,
}

impl Declare<'_> {
    async fn exchange(&self, name: &str, kind: ExchangeKind) -> Result<(), BrokerError> {
        let options = ExchangeDeclareOptions {
            durable: true,
            ..ExchangeDeclareOptions::default()
        };
        let declared =
            self.channel
                .exchange_declare(name.into(), kind, options, FieldTable::default());
        within(self.limit, "declaring an exchange", declared).await
    }

    async fn queue(&self, name: &str, arguments: FieldTable) -> Result<(), BrokerError> {
        let declared =
            self.channel
                .queue_declare(name.into(), QueueDeclareOptions::durable(), arguments);
        within(self.limit, "declaring a queue", declared)
            .await
            .map(drop)
    }

    async fn bind(&self, queue: &str, exchange: &str, key: &str) -> Result<(), BrokerError> {
        let bound = self.channel.queue_bind(
            queue.into(),
            exchange.into(),
            key.into(),
            QueueBindOptions::default(),
            FieldTable::default(),
        );
        within(self.limit, "binding a queue", bound).await
    }
}
