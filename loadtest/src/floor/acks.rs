//! Acknowledging the settled prefix of a channel, with one frame for many.
//!
//! Each frame is a command that a quorum queue writes to its log: twenty lanes with a few messages
//! each would cost the broker as much as twenty times as many in one.

use std::cell::RefCell;
use std::collections::VecDeque;

use lapin::Channel;
use lapin::options::BasicAckOptions;

/// Which deliveries of a channel are settled.
#[derive(Debug, Default)]
struct Window {
    /// The newest delivery.
    delivered: u64,
    /// Everything up to it is acknowledged.
    acknowledged: u64,
    /// Everything up to it is settled.
    prefix: u64,
    /// What comes after the prefix: whether it is settled.
    settled: VecDeque<bool>,
}

impl Window {
    /// Notes that a delivery is settled.
    fn settle(&mut self, tag: u64) {
        let Some(position) = tag.checked_sub(self.prefix + 1) else {
            return;
        };
        let position = usize::try_from(position).unwrap_or(usize::MAX);
        if position >= self.settled.len() {
            self.settled.resize(position.saturating_add(1), false);
        }
        if let Some(slot) = self.settled.get_mut(position) {
            *slot = true;
        }
        while self.settled.pop_front_if(|settled| *settled).is_some() {
            self.prefix += 1;
        }
    }

    /// The last tag of the settled prefix and how many it adds, once they are `enough` or nothing
    /// is open any more: while something is open, there will be another occasion.
    fn take_prefix(&mut self, enough: u64) -> Option<(u64, u64)> {
        let count = self.prefix - self.acknowledged;
        let is_all = self.prefix >= self.delivered;
        if count == 0 || (count < enough && !is_all) {
            return None;
        }
        self.acknowledged = self.prefix;
        Some((self.prefix, count))
    }
}

/// A channel that consumes, and what of it is settled.
#[derive(Debug)]
pub(super) struct AckChannel {
    channel: Channel,
    window: RefCell<Window>,
    enough: u64,
}

impl AckChannel {
    /// `enough` deliveries are worth a frame.
    pub(super) fn new(channel: Channel, enough: u64) -> Self {
        Self {
            channel,
            window: RefCell::default(),
            enough,
        }
    }

    /// A delivery came; they come in the order of their tags.
    pub(super) fn delivered(&self, tag: u64) {
        self.window.borrow_mut().delivered = tag;
    }

    pub(super) const fn channel(&self) -> &Channel {
        &self.channel
    }

    /// Notes that a delivery is settled.
    pub(super) fn settle(&self, tag: u64) {
        self.window.borrow_mut().settle(tag);
    }

    /// Acknowledges the settled prefix if it is worth it; returns how many deliveries that were.
    pub(super) async fn acknowledge(&self) -> Result<u64, lapin::Error> {
        let prefix = self.window.borrow_mut().take_prefix(self.enough);
        let Some((tag, count)) = prefix else {
            return Ok(0);
        };
        let options = BasicAckOptions { multiple: true };
        self.channel.basic_ack(tag, options).await?;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(delivered: u64, settled: impl IntoIterator<Item = u64>) -> Window {
        let mut window = Window {
            delivered,
            ..Window::default()
        };
        settled.into_iter().for_each(|tag| window.settle(tag));
        window
    }

    #[test]
    fn only_the_prefix_without_a_gap_is_acknowledged() {
        let mut window = window(9, [2, 3, 6]);
        assert_eq!(window.take_prefix(1), None);
        window.settle(1);
        assert_eq!(window.take_prefix(1), Some((3, 3)));
        window.settle(3);
        window.settle(5);
        assert_eq!(window.take_prefix(1), None);
        window.settle(4);
        assert_eq!(window.take_prefix(1), Some((6, 3)));
    }

    #[test]
    fn a_few_wait_for_more_while_something_is_open() {
        let mut window = window(4, [1, 2]);
        assert_eq!(window.take_prefix(3), None);
        window.settle(3);
        assert_eq!(window.take_prefix(3), Some((3, 3)));
        window.settle(4);
        assert_eq!(window.take_prefix(3), Some((4, 1)));
    }
}
