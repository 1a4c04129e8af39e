//! A lane: one channel at one priority, with a queue and permits of its own.

use std::fmt;

use super::{Channel, Priority};

/// A channel at a priority. Lanes are isolated: a stalled one delays no other.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
pub struct Lane {
    /// The way to reach the person.
    pub channel: Channel,
    /// How soon.
    pub priority: Priority,
}

impl Lane {
    /// How many lanes there are.
    pub const COUNT: usize = Channel::ALL.len() * Priority::ALL.len();

    /// A lane of this channel and priority.
    #[must_use]
    pub const fn new(channel: Channel, priority: Priority) -> Self {
        Self { channel, priority }
    }

    /// Every lane, channel by channel, the most urgent priority first.
    pub fn all() -> impl Iterator<Item = Self> {
        Channel::ALL.iter().flat_map(|channel| {
            Priority::ALL
                .iter()
                .map(|priority| Self::new(*channel, *priority))
        })
    }

    /// Position in [`Self::all`], below [`Self::COUNT`].
    #[must_use]
    pub const fn index(self) -> usize {
        self.channel.index() * Priority::ALL.len() + self.priority.index()
    }

    /// The routing key `<channel>.<priority>`.
    #[must_use]
    pub fn routing_key(self) -> String {
        self.to_string()
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.channel, self.priority)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indexes_are_dense_and_in_order() {
        let indexes: Vec<_> = Lane::all().map(Lane::index).collect();
        assert_eq!(indexes, (0..Lane::COUNT).collect::<Vec<_>>());
    }
}
