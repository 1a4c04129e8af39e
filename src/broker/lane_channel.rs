//! One AMQP channel of a lane, from its opening to its end.
//!
//! Delivery tags start again with every channel. Receipts hold the very channel that their
//! delivery came through, so that an old tag can never acknowledge a new message.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lapin::Channel;
use lapin::options::{BasicAckOptions, BasicNackOptions};

use super::ack_window::AckWindow;
use super::error::within;
use crate::domain::Lane;
use crate::runtime::Tasks;

/// An AMQP channel that consumes one lane.
#[derive(Debug)]
pub struct LaneChannel {
    lane: Lane,
    channel: Channel,
    window: Mutex<AckWindow>,
    live: AtomicBool,
    limit: Duration,
    tasks: Tasks,
}

impl LaneChannel {
    pub(super) fn new(lane: Lane, channel: Channel, limit: Duration, tasks: Tasks) -> Arc<Self> {
        let (window, live) = (Mutex::default(), AtomicBool::new(true));
        Arc::new(Self {
            lane,
            channel,
            window,
            live,
            limit,
            tasks,
        })
    }

    pub(super) const fn channel(&self) -> &Channel {
        &self.channel
    }

    pub(super) fn delivered(&self, tag: u64) {
        self.window().delivered(tag);
    }

    /// The channel is gone: the broker has taken back what was unacknowledged.
    pub(super) fn end(&self) {
        self.live.store(false, Ordering::Release);
    }

    pub(super) fn is_live(&self) -> bool {
        self.live.load(Ordering::Acquire) && self.channel.status().connected()
    }

    pub(super) async fn acknowledge(&self, tags: Vec<u64>) {
        let acks = self.window().settle(tags);
        for ack in acks {
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
        this.window().returned(tag);
        let channel = Arc::clone(this);
        this.tasks.spawn("return a delivery", async move {
            let options = BasicNackOptions { multiple: false, requeue: true };
            let sent = channel.channel.basic_nack(tag, options);
            if let Err(error) = within(channel.limit, "returning a delivery", sent).await {
                tracing::debug!(lane = %channel.lane, %error, "a delivery returns with its channel");
            }
        });
    }

    fn window(&self) -> std::sync::MutexGuard<'_, AckWindow> {
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
