//! The right to acknowledge one delivery.

use std::collections::HashMap;
use std::sync::Arc;

use super::lane_channel::LaneChannel;
use crate::domain::Proof;

/// The right to acknowledge one delivery, once there is a [`Proof`]. Dropped in any other way (a panic, a
/// dead actor, a lost mailbox) it returns the delivery to the broker by itself.
#[derive(Debug)]
pub struct Receipt {
    channel: Arc<LaneChannel>,
    tag: u64,
    redeemed: bool,
}

impl Receipt {
    pub(super) const fn new(channel: Arc<LaneChannel>, tag: u64) -> Self {
        Self {
            channel,
            tag,
            redeemed: false,
        }
    }

    /// Whether the AMQP channel that the delivery came through is still the lane's. If not, the
    /// broker has taken the delivery back already and hands it out again.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.channel.is_live()
    }

    /// Somebody else answers for the message by now: its delivery may be acknowledged.
    #[must_use]
    pub fn proven(self, _: &impl Proof) -> Proven {
        Proven(self)
    }
}

/// A receipt with a proof. Dropped, it returns its delivery all the same.
#[derive(Debug)]
pub struct Proven(Receipt);

impl Proven {
    /// As [`Receipt::is_live`].
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.0.is_live()
    }
}

impl Drop for Receipt {
    fn drop(&mut self) {
        if !self.redeemed {
            LaneChannel::give_back(&self.channel, self.tag);
        }
    }
}

/// Acknowledges deliveries for whose messages somebody else answers, in as few frames as their channels
/// allow.
///
/// An acknowledgement that does not arrive is no loss: the broker delivers again, and the stored
/// outcome tells that it is a duplicate.
pub async fn acknowledge(receipts: Vec<Proven>) {
    let mut by_channel: HashMap<usize, (Arc<LaneChannel>, Vec<u64>)> = HashMap::new();
    for Proven(mut receipt) in receipts {
        receipt.redeemed = true;
        by_channel
            .entry(Arc::as_ptr(&receipt.channel).addr())
            .or_insert_with(|| (Arc::clone(&receipt.channel), Vec::new()))
            .1
            .push(receipt.tag);
    }
    for (channel, tags) in by_channel.into_values() {
        channel.acknowledge(tags).await;
    }
}
