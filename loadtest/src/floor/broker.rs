//! Consuming: the lanes' own queues, or one for all of them.

use std::rc::Rc;

use futures_util::StreamExt;
use lapin::options::{
    BasicCancelOptions, BasicConsumeOptions, BasicQosOptions, ExchangeDeclareOptions,
    QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Connection, ConnectionProperties, Consumer, ExchangeKind};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::Settings;
use super::acks::AckChannel;
use super::error::FloorError;
use super::job::{Arrival, Receipt};
use super::state::State;
use crate::lane::{Channel as Way, EXCHANGE, Lane, Priority};

/// Most messages handed on at once.
const CHUNK: usize = 256;
/// The part of the prefetch that is acknowledged together.
const ACK_PART: u16 = 8;
const TAG: &str = "floor";
/// The queue for all lanes.
const ONE_QUEUE: &str = "herald.floor";
/// The engine's own limit: `broker.delivery_limit`.
const DELIVERY_LIMIT: i64 = 50;
const REJECTED: &str = "herald.rejected";

/// The connection that consumes.
pub(super) struct Consuming {
    connection: Connection,
    queues: Vec<String>,
    prefetch: u16,
    channels: std::cell::RefCell<Vec<Rc<AckChannel>>>,
}

/// Connects and declares what the engine would declare: the same kind of queues with the same
/// arguments.
pub(super) async fn connect(settings: &Settings) -> Result<Consuming, FloorError> {
    let properties = ConnectionProperties::default().with_connection_name("herald-floor".into());
    let connection = Connection::connect(&settings.broker, properties).await?;
    let queues: Vec<(String, String)> = if settings.one_queue {
        vec![(ONE_QUEUE.to_owned(), "#".to_owned())]
    } else {
        let named = |lane: Lane| (format!("herald.{lane}"), lane.to_string());
        lanes().map(named).collect()
    };
    let channel = connection.create_channel().await?;
    declare(&channel, &queues).await?;
    channel.close(200, "done".into()).await?;
    Ok(Consuming {
        connection,
        queues: queues.into_iter().map(|(queue, _)| queue).collect(),
        prefetch: settings.prefetch,
        channels: std::cell::RefCell::default(),
    })
}

fn lanes() -> impl Iterator<Item = Lane> {
    Way::ALL.into_iter().flat_map(|channel| {
        Priority::ALL
            .into_iter()
            .map(move |priority| Lane { channel, priority })
    })
}

async fn declare(channel: &Channel, queues: &[(String, String)]) -> Result<(), lapin::Error> {
    for (exchange, kind) in [
        (EXCHANGE, ExchangeKind::Topic),
        (REJECTED, ExchangeKind::Fanout),
    ] {
        let options = ExchangeDeclareOptions {
            durable: true,
            ..ExchangeDeclareOptions::default()
        };
        channel
            .exchange_declare(exchange.into(), kind, options, FieldTable::default())
            .await?;
    }
    for (queue, key) in queues {
        let (queue, options) = (queue.as_str(), QueueDeclareOptions::durable());
        channel
            .queue_declare(queue.into(), options, arguments())
            .await?;
        let (options, none) = (QueueBindOptions::default(), FieldTable::default());
        channel
            .queue_bind(
                queue.into(),
                EXCHANGE.into(),
                key.as_str().into(),
                options,
                none,
            )
            .await?;
    }
    Ok(())
}

fn arguments() -> FieldTable {
    let mut arguments = FieldTable::default();
    for (name, value) in [
        ("x-queue-type", "quorum"),
        ("x-dead-letter-exchange", REJECTED),
        ("x-dead-letter-strategy", "at-least-once"),
        ("x-overflow", "reject-publish"),
    ] {
        arguments.insert(name.into(), AMQPValue::LongString(value.into()));
    }
    let limit = AMQPValue::LongLongInt(DELIVERY_LIMIT);
    arguments.insert("x-delivery-limit".into(), limit);
    arguments
}

impl Consuming {
    /// Starts to consume every queue.
    pub(super) async fn start(
        &self,
        state: &Rc<State>,
        work: &mut JoinSet<Result<(), FloorError>>,
    ) -> Result<(), FloorError> {
        for queue in &self.queues {
            let channel = self.connection.create_channel().await?;
            let options = BasicQosOptions::default();
            channel.basic_qos(self.prefetch, options).await?;
            let options = BasicConsumeOptions::default();
            let consumer = channel
                .basic_consume(
                    queue.as_str().into(),
                    TAG.into(),
                    options,
                    FieldTable::default(),
                )
                .await?;
            let channel = Rc::new(AckChannel::new(
                channel,
                u64::from(self.prefetch / ACK_PART),
            ));
            self.channels.borrow_mut().push(Rc::clone(&channel));
            work.spawn_local(take_in(consumer, channel, Rc::clone(state)));
        }
        Ok(())
    }

    /// Takes no more messages.
    pub(super) async fn cancel(&self) -> Result<(), FloorError> {
        let channels = self.channels.borrow().clone();
        for channel in channels {
            let options = BasicCancelOptions { nowait: true };
            channel.channel().basic_cancel(TAG.into(), options).await?;
        }
        Ok(())
    }

    /// Closes the connection once everything written to it is sent; what is unacknowledged goes back.
    pub(super) async fn close(&self) -> Result<(), FloorError> {
        Ok(self.connection.close(200, "done".into()).await?)
    }
}

/// Hands on what arrives. Only a failure ends it: when it is told to end, it stays and does nothing.
async fn take_in(
    consumer: Consumer,
    channel: Rc<AckChannel>,
    state: Rc<State>,
) -> Result<(), FloorError> {
    let mut chunks = consumer.ready_chunks(CHUNK);
    while let Some(chunk) = chunks.next().await {
        state.last_arrival.set(Instant::now());
        state.in_hand.set(state.in_hand.get() + chunk.len() as u64);
        let mut arrivals = Vec::with_capacity(chunk.len());
        for delivery in chunk {
            let delivery = delivery?;
            channel.delivered(delivery.delivery_tag);
            arrivals.push(Arrival {
                receipt: Receipt {
                    channel: Rc::clone(&channel),
                    tag: delivery.delivery_tag,
                },
                body: delivery.data,
            });
        }
        state
            .arrivals
            .add(|gathered| gathered.append(&mut arrivals));
    }
    if state.ending.get() {
        return std::future::pending().await;
    }
    Err(FloorError::Cancelled)
}
