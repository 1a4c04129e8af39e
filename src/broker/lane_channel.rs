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

use super::ack_window::{Ack, AckWindow};
use super::error::{BrokerError, within};
use crate::domain::Lane;
use crate::runtime::Tasks;

/// How long settled deliveries are gathered for one acknowledgement. What a crash leaves
/// unacknowledged comes again and is known to be a duplicate, which costs a look at the database.
const GATHERING: Duration = Duration::from_millis(200);

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
    /// How many consumers it has had.
    consumers: AtomicU64,
    /// Whether somebody will flush the window in a moment.
    flushing: AtomicBool,
    limit: Duration,
    tasks: Tasks,
}

impl LaneChannel {
    /// A channel whose queue hands out `prefetch` unacknowledged deliveries at most.
    pub(super) fn new(
        lane: Lane,
        channel: Channel,
        prefetch: u16,
        limit: Duration,
        tasks: Tasks,
    ) -> Arc<Self> {
        let window = Mutex::new(AckWindow::new(prefetch));
        let delivered = AtomicU64::new(0);
        let live = AtomicBool::new(true);
        Arc::new(Self {
            lane,
            channel,
            window,
            delivered,
            live,
            consumers: AtomicU64::new(0),
            flushing: AtomicBool::new(false),
            limit,
            tasks,
        })
    }

    pub(super) const fn channel(&self) -> &Channel {
        &self.channel
    }

    /// The tag of the channel's consumer.
    pub(super) fn consumer_tag(&self) -> String {
        format!("herald-{}", self.consumers.load(Ordering::Acquire))
    }

    /// A tag for the next consumer, which none before it had: under the tag of one that has something
    /// unacknowledged RabbitMQ up to 3.10.8 ends the connection, and up to 3.12.4 it may leave deliveries
    /// lying (rabbitmq-server 5927 and 9158).
    pub(super) fn next_consumer_tag(&self) -> String {
        self.consumers.fetch_add(1, Ordering::AcqRel);
        self.consumer_tag()
    }

    /// A delivery came; they come in the order of their tags.
    pub(super) fn delivered(&self, tag: u64) {
        self.delivered.store(tag, Ordering::Release);
    }

    /// The channel is gone: the broker has taken back what was unacknowledged.
    pub(super) fn end(&self) {
        self.live.store(false, Ordering::Release);
    }

    /// Closes the channel, so that the broker takes back what is unacknowledged.
    pub(super) async fn close(&self) {
        self.gather(false).await;
        self.end();
        let closed = self.channel.close(200, "herald opens it again".into());
        if let Err(error) = within(self.limit, "closing a channel", closed).await {
            tracing::debug!(lane = %self.lane, %error, "a channel could not be closed");
        }
    }

    /// The window no longer knows what the broker knows: everything must come again.
    fn fail(&self) {
        self.end();
        let channel = self.channel.clone();
        let limit = self.limit;
        self.tasks.spawn("close a channel", async move {
            let closed = channel.close(541, "herald lost count".into());
            // A channel that cannot be closed is closed by the broker, or with its connection.
            let _ = within(limit, "closing a channel", closed).await;
        });
    }

    pub(super) fn is_live(&self) -> bool {
        self.live.load(Ordering::Acquire) && self.channel.status().connected()
    }

    /// These deliveries are stored. They are acknowledged now or, with those that come after them,
    /// within [`GATHERING`].
    pub(super) async fn acknowledge(self: &Arc<Self>, tags: Vec<u64>) {
        let mut window = self.window.lock().await;
        window.delivered_up_to(self.delivered.load(Ordering::Acquire));
        let acks = window.settle(tags);
        self.send(acks).await;
        if window.is_gathering() && !self.flushing.swap(true, Ordering::AcqRel) {
            drop(window);
            let channel = Arc::clone(self);
            self.tasks
                .spawn("acknowledge", async move { channel.flush().await });
        }
    }

    /// Flushes at an interval until nothing waits.
    async fn flush(&self) {
        loop {
            tokio::time::sleep(GATHERING).await;
            let mut window = self.window.lock().await;
            let acks = window.flush();
            self.send(acks).await;
            if !window.is_gathering() || !self.is_live() {
                // Under the lock: whoever settles next has to see it.
                self.flushing.store(false, Ordering::Release);
                return;
            }
        }
    }

    /// Whether deliveries are gathered from now on, or acknowledged as soon as they are stored: so it
    /// must be while nothing is consumed, since the channel may be closed, and RabbitMQ hands what is
    /// unacknowledged to a new consumer once more.
    pub(super) async fn gather(&self, gathers: bool) {
        let mut window = self.window.lock().await;
        let acks = window.gather(gathers);
        self.send(acks).await;
    }

    /// Sends acknowledgements; the caller holds the window.
    async fn send(&self, acks: impl IntoIterator<Item = Ack>) {
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
                self.fail();
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
        let told = within(self.limit, "returning a delivery", sent).await;
        match told {
            Ok(()) => window.returned(tag),
            Err(_) => self.fail(),
        }
        told
    }
}
