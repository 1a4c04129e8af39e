//! What was put aside in `herald.rejected`: looked at without taking it out, and published to its lane again.
//!
//! RabbitMQ has no way to look at a message but to take it: it is taken without an acknowledgement, and returned. While
//! somebody looks, nobody else sees what they look at.

use std::time::Duration;

use lapin::message::BasicGetMessage;
use lapin::options::{BasicAckOptions, BasicGetOptions, BasicNackOptions};
use lapin::types::{AMQPValue, ShortString};
use lapin::{BasicProperties, Channel, Connection};
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;

use super::connection::BrokerAddress;
use super::error::{BrokerError, within};
use super::publisher::{PERSISTENT, confirmed, confirming_channel};
use super::topology;
use crate::domain::{Lane, Rejection, hex};

/// Most messages among which one is looked for, the eldest first.
pub const MOST_SEARCHED: usize = 500;
/// Bytes after which no further message is taken.
const MOST_BYTES: usize = 8 * 1_048_576;
/// Bytes of a hash that name a message.
const ID_BYTES: usize = 12;

/// A message that was put aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AsideMessage {
    /// Names it as long as it is there: a hash of all that follows.
    pub id: String,
    /// Why: a word of [`Rejection`], or of a newer version.
    pub reason: String,
    /// Why, in words.
    pub detail: String,
    /// The lane that it came through, where that is known.
    pub lane: Option<Lane>,
    /// Its AMQP `message_id`.
    pub message_id: Option<String>,
    /// The body, untouched.
    pub body: Vec<u8>,
}

/// The messages that were put aside, or the first of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AsideLook {
    /// How many there are that nobody else looks at.
    pub waiting: u64,
    /// The eldest.
    pub messages: Vec<AsideMessage>,
}

/// What became of a message that was to be published again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AsideFate {
    /// RabbitMQ has it in this lane.
    Published(Lane),
    /// It is not among those that were looked through.
    NotFound,
    /// Nobody knows the lane that it came through.
    NoLane,
}

/// Looks at what was put aside. One look at a time.
#[derive(Debug)]
pub struct AsideReader {
    address: BrokerAddress,
    turn: Mutex<()>,
}

/// Messages that were taken, and are returned with their channel at the latest.
struct TakenAside {
    waiting: u64,
    messages: Vec<(u64, AsideMessage)>,
}

impl AsideReader {
    /// A reader that connects when it is asked.
    #[must_use]
    pub fn new(address: BrokerAddress) -> Self {
        Self {
            address,
            turn: Mutex::new(()),
        }
    }

    /// At most so many messages, the eldest first. All of them stay.
    ///
    /// # Errors
    /// RabbitMQ is out of reach, or has no such queue.
    pub async fn look(&self, most: usize) -> Result<AsideLook, BrokerError> {
        let _turn = self.turn.lock().await;
        let connection = self.address.connect("herald look").await?;
        let looked = self.looked(&connection, most).await;
        self.close(&connection).await;
        looked
    }

    /// Publishes one to its lane again, and takes it out once RabbitMQ has confirmed it there. With its body and
    /// `message_id` it has the key that it had.
    ///
    /// # Errors
    /// RabbitMQ is out of reach, or does not take it: then it stays, unless the connection was lost between the two;
    /// then it is in both places, and its key keeps it from being sent twice.
    pub async fn publish_again(&self, id: &str) -> Result<AsideFate, BrokerError> {
        let _turn = self.turn.lock().await;
        let connection = self.address.connect("herald publish").await?;
        let published = self.published(&connection, id).await;
        self.close(&connection).await;
        published
    }

    async fn looked(&self, connection: &Connection, most: usize) -> Result<AsideLook, BrokerError> {
        let channel = self.channel(connection).await?;
        let taken = self.take(&channel, most, |_| false).await?;
        self.give_back(&channel).await?;
        let messages = taken.messages.into_iter().map(|(_, message)| message);
        Ok(AsideLook {
            waiting: taken.waiting,
            messages: messages.collect(),
        })
    }

    async fn published(&self, connection: &Connection, id: &str) -> Result<AsideFate, BrokerError> {
        let limit = self.address.operation_timeout;
        let channel = self.channel(connection).await?;
        let taken = self.take(&channel, MOST_SEARCHED, |it| it.id == id);
        let found = taken.await?.messages.pop().filter(|(_, it)| it.id == id);
        let fate = match found {
            None => AsideFate::NotFound,
            Some((_, AsideMessage { lane: None, .. })) => AsideFate::NoLane,
            Some((
                tag,
                AsideMessage {
                    lane: Some(lane),
                    message_id,
                    body,
                    ..
                },
            )) => {
                let publishing = confirming_channel(connection, limit).await?;
                let target = (topology::NOTIFICATIONS, &*lane.routing_key());
                let properties = properties(message_id.as_deref());
                confirmed(&publishing, target, &body, properties, limit).await?;
                let ack = channel.basic_ack(tag, BasicAckOptions::default());
                within(limit, "acknowledging", ack).await?;
                // It is published, whether its channel closes in good order or not.
                let closing = publishing.close(200, "done".into());
                let _ = within(limit, "closing a channel", closing).await;
                AsideFate::Published(lane)
            }
        };
        self.give_back(&channel).await?;
        Ok(fate)
    }

    async fn channel(&self, connection: &Connection) -> Result<Channel, BrokerError> {
        let limit: Duration = self.address.operation_timeout;
        within(limit, "opening a channel", connection.create_channel()).await
    }

    /// Takes messages up to the one that is looked for, or as many as there may be.
    async fn take(
        &self,
        channel: &Channel,
        most: usize,
        is_it: impl Fn(&AsideMessage) -> bool,
    ) -> Result<TakenAside, BrokerError> {
        let limit = self.address.operation_timeout;
        let (mut messages, mut left, mut bytes) = (vec![], 0, 0);
        while messages.len() < most && bytes < MOST_BYTES {
            let get = channel.basic_get(topology::REJECTED.into(), BasicGetOptions::default());
            let Some(got) = within(limit, "taking a message", get).await? else {
                left = 0;
                break;
            };
            left = got.message_count;
            bytes += got.data.len();
            let (tag, message) = (got.delivery_tag, AsideMessage::of(got));
            let is_it = is_it(&message);
            messages.push((tag, message));
            if is_it {
                break;
            }
        }
        let taken = u64::try_from(messages.len()).unwrap_or(u64::MAX);
        Ok(TakenAside {
            waiting: u64::from(left).saturating_add(taken),
            messages,
        })
    }

    /// Returns all that this channel has taken, in its order, and closes it.
    async fn give_back(&self, channel: &Channel) -> Result<(), BrokerError> {
        let all = BasicNackOptions {
            multiple: true,
            requeue: true,
        };
        let limit = self.address.operation_timeout;
        within(limit, "returning messages", channel.basic_nack(0, all)).await?;
        let closing = channel.close(200, "done".into());
        within(limit, "closing a channel", closing).await
    }

    /// Whoever closes a connection wants nothing more of it.
    async fn close(&self, connection: &Connection) {
        let closing = connection.close(200, "done".into());
        let _ = within(self.address.operation_timeout, "closing", closing).await;
    }
}

impl AsideMessage {
    fn of(got: BasicGetMessage) -> Self {
        let delivery = got.delivery;
        let header = |name: &str| {
            let headers = delivery.properties.headers().as_ref()?;
            match headers.inner().get(name)? {
                AMQPValue::LongString(text) => Some(text.to_string()),
                AMQPValue::ShortString(text) => Some(text.to_string()),
                _ => None,
            }
        };
        let limit = || Rejection::DeliveryLimit.as_str().to_owned();
        // What RabbitMQ itself has put here has none of our headers, and its lane as its routing key.
        let reason = header("x-herald-reason").unwrap_or_else(limit);
        let detail = header("x-herald-detail").unwrap_or_default();
        let lane = header("x-herald-lane").unwrap_or_else(|| delivery.routing_key.to_string());
        let message_id = delivery.properties.message_id().as_ref();
        let message_id = message_id.map(ShortString::to_string);
        let mut hash = Sha256::new();
        for part in [
            &*reason,
            &*detail,
            &*lane,
            message_id.as_deref().unwrap_or_default(),
        ] {
            hash.update(part.len().to_be_bytes());
            hash.update(part);
        }
        hash.update(&delivery.data);
        let mut id = hex(&hash.finalize());
        id.truncate(ID_BYTES * 2);
        Self {
            id,
            reason,
            detail,
            lane: Lane::all().find(|it| it.routing_key() == lane),
            message_id,
            body: delivery.data,
        }
    }
}

fn properties(message_id: Option<&str>) -> BasicProperties {
    let properties = BasicProperties::default()
        .with_content_type("application/json".into())
        .with_delivery_mode(PERSISTENT);
    match message_id {
        Some(id) => properties.with_message_id(id.into()),
        None => properties,
    }
}
