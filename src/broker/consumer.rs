//! Consuming the lanes: one connection, one AMQP channel a lane, everything built anew when lost.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use lapin::Connection;
use tokio::sync::{Mutex, watch};

use super::Arrival;
use super::connection::BrokerAddress;
use super::error::BrokerError;
use super::topology::RejectedQueue;
use crate::config::channels_needed;
use crate::domain::Lane;
use crate::resilience::Backoff;
use crate::runtime::{Health, Permits, Shutdown, Tasks};
pub use depth::QueueDepths;
use standing::LaneStandings;

mod depth;
mod lane;
mod standing;
mod survey;

/// The name under which `/readyz` shows the connection.
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
    pub address: BrokerAddress,
    /// What to consume.
    pub lanes: Vec<LaneConsumer>,
    /// Deliveries after which a message is dead-lettered.
    pub delivery_limit: u32,
    /// Waits between attempts to connect.
    pub reconnect: Backoff,
    /// Where returned deliveries are sent from.
    pub tasks: Tasks,
    /// Tells operators whether the broker is there, and which lanes are not consumed.
    pub health: Health,
    /// Stops consuming; what has been handed on can still be acknowledged.
    pub stop: Shutdown,
    /// Takes what arrives.
    pub sink: Sink,
    /// Learns how many messages wait in each queue.
    pub depths: QueueDepths,
}

impl std::fmt::Debug for Consumers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Consumers")
            .field("lanes", &self.lanes.len())
            .finish_non_exhaustive()
    }
}

/// A connection through which lanes are consumed.
struct Consuming<'a> {
    consumers: &'a Consumers,
    connection: &'a Connection,
    standing: &'a LaneStandings,
    rejected: RejectedQueue,
    /// Whoever declares holds it: so many channels a connection needs not have.
    declaring: Mutex<()>,
}

impl Consumers {
    /// Consumes until told to stop. The connection is returned open, so that what is in flight can
    /// still be acknowledged; closing it returns the rest to the broker.
    pub async fn run(self) -> Option<Connection> {
        let lanes = self.lanes.iter().map(|consumer| consumer.lane);
        let standing = LaneStandings::new(self.health.clone(), lanes);
        let mut failures = 0;
        while !self.stop.is_raised() {
            match self.stop.or(self.connect()).await? {
                Ok(connection) => {
                    failures = 0;
                    self.consume(&connection, &standing).await;
                    self.depths.forget();
                    if self.stop.is_raised() {
                        return Some(connection);
                    }
                    self.health.down(PART, "the connection was lost");
                    tracing::warn!("the connection to RabbitMQ was lost");
                }
                Err(error) => {
                    let error = error.words();
                    self.health.down(PART, error.clone());
                    let wait = self.back_off(&mut failures);
                    let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
                    tracing::warn!(error, wait_ms, "the consumers cannot start; trying again");
                    self.stop.or(tokio::time::sleep(wait)).await;
                }
            }
        }
        None
    }

    async fn connect(&self) -> Result<Connection, BrokerError> {
        let connection = self.address.connect("herald consume").await?;
        let (allowed, lanes) = (connection.configuration().channel_max(), self.lanes.len());
        let needed = channels_needed(lanes);
        if usize::from(allowed) >= needed {
            return Ok(connection);
        }
        let closed = connection.close(200, "too few channels".into());
        // It is of no use, whether it closes in good order or not.
        let _ = tokio::time::timeout(self.address.operation_timeout, closed).await;
        Err(BrokerError::TooFewChannels {
            allowed,
            lanes,
            needed,
        })
    }

    /// The next wait after a failure.
    fn back_off(&self, failures: &mut u32) -> Duration {
        let wait = self.reconnect.delay(*failures, 0.5, self.reconnect.base);
        *failures = failures.saturating_add(1);
        wait
    }

    /// Consumes every lane until the connection is lost or the stop is raised.
    async fn consume(&self, connection: &Connection, standing: &LaneStandings) {
        let consuming = Consuming {
            consumers: self,
            connection,
            standing,
            rejected: RejectedQueue::default(),
            declaring: Mutex::new(()),
        };
        // Whoever waits for the line below may publish to every lane.
        if self.stop.or(consuming.survey_all()).await.is_none() || !connection.status().connected()
        {
            return;
        }
        tracing::info!(lanes = self.lanes.len(), "consuming from RabbitMQ");
        self.health.up(PART);
        let lanes = self.lanes.iter().map(|lane| consuming.consume_lane(lane));
        let mut lanes: FuturesUnordered<_> = lanes.collect();
        let consumed = async { while lanes.next().await.is_some() {} };
        tokio::select! {
            () = consumed => {}
            () = consuming.keep_surveying() => {}
        }
    }
}
