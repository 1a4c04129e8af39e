//! Publishing with confirms, on a connection of its own: a memory alarm blocks publishing
//! connections, and must not stop acknowledgements.

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Confirmation, Connection};
use tokio::sync::Mutex;

use super::connection::Address;
use super::error::{BrokerError, within};
use super::topology;
use crate::domain::{Lane, Proof, Rejection};

/// `delivery_mode` of a persistent message.
const PERSISTENT: u8 = 2;

/// Publishes with confirms; connects when first needed and again after a loss.
#[derive(Debug)]
pub struct Publisher {
    address: Address,
    link: Mutex<Option<Link>>,
}

/// Proof that RabbitMQ holds a message that was published: it has confirmed it. Made by [`Publisher`]
/// alone.
#[derive(Debug)]
pub struct Confirmed(());

impl Proof for Confirmed {}

#[derive(Debug)]
struct Link {
    connection: Connection,
    channel: Channel,
}

impl Publisher {
    /// A publisher that is not connected yet.
    #[must_use]
    pub fn new(address: Address) -> Self {
        Self {
            address,
            link: Mutex::new(None),
        }
    }

    /// Puts a message that could not be accepted into `herald.rejected`, its body untouched.
    /// Returns once the broker has confirmed it, which is the right to acknowledge it.
    ///
    /// # Errors
    /// When the broker is out of reach or did not take it: nothing may be acknowledged then.
    pub async fn reject(
        &self,
        body: &[u8],
        lane: Lane,
        message_id: Option<&str>,
        reason: Rejection,
        detail: &str,
    ) -> Result<Confirmed, BrokerError> {
        let mut headers = FieldTable::default();
        let mut header = |name: &str, value: &str| {
            headers.insert(name.into(), AMQPValue::LongString(value.into()));
        };
        header("x-herald-reason", reason.as_str());
        header("x-herald-detail", detail);
        header("x-herald-lane", &lane.routing_key());
        let mut properties = BasicProperties::default()
            .with_delivery_mode(PERSISTENT)
            .with_content_type("application/json".into())
            .with_headers(headers);
        if let Some(id) = message_id {
            // It may be what the message's idempotency rests on, should it be published again.
            properties = properties.with_message_id(id.into());
        }
        self.publish(topology::REJECTED, "", body, properties).await
    }

    async fn publish(
        &self,
        exchange: &str,
        routing_key: &str,
        body: &[u8],
        properties: BasicProperties,
    ) -> Result<Confirmed, BrokerError> {
        let channel = self.channel().await?;
        let limit = self.address.operation_timeout;
        // Without `mandatory` the broker confirms what it cannot route, and forgets it.
        let options = BasicPublishOptions {
            mandatory: true,
            ..BasicPublishOptions::default()
        };
        let published = channel.basic_publish(
            exchange.into(),
            routing_key.into(),
            options,
            body,
            properties,
        );
        let confirm = within(limit, "publishing", published).await?;
        match within(limit, "waiting for a confirm", confirm).await? {
            Confirmation::Ack(None) => Ok(Confirmed(())),
            Confirmation::Ack(Some(_)) => Err(BrokerError::NotTaken("no queue is bound to it")),
            Confirmation::Nack(_) => Err(BrokerError::NotTaken("the queue refused it")),
            Confirmation::NotRequested => Err(BrokerError::NotTaken("confirms are off")),
        }
    }

    async fn channel(&self) -> Result<Channel, BrokerError> {
        let mut link = self.link.lock().await;
        let live = link.as_ref().filter(|link| {
            link.connection.status().connected() && link.channel.status().connected()
        });
        if let Some(live) = live {
            return Ok(live.channel.clone());
        }
        let limit = self.address.operation_timeout;
        let connection = self.address.connect("herald publish").await?;
        let channel = within(limit, "opening a channel", connection.create_channel()).await?;
        let select = channel.confirm_select(ConfirmSelectOptions::default());
        within(limit, "switching confirms on", select).await?;
        *link = Some(Link {
            connection,
            channel: channel.clone(),
        });
        Ok(channel)
    }
}
