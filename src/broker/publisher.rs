//! Publishing with confirms, on a connection of its own: a memory alarm blocks publishing
//! connections, and must not stop acknowledgements.
//!
//! What is published to is declared first, and again when it turns out to be gone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::{AMQPValue, ByteArray, FieldTable};
use lapin::{BasicProperties, Channel, Confirmation, Connection};
use tokio::sync::Mutex;

use super::connection::BrokerAddress;
use super::error::{BrokerError, within};
use super::topology::{self, RejectedQueue};
use super::unreadable;
use crate::domain::{Lane, Proof, Rejection};
use crate::runtime::{Health, Shutdown};

/// `delivery_mode` of a persistent message.
pub(super) const PERSISTENT: u8 = 2;
/// The name under which `/readyz` shows it.
const PART: &str = "publishing";
/// Time between looks whether publishing is possible.
const LOOK: Duration = Duration::from_secs(20);
/// The same while it is not.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// Publishes with confirms; connects again after a loss.
#[derive(Debug)]
pub struct Publisher {
    address: BrokerAddress,
    health: Health,
    link: Mutex<Option<Arc<Link>>>,
}

/// Proof that RabbitMQ holds a message that was published: it has confirmed it. Made by `confirmed`
/// alone.
#[derive(Debug)]
pub struct Confirmed(());

impl Proof for Confirmed {}

/// A message that could not be accepted.
#[derive(Debug, Clone, Copy)]
pub struct Rejected<'a> {
    /// The body, untouched.
    pub body: &'a [u8],
    /// The lane that it came through; an event came through none.
    pub lane: Option<Lane>,
    /// Its AMQP `message_id`.
    pub message_id: Option<&'a str>,
    /// Its properties, byte by byte, where they could not be read.
    pub properties: Option<&'a [u8]>,
    /// Why.
    pub reason: Rejection,
    /// Why, in words.
    pub detail: &'a str,
}

#[derive(Debug)]
struct Link {
    connection: Arc<Connection>,
    channel: Channel,
    rejected: RejectedQueue,
    /// What it publishes to was found to be gone.
    is_stale: AtomicBool,
}

impl Publisher {
    /// A publisher that is not connected yet, and tells `health` whether it can publish.
    #[must_use]
    pub fn new(address: BrokerAddress, health: Health) -> Self {
        Self {
            address,
            health,
            link: Mutex::new(None),
        }
    }

    /// Sees to it that there is a way to publish, and to what, before it is needed.
    pub async fn keep(self: Arc<Self>, stop: Shutdown) {
        while !stop.is_raised() {
            let Some(looked) = stop.or(self.look()).await else {
                return;
            };
            self.tell(looked.as_ref().err());
            let pause = if looked.is_ok() { LOOK } else { LOOK_AGAIN };
            stop.or(tokio::time::sleep(pause)).await;
        }
    }

    async fn look(&self) -> Result<(), BrokerError> {
        let link = self.link().await?;
        if link.connection.status().blocked() {
            return Err(BrokerError::Blocked);
        }
        let limit = self.address.operation_timeout;
        link.rejected.declare(&link.connection, limit).await
    }

    fn tell(&self, failure: Option<&BrokerError>) {
        match failure {
            Some(error) => self.health.down(PART, error.words()),
            None => self.health.up(PART),
        }
    }

    /// Puts a message that could not be accepted into `herald.rejected`. Returns once the broker has
    /// confirmed it, which is the right to acknowledge it.
    ///
    /// # Errors
    /// When the broker is out of reach or did not take it: nothing may be acknowledged then.
    pub async fn reject(&self, rejected: Rejected<'_>) -> Result<Confirmed, BrokerError> {
        let properties = rejected.properties();
        let mut published = self.publish(rejected.body, properties.clone()).await;
        if published.is_err() && self.may_help().await {
            published = self.publish(rejected.body, properties).await;
        }
        self.tell(published.as_ref().err());
        published
    }

    async fn publish(
        &self,
        body: &[u8],
        properties: BasicProperties,
    ) -> Result<Confirmed, BrokerError> {
        let link = self.link().await?;
        if link.connection.status().blocked() {
            return Err(BrokerError::Blocked);
        }
        let published = link.publish(body, properties, self.address.operation_timeout);
        let published = published.await;
        if matches!(published, Err(BrokerError::NotTaken(NO_QUEUE))) {
            link.is_stale.store(true, Ordering::Release);
        }
        published
    }

    /// Whether a second try may go better: the connection is there, and what was published to was not.
    async fn may_help(&self) -> bool {
        let link = self.link.lock().await;
        link.as_ref().is_some_and(|link| {
            link.connection.status().connected()
                && !link.connection.status().blocked()
                && !link.is_usable()
        })
    }

    /// The way to publish: the one that there is, or a new one, with what it leads to.
    async fn link(&self) -> Result<Arc<Link>, BrokerError> {
        let mut link = self.link.lock().await;
        if let Some(usable) = link.as_ref().filter(|link| link.is_usable()) {
            return Ok(Arc::clone(usable));
        }
        let connected = link
            .take()
            .map(|link| Arc::clone(&link.connection))
            .filter(|connection| connection.status().connected());
        let connection = match connected {
            Some(connection) => connection,
            None => Arc::new(self.address.connect("herald publish").await?),
        };
        let made = Arc::new(Link::over(connection, self.address.operation_timeout).await?);
        *link = Some(Arc::clone(&made));
        Ok(made)
    }
}

/// A channel on which RabbitMQ confirms what it took.
///
/// # Errors
/// RabbitMQ is out of reach, or opens none.
pub(super) async fn confirming_channel(
    connection: &Connection,
    limit: Duration,
) -> Result<Channel, BrokerError> {
    let channel = within(limit, "opening a channel", connection.create_channel()).await?;
    let select = channel.confirm_select(ConfirmSelectOptions::default());
    within(limit, "switching confirms on", select).await?;
    Ok(channel)
}

/// Why a message was not taken that is routed to no queue.
pub const NO_QUEUE: &str = "no queue is bound to it";

impl Link {
    async fn over(connection: Arc<Connection>, limit: Duration) -> Result<Self, BrokerError> {
        let rejected = RejectedQueue::default();
        rejected.declare(&connection, limit).await?;
        let channel = confirming_channel(&connection, limit).await?;
        Ok(Self {
            connection,
            channel,
            rejected,
            is_stale: AtomicBool::new(false),
        })
    }

    fn is_usable(&self) -> bool {
        self.connection.status().connected()
            && self.channel.status().connected()
            && !self.is_stale.load(Ordering::Acquire)
    }

    async fn publish(
        &self,
        body: &[u8],
        properties: BasicProperties,
        limit: Duration,
    ) -> Result<Confirmed, BrokerError> {
        confirmed(
            &self.channel,
            (topology::REJECTED, ""),
            body,
            properties,
            limit,
        )
        .await
    }
}

/// Publishes to an exchange with a routing key, and waits until RabbitMQ has confirmed the message.
pub(super) async fn confirmed(
    channel: &Channel,
    (exchange, routing_key): (&str, &str),
    body: &[u8],
    properties: BasicProperties,
    limit: Duration,
) -> Result<Confirmed, BrokerError> {
    // Without `mandatory` the broker confirms what it cannot route, and forgets it.
    let options = BasicPublishOptions {
        mandatory: true,
        ..BasicPublishOptions::default()
    };
    let (exchange, routing_key) = (exchange.into(), routing_key.into());
    let published = channel.basic_publish(exchange, routing_key, options, body, properties);
    let confirm = within(limit, "publishing", published).await?;
    match within(limit, "waiting for a confirm", confirm).await? {
        Confirmation::Ack(None) => Ok(Confirmed(())),
        Confirmation::Ack(Some(_)) => Err(BrokerError::NotTaken(NO_QUEUE)),
        Confirmation::Nack(_) => Err(BrokerError::NotTaken("the queue refused it")),
        Confirmation::NotRequested => Err(BrokerError::NotTaken("confirms are off")),
    }
}

impl Rejected<'_> {
    fn properties(&self) -> BasicProperties {
        let mut headers = FieldTable::default();
        let mut header = |name: &str, value: &str| {
            headers.insert(name.into(), AMQPValue::LongString(value.into()));
        };
        header("x-herald-reason", self.reason.as_str());
        header("x-herald-detail", self.detail);
        let lane = self
            .lane
            .map_or_else(|| "events".to_owned(), Lane::routing_key);
        header("x-herald-lane", &lane);
        if let Some(original) = self.properties {
            let original = AMQPValue::ByteArray(ByteArray::from(original));
            headers.insert(unreadable::ORIGINAL.into(), original);
        }
        let properties = BasicProperties::default()
            .with_delivery_mode(PERSISTENT)
            .with_content_type("application/json".into())
            .with_headers(headers);
        match self.message_id {
            // It may be what the message's idempotency rests on, should it be published again.
            Some(id) => properties.with_message_id(id.into()),
            None => properties,
        }
    }
}
