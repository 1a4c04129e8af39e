//! Settings of people's inboxes.

use std::time::Duration;

use super::reader::Reader;

/// What is in inboxes, and for how long.
#[derive(Debug, Clone)]
pub struct Inbox {
    /// How long something stays after it was delivered.
    pub retention: Duration,
    /// Most streams on this node.
    pub streams: usize,
    /// Most streams of one person on this node.
    pub streams_per_person: usize,
    /// Changes that a stream may be behind.
    pub replay: u32,
    /// Time from one sign of life of a stream to the next.
    pub heartbeat: Duration,
    /// Time between looks for what no hint told of.
    pub stream_poll: Duration,
    /// Clients that have to come back do so within this time.
    pub reconnect_spread: Duration,
}

impl Inbox {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let seconds = Duration::from_secs;
        let days = |days: u64| Duration::from_secs(days * 86_400);
        Self {
            retention: reader.duration("inbox.retention", days(1)..=days(3_660)),
            streams: reader.integer("inbox.streams", 1..=1_000_000, "streams"),
            streams_per_person: reader.integer("inbox.streams_per_person", 1..=10_000, "streams"),
            replay: reader.integer("inbox.replay", 10..=100_000, "changes"),
            heartbeat: reader.duration("inbox.heartbeat", seconds(1)..=seconds(60)),
            stream_poll: reader.duration(
                "inbox.stream_poll",
                Duration::from_millis(100)..=seconds(300),
            ),
            reconnect_spread: reader.duration("inbox.reconnect_spread", seconds(1)..=seconds(600)),
        }
    }
}
