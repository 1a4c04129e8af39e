//! Consuming the lanes: one connection, one AMQP channel a lane, everything built anew when lost.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use lapin::message::Delivery;
use lapin::options::{BasicCancelOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;
use lapin::{Connection, Consumer};
use tokio::sync::watch;

use super::connection::Address;
use super::error::{BrokerError, within};
use super::lane_channel::LaneChannel;
use super::{Arrival, Receipt, topology};
use crate::domain::Lane;
use crate::resilience::Backoff;
use crate::runtime::{Health, Permit, Permits, Shutdown, Tasks, clock};

/// Most messages handed on at once.
const CHUNK: usize = 128;
/// Time between looks at a channel while something else is waited for.
const LOOK: Duration = Duration::from_millis(500);
/// Our consumer's tag on every lane's channel.
const TAG: &str = "herald";
/// The name under which `/readyz` shows the broker.
const PART: &str = "broker";

/// A lane to consume.
#[derive(Debug, Clone)]
pub struct LaneConsumer {
    /// The lane.
    pub lane: Lane,
    /// One is taken for each message.
    pub permits: Permits,
    /// Most messages that the broker hands out unacknowledged.
    pub prefetch: u16,
    /// Whether the lane is to be left alone for now: its messages wait in RabbitMQ.
    pub paused: watch::Receiver<bool>,
}

/// Takes what arrives; must not block.
pub type Sink = Arc<dyn Fn(Vec<Arrival>) + Send + Sync>;

/// Consumes lanes until it is told to stop.
pub struct Consumers {
    /// The broker.
    pub address: Address,
    /// What to consume.
    pub lanes: Vec<LaneConsumer>,
    /// Deliveries after which a message is dead-lettered.
    pub delivery_limit: u32,
    /// Waits between attempts to connect.
    pub reconnect: Backoff,
    /// Where returned deliveries are sent from.
    pub tasks: Tasks,
    /// Tells operators whether the broker is there.
    pub health: Health,
    /// Stops consuming; what has been handed on can still be acknowledged.
    pub stop: Shutdown,
    /// Takes what arrives.
    pub sink: Sink,
}

impl std::fmt::Debug for Consumers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Consumers")
            .field("lanes", &self.lanes.len())
            .finish_non_exhaustive()
    }
}

impl Consumers {
    /// Consumes until told to stop. The connection is returned open, so that what is in flight can
    /// still be acknowledged; closing it returns the rest to the broker.
    pub async fn run(self) -> Option<Connection> {
        let mut failures = 0;
        while !self.stop.is_raised() {
            match self.stop.or(self.connect()).await? {
                Ok(connection) => {
                    failures = 0;
                    tracing::info!(lanes = self.lanes.len(), "consuming from RabbitMQ");
                    self.health.up(PART);
                    self.consume(&connection).await;
                    if self.stop.is_raised() {
                        return Some(connection);
                    }
                    self.health.down(PART, "the connection was lost");
                    tracing::warn!("the connection to RabbitMQ was lost");
                }
                Err(error) => {
                    self.health.down(PART, error.to_string());
                    self.wait(&mut failures, &error).await;
                }
            }
        }
        None
    }

    async fn connect(&self) -> Result<Connection, BrokerError> {
        let connection = self.address.connect("herald consume").await?;
        let lanes: Vec<Lane> = self.lanes.iter().map(|consumer| consumer.lane).collect();
        let limit = self.address.operation_timeout;
        topology::declare(&connection, &lanes, self.delivery_limit, limit).await?;
        Ok(connection)
    }

    async fn wait(&self, failures: &mut u32, error: &BrokerError) {
        let wait = self.reconnect.delay(*failures, 0.5, self.reconnect.base);
        let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        tracing::warn!(%error, wait_ms, "cannot consume from RabbitMQ yet; trying again");
        *failures = failures.saturating_add(1);
        self.stop.or(tokio::time::sleep(wait)).await;
    }

    /// Consumes every lane until the connection is lost or the stop is raised.
    async fn consume(&self, connection: &Connection) {
        let lanes = self
            .lanes
            .iter()
            .map(|lane| self.consume_lane(connection, lane));
        let mut lanes: FuturesUnordered<_> = lanes.collect();
        while lanes.next().await.is_some() {}
    }

    async fn consume_lane(&self, connection: &Connection, lane: &LaneConsumer) {
        let mut failures = 0;
        while connection.status().connected() && !self.stop.is_raised() {
            match self.open(connection, lane).await {
                Ok(channel) => {
                    let served = self.serve(lane, &channel, &mut failures).await;
                    if self.stop.is_raised() {
                        self.cancel(&channel).await;
                        channel.gather_no_more().await;
                        return;
                    }
                    channel.close().await;
                    match served {
                        Ok(()) => {
                            tracing::warn!(lane = %lane.lane, "the consumer of a lane ended; opening it again");
                        }
                        Err(error) => self.wait(&mut failures, &error).await,
                    }
                }
                Err(error) => self.wait(&mut failures, &error).await,
            }
        }
    }

    async fn open(
        &self,
        connection: &Connection,
        lane: &LaneConsumer,
    ) -> Result<Arc<LaneChannel>, BrokerError> {
        let limit = self.address.operation_timeout;
        // A consumer that the server cancelled lost its queue: it must exist before we consume.
        topology::declare(connection, &[lane.lane], self.delivery_limit, limit).await?;
        let channel = within(limit, "opening a channel", connection.create_channel()).await?;
        let qos = channel.basic_qos(lane.prefetch, BasicQosOptions::default());
        within(limit, "setting the prefetch", qos).await?;
        Ok(LaneChannel::new(
            lane.lane,
            channel,
            lane.prefetch,
            limit,
            self.tasks.clone(),
        ))
    }

    /// Consumes through one channel, with breaks while the lane is paused: the channel stays open,
    /// so that what is in hand can be acknowledged. Returns when the channel is of no more use.
    async fn serve(
        &self,
        lane: &LaneConsumer,
        channel: &Arc<LaneChannel>,
        failures: &mut u32,
    ) -> Result<(), BrokerError> {
        let mut paused = lane.paused.clone();
        while self.flows(&mut paused, channel).await {
            let consumer = self.subscribe(lane, channel).await?;
            *failures = 0;
            if !self.drain(lane, channel, consumer, &mut paused).await {
                break;
            }
            tracing::info!(lane = %lane.lane, "a lane is paused: its messages wait in RabbitMQ");
        }
        Ok(())
    }

    /// Waits while the lane is paused; `false` when the stop is raised or the channel has died.
    async fn flows(&self, paused: &mut watch::Receiver<bool>, channel: &LaneChannel) -> bool {
        while channel.is_live() && !self.stop.is_raised() {
            // Without a consumer, nothing tells of the channel's end.
            let flow = tokio::time::timeout(LOOK, paused.wait_for(|paused| !*paused));
            match self.stop.or(flow).await {
                None => return false,
                // When whoever paused it is gone, nobody would ever let it flow.
                Some(Ok(_)) => return true,
                Some(Err(_)) => {}
            }
        }
        false
    }

    async fn subscribe(
        &self,
        lane: &LaneConsumer,
        channel: &LaneChannel,
    ) -> Result<Consumer, BrokerError> {
        let queue = topology::queue_of(lane.lane);
        let options = BasicConsumeOptions::default();
        let consume = channel.channel().basic_consume(
            queue.as_str().into(),
            TAG.into(),
            options,
            FieldTable::default(),
        );
        within(self.address.operation_timeout, "consuming", consume).await
    }

    /// Hands on what arrives until the consumer ends or the stop is raised; `true` when it ended
    /// because the lane is paused.
    async fn drain(
        &self,
        lane: &LaneConsumer,
        channel: &Arc<LaneChannel>,
        consumer: Consumer,
        paused: &mut watch::Receiver<bool>,
    ) -> bool {
        let mut chunks = consumer.ready_chunks(CHUNK);
        let mut cancelled = false;
        loop {
            let next = tokio::select! {
                // First, or it would not be seen while messages stream in.
                biased;
                () = raised(paused), if !cancelled => {
                    if !self.cancel(channel).await {
                        return false;
                    }
                    // What the broker had handed out by then still comes, and then the end.
                    cancelled = true;
                    continue;
                }
                next = self.stop.or(chunks.next()) => next,
            };
            let Some(Some(chunk)) = next else {
                return cancelled;
            };
            let mut arrivals = Vec::with_capacity(chunk.len());
            for delivery in chunk {
                let Ok(delivery) = delivery else { return false };
                match self.accept(lane, channel, delivery, &mut arrivals).await {
                    Some(arrival) => arrivals.push(arrival),
                    None => return false,
                }
            }
            (self.sink)(arrivals);
        }
    }

    /// Waits for a permit; what has been gathered so far is handed on first, since its permits may
    /// be the ones to wait for.
    async fn accept(
        &self,
        lane: &LaneConsumer,
        channel: &Arc<LaneChannel>,
        delivery: Delivery,
        gathered: &mut Vec<Arrival>,
    ) -> Option<Arrival> {
        channel.delivered(delivery.delivery_tag);
        let receipt = Receipt::new(Arc::clone(channel), delivery.delivery_tag);
        let permit = match lane.permits.take_free(1).pop() {
            Some(permit) => permit,
            None => {
                if !gathered.is_empty() {
                    (self.sink)(std::mem::take(gathered));
                }
                self.permit(lane, channel).await?
            }
        };
        Some(Arrival::new(
            lane.lane,
            delivery,
            clock::instant(),
            receipt,
            permit,
        ))
    }

    /// Waits for a permit as long as the channel lives.
    async fn permit(&self, lane: &LaneConsumer, channel: &LaneChannel) -> Option<Permit> {
        let permit = lane.permits.acquire();
        tokio::pin!(permit);
        while channel.is_live() {
            // lapin tells of a channel's end only through its consumer, which nobody reads here.
            let look = tokio::time::timeout(LOOK, &mut permit);
            if let Ok(permit) = self.stop.or(look).await? {
                return permit;
            }
        }
        None
    }

    /// Asks for no more deliveries; says whether the broker has heard it.
    async fn cancel(&self, channel: &LaneChannel) -> bool {
        let cancel = channel
            .channel()
            .basic_cancel(TAG.into(), BasicCancelOptions::default());
        let limit = self.address.operation_timeout.min(Duration::from_secs(5));
        let heard = within(limit, "cancelling a consumer", cancel).await;
        heard
            .inspect_err(|error| tracing::debug!(%error, "a consumer could not be cancelled"))
            .is_ok()
    }
}

/// Waits until it is paused; for ever, when nobody can pause it any more.
async fn raised(paused: &mut watch::Receiver<bool>) {
    if paused.wait_for(|paused| *paused).await.is_err() {
        std::future::pending::<()>().await;
    }
}
