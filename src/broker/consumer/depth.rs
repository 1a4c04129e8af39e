//! How many messages wait in the queue of each lane, as RabbitMQ said when the queue was declared last.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::domain::Lane;

/// What stands for a queue of which nothing is known.
const UNKNOWN: u64 = u64::MAX;

/// Messages that wait in RabbitMQ, by lane, without those that a node has in hand. Clones share it.
#[derive(Debug, Clone)]
pub struct QueueDepths(Arc<[AtomicU64]>);

impl Default for QueueDepths {
    fn default() -> Self {
        Self(Lane::all().map(|_| AtomicU64::new(UNKNOWN)).collect())
    }
}

impl QueueDepths {
    /// How many wait for a lane, as far as this node knows.
    #[must_use]
    pub fn of(&self, lane: Lane) -> Option<u64> {
        let depth = self.0.get(lane.index())?.load(Ordering::Relaxed);
        (depth != UNKNOWN).then_some(depth)
    }

    /// So many do now.
    pub(super) fn are(&self, lane: Lane, waiting: u32) {
        if let Some(depth) = self.0.get(lane.index()) {
            depth.store(waiting.into(), Ordering::Relaxed);
        }
    }

    /// Nobody knows any more: the connection is gone.
    pub(super) fn forget(&self) {
        for depth in self.0.iter() {
            depth.store(UNKNOWN, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_depth_is_known_of_the_lane_that_was_asked_for_and_until_the_connection_is_lost() {
        let depths = QueueDepths::default();
        let lane = Lane::all().nth(3).unwrap();
        assert_eq!(depths.of(lane), None);
        depths.clone().are(lane, 7);
        let known: Vec<Option<u64>> = Lane::all().take(5).map(|lane| depths.of(lane)).collect();
        assert_eq!(known, [None, None, None, Some(7), None]);
        depths.forget();
        assert_eq!(depths.of(lane), None);
    }
}
