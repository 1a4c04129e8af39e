//! One lane: its channel from the opening to the end, again and again.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use lapin::Consumer;
use lapin::message::Delivery;
use lapin::options::{BasicCancelOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;
use tokio::sync::watch;

use super::super::error::{BrokerError, within};
use super::super::lane_channel::LaneChannel;
use super::super::{Arrival, Receipt, topology};
use super::{Consuming, LaneConsumer};
use crate::domain::Lane;
use crate::runtime::{Permit, clock};

/// Most messages handed on at once.
const CHUNK: usize = 128;
/// Time between looks at a channel while something else is waited for.
const LOOK: Duration = Duration::from_millis(500);

impl Consuming<'_> {
    /// Consumes the lane until the connection is lost or the stop is raised.
    pub(super) async fn consume_lane(&self, lane: &LaneConsumer) {
        let mut failures = 0;
        while self.connection.status().connected() && !self.consumers.stop.is_raised() {
            match self.open(lane).await {
                Ok(channel) => {
                    let served = self.serve(lane, &channel, &mut failures).await;
                    if self.consumers.stop.is_raised() {
                        self.cancel(&channel).await;
                        channel.gather(false).await;
                        return;
                    }
                    channel.close().await;
                    match served {
                        Ok(()) => {
                            tracing::warn!(lane = %lane.lane, "the consumer of a lane ended; reopening it");
                        }
                        Err(error) => self.wait(lane.lane, &mut failures, &error).await,
                    }
                }
                Err(error) => self.wait(lane.lane, &mut failures, &error).await,
            }
        }
    }

    /// Waits after a failure of the lane, unless the whole connection is gone.
    async fn wait(&self, lane: Lane, failures: &mut u32, error: &BrokerError) {
        if self.connection.status().connected() {
            self.standing.fails(lane, error);
            let wait = self.consumers.back_off(failures);
            self.consumers.stop.or(tokio::time::sleep(wait)).await;
        }
    }

    /// Declares the lane's queue and binds it, when nobody else declares.
    pub(super) async fn declare_lane(&self, lane: Lane) -> Result<(), BrokerError> {
        let _turn = self.declaring.lock().await;
        let limit = self.consumers.address.operation_timeout;
        let delivery_limit = self.consumers.delivery_limit;
        let declared = topology::declare_lane(self.connection, lane, delivery_limit, limit);
        self.consumers.depths.are(lane, declared.await?);
        Ok(())
    }

    async fn open(&self, lane: &LaneConsumer) -> Result<Arc<LaneChannel>, BrokerError> {
        let limit = self.consumers.address.operation_timeout;
        // A consumer that the server cancelled lost its queue: it must exist before we consume.
        self.declare_lane(lane.lane).await?;
        let opening = self.connection.create_channel();
        let channel = within(limit, "opening a channel", opening).await?;
        let qos = channel.basic_qos(lane.prefetch, BasicQosOptions::default());
        within(limit, "setting the prefetch", qos).await?;
        Ok(LaneChannel::new(
            lane.lane,
            channel,
            lane.prefetch,
            limit,
            self.consumers.tasks.clone(),
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
        if *paused.borrow() {
            // It waits on purpose.
            self.standing.consumed(lane.lane);
        }
        while self.flows(&mut paused, channel).await {
            let consumer = self.subscribe(lane, channel).await?;
            self.standing.consumed(lane.lane);
            channel.gather(true).await;
            *failures = 0;
            if !self.drain(lane, channel, consumer, &mut paused).await {
                break;
            }
            tracing::info!(lane = %lane.lane, "a lane is paused; its messages wait in RabbitMQ");
        }
        Ok(())
    }

    /// Waits while the lane is paused; `false` when the stop is raised or the channel has died.
    async fn flows(&self, paused: &mut watch::Receiver<bool>, channel: &LaneChannel) -> bool {
        while channel.is_live() && !self.consumers.stop.is_raised() {
            // Without a consumer, nothing tells of the channel's end.
            let flow = tokio::time::timeout(LOOK, paused.wait_for(|paused| !*paused));
            match self.consumers.stop.or(flow).await {
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
            channel.next_consumer_tag().into(),
            options,
            FieldTable::default(),
        );
        within(
            self.consumers.address.operation_timeout,
            "consuming",
            consume,
        )
        .await
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
                    channel.gather(false).await;
                    // What the broker had handed out by then still comes, and then the end.
                    cancelled = true;
                    continue;
                }
                next = self.consumers.stop.or(chunks.next()) => next,
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
            (self.consumers.sink)(arrivals);
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
                    (self.consumers.sink)(std::mem::take(gathered));
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
            if let Ok(permit) = self.consumers.stop.or(look).await? {
                return permit;
            }
        }
        None
    }

    /// Asks for no more deliveries; says whether the broker has heard it.
    async fn cancel(&self, channel: &LaneChannel) -> bool {
        let cancel = channel
            .channel()
            .basic_cancel(channel.consumer_tag().into(), BasicCancelOptions::default());
        let limit = self
            .consumers
            .address
            .operation_timeout
            .min(Duration::from_secs(5));
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
