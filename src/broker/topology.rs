//! Exchanges and queues, as the contract names them.

use std::sync::atomic::{AtomicBool, Ordering};
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

/// Declares what every lane and publisher needs: exchanges, and the queues of events and of what was
/// rejected. Returns what could not be declared; one that cannot keeps nobody from the others.
///
/// Each on a channel of its own: an object that exists with other arguments closes it.
pub async fn declare_shared(
    connection: &Connection,
    rejected: &RejectedQueue,
    delivery_limit: u32,
    limit: Duration,
) -> Vec<BrokerError> {
    let declared = [
        exchange(connection, NOTIFICATIONS, limit).await,
        rejected.declare(connection, limit).await,
        declare_events(connection, delivery_limit, limit).await,
        declare_status(connection, limit).await,
    ];
    declared.into_iter().filter_map(Result::err).collect()
}

/// The queue of what cannot be accepted. A queue keeps the arguments of its first declaration: one that
/// an older version declared serves as it is.
#[derive(Debug, Default)]
pub struct RejectedQueue {
    is_old: AtomicBool,
}

impl RejectedQueue {
    /// Declares where goes what cannot be accepted, first in the form in which it stood last.
    ///
    /// # Errors
    /// The broker is out of reach, refuses it, or holds an object of the same name with other arguments.
    pub async fn declare(
        &self,
        connection: &Connection,
        limit: Duration,
    ) -> Result<(), BrokerError> {
        let is_old = self.is_old();
        match declare_rejected(connection, is_old, limit).await {
            Err(error) if error.is_of_other_arguments() => {
                let other = declare_rejected(connection, !is_old, limit).await;
                other.map_err(|_| error)?;
                self.is_old.store(!is_old, Ordering::Relaxed);
                Ok(())
            }
            declared => declared,
        }
    }

    /// Whether it was found to be one that drops its oldest messages when a policy bounds its length.
    pub fn is_old(&self) -> bool {
        self.is_old.load(Ordering::Relaxed)
    }
}

/// Whether the queue of what cannot be accepted is there.
///
/// # Errors
/// The broker is out of reach, refuses to say so, or has no such queue.
pub async fn find_rejected(connection: &Connection, limit: Duration) -> Result<(), BrokerError> {
    let declare = Declare::begin(connection, limit).await?;
    let options = QueueDeclareOptions {
        passive: true,
        ..QueueDeclareOptions::durable()
    };
    let found = declare
        .channel
        .queue_declare(REJECTED.into(), options, FieldTable::default());
    within(limit, "looking for a queue", found).await?;
    declare.end().await
}

async fn declare_rejected(
    connection: &Connection,
    is_old: bool,
    limit: Duration,
) -> Result<(), BrokerError> {
    let declare = Declare::begin(connection, limit).await?;
    declare.exchange(REJECTED, ExchangeKind::Fanout).await?;
    let mut arguments = quorum(REJECTED_DELIVERY_LIMIT);
    if !is_old {
        refuse_when_full(&mut arguments);
    }
    declare.queue(REJECTED, arguments).await?;
    declare.bind(REJECTED, REJECTED, "").await?;
    declare.end().await
}

/// Declares a lane's queue and binds it to where upstream systems publish. Says how many messages wait in it.
///
/// # Errors
/// As [`RejectedQueue::declare`].
pub async fn declare_lane(
    connection: &Connection,
    lane: Lane,
    delivery_limit: u32,
    limit: Duration,
) -> Result<u32, BrokerError> {
    let declare = Declare::begin(connection, limit).await?;
    let (queue, key) = (queue_of(lane), lane.routing_key());
    let waiting = declare
        .queue(&queue, work_arguments(delivery_limit))
        .await?;
    declare.bind(&queue, NOTIFICATIONS, &key).await?;
    declare.end().await?;
    Ok(waiting)
}

async fn exchange(connection: &Connection, name: &str, limit: Duration) -> Result<(), BrokerError> {
    let declare = Declare::begin(connection, limit).await?;
    declare.exchange(name, ExchangeKind::Topic).await?;
    declare.end().await
}

/// Declares where status events are published.
///
/// # Errors
/// As [`RejectedQueue::declare`].
pub async fn declare_status(connection: &Connection, limit: Duration) -> Result<(), BrokerError> {
    exchange(connection, STATUS, limit).await
}

/// Declares where events are published, and their queue.
///
/// # Errors
/// As [`RejectedQueue::declare`].
pub async fn declare_events(
    connection: &Connection,
    delivery_limit: u32,
    limit: Duration,
) -> Result<(), BrokerError> {
    let declare = Declare::begin(connection, limit).await?;
    declare.exchange(EVENTS, ExchangeKind::Topic).await?;
    declare
        .queue(EVENTS, work_arguments(delivery_limit))
        .await?;
    declare.bind(EVENTS, EVENTS, "#").await?;
    declare.end().await
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
    refuse_when_full(&mut arguments);
    arguments
}

/// Where a policy bounds the queue's length, what is published then is refused, and nothing is dropped.
fn refuse_when_full(arguments: &mut FieldTable) {
    let refuse = AMQPValue::LongString("reject-publish".into());
    arguments.insert("x-overflow".into(), refuse);
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

/// A channel on which objects are declared.
struct Declare {
    channel: Channel,
    limit: Duration,
}

impl Declare {
    async fn begin(connection: &Connection, limit: Duration) -> Result<Self, BrokerError> {
        let channel = within(limit, "opening a channel", connection.create_channel()).await?;
        Ok(Self { channel, limit })
    }

    async fn end(self) -> Result<(), BrokerError> {
        let closing = self.channel.close(200, "done".into());
        within(self.limit, "closing a channel", closing).await
    }

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

    /// Answers how many messages wait in it.
    async fn queue(&self, name: &str, arguments: FieldTable) -> Result<u32, BrokerError> {
        let declared =
            self.channel
                .queue_declare(name.into(), QueueDeclareOptions::durable(), arguments);
        let declared = within(self.limit, "declaring a queue", declared).await?;
        Ok(declared.message_count())
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
