//! How streams are kept, as the settings say.

use std::time::Duration;

/// How streams are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamSettings {
    /// Most streams on this node.
    pub most: usize,
    /// Most streams of one person on this node.
    pub most_of_person: usize,
    /// Changes that a stream may be behind; one that is further behind is reset.
    pub replay: u32,
    /// Time from one sign of life to the next.
    pub heartbeat: Duration,
    /// Longest time in which a hint that got lost is made up for.
    pub poll: Duration,
    /// Clients that have to come back do so within this time, each at a moment of its own.
    pub spread: Duration,
}
