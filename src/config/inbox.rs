//! Settings of people's inboxes.

use std::time::Duration;

use super::reader::Reader;

/// What is in inboxes, and for how long.
#[derive(Debug, Clone)]
pub struct Inbox {
    /// How long something stays after it was delivered.
    pub retention: Duration,
}

impl Inbox {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let days = |days: u64| Duration::from_secs(days * 86_400);
        Self {
            retention: reader.duration("inbox.retention", days(1)..=days(3_660)),
        }
    }
}
