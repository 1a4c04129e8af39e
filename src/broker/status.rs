//! Publishing status events to `herald.status`, on a connection of its own: whatever ails it holds up nothing
//! else.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesOrdered;
use lapin::options::BasicPublishOptions;
use lapin::{BasicProperties, Channel, Confirmation, Connection, PublisherConfirm};
use tokio::sync::Mutex;
use uuid::Uuid;

use super::connection::BrokerAddress;
use super::error::{BrokerError, within};
use super::publisher::{PERSISTENT, confirming_channel};
use super::topology;

/// CloudEvents' binding for AMQP, 3.2: structured mode.
const CONTENT_TYPE: &str = "application/cloudevents+json; charset=utf-8";

/// An event that is to be published.
#[derive(Debug, Clone, Copy)]
pub struct StatusMessage<'a> {
    /// The CloudEvent's id.
    pub event_id: Uuid,
    /// What keeps its place: of two about the same the first is confirmed before the second is published.
    pub about: Uuid,
    /// The routing key.
    pub routing_key: &'a str,
    /// The CloudEvent.
    pub body: &'a str,
}

/// What became of events, by their places. Those that are in neither list were not published.
#[derive(Debug, Default)]
pub struct StatusPublished {
    /// RabbitMQ has them.
    pub confirmed: Vec<usize>,
    /// At least one queue refused them: others may have them.
    pub refused: Vec<usize>,
    /// What ended it before all were published.
    pub stopped_by: Option<BrokerError>,
}

/// Where events go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutgoingExchange {
    /// `herald.status`: nobody needs to listen.
    Status,
    /// `herald.events`: they begin workflows. With the delivery limit of its queue.
    Events(u32),
}

impl OutgoingExchange {
    const fn name(self) -> &'static str {
        match self {
            Self::Status => topology::STATUS,
            Self::Events(_) => topology::EVENTS,
        }
    }

    async fn declare(self, connection: &Connection, limit: Duration) -> Result<(), BrokerError> {
        match self {
            Self::Status => topology::declare_status(connection, limit).await,
            Self::Events(deliveries) => {
                topology::declare_events(connection, deliveries, limit).await
            }
        }
    }
}

/// Publishes CloudEvents with confirms; connects again after a loss. Nobody needs to listen.
#[derive(Debug)]
pub struct StatusPublisher {
    address: BrokerAddress,
    exchange: OutgoingExchange,
    link: Mutex<Option<Arc<StatusLink>>>,
}

#[derive(Debug)]
struct StatusLink {
    exchange: OutgoingExchange,
    connection: Connection,
    channel: Channel,
}

impl StatusPublisher {
    /// A publisher that is not connected yet.
    #[must_use]
    pub fn new(address: BrokerAddress, exchange: OutgoingExchange) -> Self {
        Self {
            address,
            exchange,
            link: Mutex::new(None),
        }
    }

    /// Publishes events: those about different things at once, those about one thing one after the other. What a
    /// queue refuses holds up only what is about the same.
    pub async fn publish(&self, events: &[StatusMessage<'_>]) -> StatusPublished {
        let mut published = StatusPublished::default();
        let ended = self.publish_all(events, &mut published).await;
        if ended.as_ref().is_err_and(|error| !error.is_blocked()) {
            // Nobody knows what became of what is under way: the next one begins on another connection.
            let link = self.link.lock().await.take();
            drop(link);
        }
        published.stopped_by = ended.err();
        published
    }

    async fn publish_all(
        &self,
        events: &[StatusMessage<'_>],
        published: &mut StatusPublished,
    ) -> Result<(), BrokerError> {
        let link = self.link().await?;
        if link.connection.status().blocked() {
            return Err(BrokerError::Blocked);
        }
        let limit = self.address.operation_timeout;
        let mut refused = HashSet::new();
        for wave in waves(events) {
            let mut under_way = FuturesOrdered::new();
            for at in wave {
                let event = events.get(at);
                let Some(event) = event.filter(|it| !refused.contains(&it.about)) else {
                    continue;
                };
                let confirm = link.put(event, limit).await?;
                let about = event.about;
                under_way.push_back(async move { (at, about, confirm.await) });
            }
            let wait = async {
                while let Some((at, about, confirmation)) = under_way.next().await {
                    if is_taken(confirmation)? {
                        published.confirmed.push(at);
                    } else {
                        published.refused.push(at);
                        refused.insert(about);
                    }
                }
                Ok(())
            };
            let waited = tokio::time::timeout(limit, wait).await;
            waited.unwrap_or(Err(BrokerError::Timeout(limit, "waiting for confirms")))?;
        }
        Ok(())
    }

    async fn link(&self) -> Result<Arc<StatusLink>, BrokerError> {
        let mut link = self.link.lock().await;
        if let Some(usable) = link.as_ref().filter(|link| link.is_usable()) {
            return Ok(Arc::clone(usable));
        }
        let made = StatusLink::open(&self.address, self.exchange).await?;
        let made = Arc::new(made);
        *link = Some(Arc::clone(&made));
        Ok(made)
    }
}

impl StatusLink {
    async fn open(
        address: &BrokerAddress,
        exchange: OutgoingExchange,
    ) -> Result<Self, BrokerError> {
        let limit = address.operation_timeout;
        let connection = address.connect("herald status").await?;
        exchange.declare(&connection, limit).await?;
        let channel = confirming_channel(&connection, limit).await?;
        Ok(Self {
            exchange,
            connection,
            channel,
        })
    }

    fn is_usable(&self) -> bool {
        self.connection.status().connected() && self.channel.status().connected()
    }

    /// Hands an event over; what is answered waits for its confirm.
    async fn put(
        &self,
        event: &StatusMessage<'_>,
        limit: Duration,
    ) -> Result<PublisherConfirm, BrokerError> {
        let properties = BasicProperties::default()
            .with_content_type(CONTENT_TYPE.into())
            .with_delivery_mode(PERSISTENT)
            .with_message_id(event.event_id.to_string().into());
        // Nobody need listen: what is routed to no queue is confirmed, and forgotten.
        let options = BasicPublishOptions::default();
        let (exchange, key) = (self.exchange.name().into(), event.routing_key.into());
        let body = event.body.as_bytes();
        let published = self
            .channel
            .basic_publish(exchange, key, options, body, properties);
        within(limit, "publishing", published).await
    }
}

/// Whether every queue took it.
fn is_taken(confirmation: lapin::Result<Confirmation>) -> Result<bool, BrokerError> {
    match confirmation.map_err(|error| BrokerError::Amqp(error, "waiting for a confirm"))? {
        Confirmation::Ack(_) => Ok(true),
        Confirmation::Nack(_) => Ok(false),
        Confirmation::NotRequested => Err(BrokerError::NotTaken("confirms are off")),
    }
}

/// The places of events, in parts: none has two about the same, and each thing's are in their order.
fn waves(events: &[StatusMessage<'_>]) -> Vec<Vec<usize>> {
    let mut left: Vec<usize> = (0..events.len()).collect();
    let mut waves = vec![];
    while !left.is_empty() {
        let mut named = HashSet::new();
        let about = |at: &usize| events.get(*at).map(|event| event.about);
        let (wave, later): (Vec<usize>, Vec<usize>) =
            left.into_iter().partition(|at| named.insert(about(at)));
        waves.push(wave);
        left = later;
    }
    waves
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_about_one_thing_are_never_under_way_together() {
        let about = [1, 2, 1, 3, 1, 2];
        let events = about.map(|about| StatusMessage {
            event_id: Uuid::nil(),
            about: Uuid::from_u128(about),
            routing_key: "email.sent",
            body: "{}",
        });
        assert_eq!(waves(&events), [vec![0, 1, 3], vec![2, 5], vec![4]]);
        assert!(waves(&[]).is_empty());
    }
}
