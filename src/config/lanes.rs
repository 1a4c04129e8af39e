//! How much each lane may hold.

use super::reader::Reader;
use crate::domain::Priority;

/// Places for messages in hand, by priority; every lane of this node has its own.
#[derive(Debug, Clone)]
pub struct Lanes {
    /// In the order of [`Priority::ALL`].
    permits: [usize; Priority::ALL.len()],
    /// Fraction of the places kept for what the scheduler brings.
    pub scheduler_share: f64,
}

impl Lanes {
    /// Most messages that one lane of this priority holds at once on this node.
    #[must_use]
    pub fn permits(&self, priority: Priority) -> usize {
        self.permits.get(priority.index()).copied().unwrap_or(1)
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let mut permits = [0; Priority::ALL.len()];
        for (places, priority) in permits.iter_mut().zip(Priority::ALL) {
            let key = format!("lanes.{priority}");
            *places = reader.integer(&key, 1..=65_536, "messages");
        }
        Self {
            permits,
            scheduler_share: reader.fraction("lanes.scheduler_share", 0.01..=0.9),
        }
    }
}
