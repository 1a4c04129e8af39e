//! One AMQP channel of a lane, from its opening to its end.
//!
//! Delivery tags start again with every channel. Receipts hold the very channel that their
//! delivery came through, so that an old tag can never acknowledge a new message.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use lapin::Channel;
use lapin::options::{BasicAckOptions, BasicNackOptions};
use tokio::sync::Mutex;

use super::ack_window::AckWindow;
use super::error::{BrokerError, within};
use crate::domain::Lane;
use crate::runtime::Tasks;

/// An AMQP channel that consumes one lane.
#[derive(Debug)]
pub struct LaneChannel {
    lane: Lane,
    channel: Channel,
    /// Held while frames are sent, too: RabbitMQ must see them in the order in which the window
    /// decided on them, or a tag is unknown to it, or stands for a delivery that is still open.
    window: Mutex<AckWindow>,
    /// The newest delivery; the window learns of it before it decides.
    delivered: AtomicU64,
    live: AtomicBool,
    limit: Duration,
    tasks: Tasks,
}

impl LaneChannel {
    pub(super) fn new(lane: Lane, channel: Channel, limit: Duration, tasks: Tasks) -> Arc<Self> {
        let (window, delivered) = (Mutex::default(), AtomicU64::new(0));
        let live = AtomicBool::new(true);
        Arc::new(Self {
            lane,
            channel,
            window,
            delivered,
            live,
            limit,
            tasks,
        })
    }

    pub(super) const fn channel(&self) -> &Channel {
        &self.channel
    }

    /// A delivery came; they come in the order of their tags.
    pub(super) fn delivered(&self, tag: u64) {
        self.delivered.store(tag, Ordering::Release);
    }

    /// The channel is gone: the broker has taken back what was unacknowledged.
    pub(super) fn end(&self) {
        self.live.store(false, Ordering::Release);
    }

    pub(super) fn is_live(&self) -> bool {
        self.live.load(Ordering::Acquire) && self.channel.status().connected()
    }

    pub(super) async fn acknowledge(&self, tags: Vec<u64>) {
        let mut window = self.window.lock().await;
        window.delivered_up_to(self.delivered.load(Ordering::Acquire));
        for ack in window.settle(tags) {
            if !self.is_live() {
                return;
            }
            let options = BasicAckOptions {
                multiple: ack.multiple,
            };
            let sent = self.channel.basic_ack(ack.tag, options);
            if let Err(error) = within(self.limit, "acknowledging", sent).await {
                tracing::debug!(lane = %self.lane, %error, "an acknowledgement was lost");
                return;
            }
        }
    }

    /// Returns a delivery to the broker, which hands it out again.
    pub(super) fn give_back(this: &Arc<Self>, tag: u64) {
        if !this.is_live() {
            return;
        }
        let channel = Arc::clone(this);
        this.tasks.spawn("return a delivery", async move {
            if let Err(error) = channel.nack(tag).await {
                tracing::debug!(lane = %channel.lane, %error, "a delivery returns with its channel");
            }
        });
    }

    /// Until the broker has been told, the delivery stays open: no prefix may pass over it.
    async fn nack(&self, tag: u64) -> Result<(), BrokerError> {
        let mut window = self.window.lock().await;
        window.delivered_up_to(self.delivered.load(Ordering::Acquire));
        let options = BasicNackOptions {
            multiple: false,
            requeue: true,
        };
        let sent = self.channel.basic_nack(tag, options);
        within(self.limit, "returning a delivery", sent).await?;
        window.returned(tag);
        Ok(())
    }
}
