//! Work that is done one at a time: rows that may be what ends the process, and probes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::Lane;
use crate::work::claim_guard::{SoloGuard, solo_guard};

/// Longest that others of its lane wait for a suspect, as at the door: one that ends the process does so
/// within moments, and one that waits for its account must not hold up all that are behind it.
const LONGEST_TURN: Duration = Duration::from_secs(5);

/// Whether one is in hand.
#[derive(Debug, Default)]
pub(super) struct SoloSlot(Arc<Mutex<SoloState>>);

#[derive(Debug, Default)]
struct SoloState {
    turns: u64,
    /// The turn that is under way, and since when.
    busy: Option<(u64, Instant)>,
}

impl SoloSlot {
    /// Whether none is in hand, or one for so long that it is not waited for.
    pub(super) fn is_free(&self, now: Instant, longest: Duration) -> bool {
        let busy = lock(&self.0).busy;
        busy.is_none_or(|(_, since)| now.saturating_duration_since(since) >= longest)
    }

    /// One is taken in hand, until the turn is dropped.
    pub(super) fn begin(&self, now: Instant) -> SoloGuard {
        let mut hand = lock(&self.0);
        hand.turns += 1;
        let number = hand.turns;
        hand.busy = Some((number, now));
        drop(hand);
        let hand = Arc::clone(&self.0);
        solo_guard(move || {
            lock(&hand).busy.take_if(|(busy, _)| *busy == number);
        })
    }
}

/// The rows in hand that may be what ends the process, one a lane: if it ends again, it is known because
/// of which few.
#[derive(Debug, Default)]
pub struct SuspectGate(Mutex<HashMap<Lane, SoloSlot>>);

impl SuspectGate {
    /// Whether one of this lane may be taken.
    pub(super) fn is_free(&self, lane: Lane, now: Instant) -> bool {
        let lanes = lock(&self.0);
        let hand = lanes.get(&lane);
        hand.is_none_or(|hand| hand.is_free(now, LONGEST_TURN))
    }

    /// One of this lane is taken in hand.
    pub(super) fn begin(&self, lane: Lane, now: Instant) -> SoloGuard {
        lock(&self.0).entry(lane).or_default().begin(now)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Channel, Priority};
    use crate::runtime::clock;

    #[test]
    fn the_next_one_of_the_lane_may_come_when_the_turn_is_over_or_has_lasted_too_long() {
        let (suspects, now) = (SuspectGate::default(), clock::instant());
        let lane = |priority| Lane::new(Channel::Email, priority);
        let (low, urgent) = (lane(Priority::Low), lane(Priority::Urgent));
        assert!(suspects.is_free(low, now));
        let first = suspects.begin(low, now);
        assert!(!suspects.is_free(low, now));
        assert!(suspects.is_free(urgent, now), "lanes are apart");
        let later = now + LONGEST_TURN;
        assert!(suspects.is_free(low, later));
        let second = suspects.begin(low, later);
        drop(first);
        assert!(!suspects.is_free(low, later), "that was another's turn");
        drop(second);
        assert!(suspects.is_free(low, later));
    }
}
