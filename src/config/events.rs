//! Settings of events and of what workflows do with them.

use std::time::Duration;

use super::reader::Reader;

/// How long events are kept.
#[derive(Debug, Clone)]
pub struct EventRetention {
    /// How long events are kept after they were accepted, and runs, digests and throttles after their end.
    pub retention: Duration,
}

impl EventRetention {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let hours = |hours: u64| Duration::from_secs(hours * 3_600);
        Self {
            retention: reader.duration("events.retention", hours(1)..=hours(24 * 3_660)),
        }
    }
}
