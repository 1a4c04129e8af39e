//! Acknowledging the settled prefix of a channel, with one frame.

use std::cell::RefCell;
use std::collections::VecDeque;

use lapin::Channel;
use lapin::options::BasicAckOptions;

/// Which deliveries of a channel are settled.
#[derive(Debug, Default)]
struct Window {
    /// Tag before the first entry: everything up to it is acknowledged.
    acknowledged: u64,
    settled: VecDeque<bool>,
}

impl Window {
    /// Notes that a delivery is settled.
    fn settle(&mut self, tag: u64) {
        let Some(position) = tag.checked_sub(self.acknowledged + 1) else {
            return;
        };
        let position = usize::try_from(position).unwrap_or(usize::MAX);
        if position >= self.settled.len() {
            self.settled.resize(position.saturating_add(1), false);
        }
        if let Some(slot) = self.settled.get_mut(position) {
            *slot = true;
        }
    }

    /// The last tag of the settled prefix and its length, if there is one.
    fn take_prefix(&mut self) -> Option<(u64, u64)> {
        let before = self.acknowledged;
        while self.settled.pop_front_if(|settled| *settled).is_some() {
            self.acknowledged += 1;
        }
        let count = self.acknowledged - before;
        (count > 0).then_some((self.acknowledged, count))
    }
}

/// A channel that consumes, and what of it is settled.
#[derive(Debug)]
pub(super) struct AckChannel {
    channel: Channel,
    window: RefCell<Window>,
}

impl AckChannel {
    pub(super) fn new(channel: Channel) -> Self {
        Self {
            channel,
            window: RefCell::default(),
        }
    }

    pub(super) const fn channel(&self) -> &Channel {
        &self.channel
    }

    /// Notes that a delivery is settled.
    pub(super) fn settle(&self, tag: u64) {
        self.window.borrow_mut().settle(tag);
    }

    /// Acknowledges the settled prefix; returns how many deliveries that were.
    pub(super) async fn acknowledge(&self) -> Result<u64, lapin::Error> {
        let prefix = self.window.borrow_mut().take_prefix();
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

    #[test]
    fn only_the_prefix_without_a_gap_is_acknowledged() {
        let mut window = Window::default();
        for tag in [2, 3, 6] {
            window.settle(tag);
        }
        assert_eq!(window.take_prefix(), None);
        window.settle(1);
        assert_eq!(window.take_prefix(), Some((3, 3)));
        window.settle(3);
        window.settle(5);
        assert_eq!(window.take_prefix(), None);
        window.settle(4);
        assert_eq!(window.take_prefix(), Some((6, 3)));
    }
}
