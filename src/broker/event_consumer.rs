//! Consuming events: a chunk is stored, then acknowledged; what cannot be accepted is published to `herald.rejected`
//! first.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Connection};

use super::arrival::SaidProperties;
use super::connection::BrokerAddress;
use super::error::{BrokerError, within};
use super::publisher::{Publisher, Rejected};
use super::{Refusal, topology};
use crate::resilience::Backoff;
use crate::runtime::Shutdown;

/// Most events that the broker hands out unacknowledged.
const PREFETCH: u16 = 512;
/// Most events of a chunk.
const CHUNK: usize = 256;
/// Wait before what could not be stored is given back.
const PAUSE: Duration = Duration::from_secs(1);

/// What became of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventVerdict {
    /// The database holds it, or held it before.
    Stored,
    /// It cannot be accepted.
    Refused(Refusal),
    /// It could not be stored: it comes again.
    Later,
}

/// An event as it arrives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArrivedEvent {
    /// The body.
    pub body: Vec<u8>,
    /// The publisher's W3C trace context, as a header says it.
    pub traceparent: Option<String>,
}

/// Stores events and says what became of each, in their order: what is [`EventVerdict::Stored`] is committed.
pub type EventSink = Arc<
    dyn Fn(Vec<ArrivedEvent>) -> Pin<Box<dyn Future<Output = Vec<EventVerdict>> + Send>>
        + Send
        + Sync,
>;

/// Consumes events until it is told to stop.
pub struct EventConsumer {
    /// The broker.
    pub address: BrokerAddress,
    /// Deliveries after which an event is dead-lettered.
    pub delivery_limit: u32,
    /// Waits between attempts to connect.
    pub reconnect: Backoff,
    /// Publishes what cannot be accepted.
    pub publisher: Arc<Publisher>,
    /// Stops consuming.
    pub stop: Shutdown,
    /// Stores what arrives.
    pub sink: EventSink,
}

impl std::fmt::Debug for EventConsumer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EventConsumer").finish_non_exhaustive()
    }
}

impl EventConsumer {
    /// Consumes until told to stop; connects again after a loss.
    pub async fn run(self) {
        let mut failures = 0;
        while !self.stop.is_raised() {
            let Some(ended) = self.stop.or(self.consume(&mut failures)).await else {
                return;
            };
            if let Err(error) = ended {
                let error = error.words();
                tracing::warn!(error, "events are not consumed; trying again");
            }
            let wait = self.reconnect.delay(failures, 0.5, self.reconnect.base);
            failures = failures.saturating_add(1);
            self.stop.or(tokio::time::sleep(wait)).await;
        }
    }

    /// Consumes through one connection until it is lost.
    async fn consume(&self, failures: &mut u32) -> Result<(), BrokerError> {
        let limit = self.address.operation_timeout;
        let connection: Connection = self.address.connect("herald events").await?;
        topology::declare_events(&connection, self.delivery_limit, limit).await?;
        let channel = within(limit, "opening a channel", connection.create_channel()).await?;
        let qos = channel.basic_qos(PREFETCH, BasicQosOptions::default());
        within(limit, "setting the prefetch", qos).await?;
        let consuming = channel.basic_consume(
            topology::EVENTS.into(),
            "".into(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        );
        let consumer = within(limit, "consuming events", consuming).await?;
        tracing::info!("consuming events from RabbitMQ");
        *failures = 0;
        let mut chunks = consumer.ready_chunks(CHUNK);
        while let Some(chunk) = chunks.next().await {
            let arrived: Vec<Delivery> = chunk.into_iter().filter_map(Result::ok).collect();
            if arrived.is_empty() {
                break;
            }
            self.settle(&channel, arrived).await?;
        }
        Ok(())
    }

    /// Stores a chunk and acknowledges what was stored, or is in `herald.rejected`. What cannot be stored now is kept and
    /// tried again: given back it would come again at once, and be set aside for having come too often.
    async fn settle(&self, channel: &Channel, arrived: Vec<Delivery>) -> Result<(), BrokerError> {
        let mut arrived = arrived;
        while !arrived.is_empty() {
            arrived = self.settle_once(channel, arrived).await?;
            if !arrived.is_empty() {
                tokio::time::sleep(PAUSE).await;
            }
        }
        Ok(())
    }

    /// Answers what is to be tried again.
    async fn settle_once(
        &self,
        channel: &Channel,
        arrived: Vec<Delivery>,
    ) -> Result<Vec<Delivery>, BrokerError> {
        let said = arrived.iter().map(|it| SaidProperties::of(&it.properties));
        let said: Vec<SaidProperties> = said.collect();
        let readable = arrived
            .iter()
            .zip(&said)
            .filter(|(_, said)| said.refusal.is_none());
        let events = readable.map(|(delivery, said)| ArrivedEvent {
            body: delivery.data.clone(),
            traceparent: said.traceparent.clone(),
        });
        let mut verdicts = (self.sink)(events.collect()).await.into_iter();
        let (mut settled, mut later) = (vec![], vec![]);
        for (delivery, said) in arrived.into_iter().zip(said) {
            let verdict = match &said.refusal {
                Some(refusal) => EventVerdict::Refused(refusal.clone()),
                None => verdicts.next().unwrap_or(EventVerdict::Later),
            };
            let is_settled = match verdict {
                EventVerdict::Stored => true,
                EventVerdict::Later => false,
                EventVerdict::Refused(refusal) => self.reject(&delivery, &said, &refusal).await,
            };
            match is_settled {
                true => settled.push(delivery.delivery_tag),
                false => later.push(delivery),
            }
        }
        self.acknowledge(channel, &settled, later.is_empty())
            .await?;
        Ok(later)
    }

    async fn reject(&self, delivery: &Delivery, said: &SaidProperties, refusal: &Refusal) -> bool {
        let rejected = Rejected {
            body: &delivery.data,
            lane: None,
            message_id: said.message_id.as_deref(),
            properties: said.properties.as_deref(),
            reason: refusal.reason,
            detail: &refusal.detail,
        };
        match self.publisher.reject(rejected).await {
            Ok(_) => true,
            Err(error) => {
                let error = error.words();
                tracing::warn!(
                    error,
                    "a refused event could not be published; it comes again"
                );
                false
            }
        }
    }

    /// Acknowledges these; by one word where there are no others.
    async fn acknowledge(
        &self,
        channel: &Channel,
        tags: &[u64],
        is_all: bool,
    ) -> Result<(), BrokerError> {
        let limit = self.address.operation_timeout;
        let (multiple, tags) = match (is_all, tags.iter().max()) {
            (true, Some(last)) => (true, vec![*last]),
            _ => (false, tags.to_vec()),
        };
        for tag in tags {
            let ack = channel.basic_ack(tag, BasicAckOptions { multiple });
            within(limit, "acknowledging events", ack).await?;
        }
        Ok(())
    }
}
