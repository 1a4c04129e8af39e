//! How long looks take: longer than what they find is believed, the node says so.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::machine::eligibility::IN_TIME;

/// Slow looks in a row until they are told of.
const SLOW: u32 = 3;
/// Time after the last look after which nobody knows any more.
const KNOWN: Duration = Duration::from_secs(60);

/// How long the last looks took.
#[derive(Debug, Default)]
pub struct LookPace(Mutex<LastLooks>);

#[derive(Debug, Default)]
struct LastLooks {
    slow_in_a_row: u32,
    last: Option<(Instant, Duration)>,
}

impl LookPace {
    /// A look ended now.
    pub(super) fn note(&self, took: Duration, now: Instant) {
        let mut looks = self.lock();
        looks.last = Some((now, took));
        looks.slow_in_a_row = match took > IN_TIME.unsigned_abs() {
            true => looks.slow_in_a_row.saturating_add(1),
            false => 0,
        };
    }

    /// How long looks take, while they take longer than what they find is believed.
    #[must_use]
    pub fn too_slow(&self, now: Instant) -> Option<Duration> {
        let looks = self.lock();
        let (at, took) = looks.last?;
        let is_known = now.saturating_duration_since(at) < KNOWN;
        (is_known && looks.slow_in_a_row >= SLOW).then_some(took)
    }

    fn lock(&self) -> MutexGuard<'_, LastLooks> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::clock;

    #[test]
    fn looks_are_slow_from_the_third_until_one_is_quick_or_none_was_made_for_long() {
        let (pace, now) = (LookPace::default(), clock::instant());
        let slow = Duration::from_millis(1_200);
        assert_eq!(pace.too_slow(now), None);
        for _ in 0..2 {
            pace.note(slow, now);
            assert_eq!(pace.too_slow(now), None);
        }
        pace.note(slow, now);
        assert_eq!(pace.too_slow(now), Some(slow));
        assert_eq!(pace.too_slow(now + KNOWN), None);
        pace.note(Duration::from_millis(700), now);
        assert_eq!(pace.too_slow(now), None);
    }
}
