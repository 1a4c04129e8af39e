//! When what waited for a moment is let go: spread out after it, the most urgent first.

use std::time::Duration;

use jiff::Timestamp;

use super::Facts;
use crate::domain::Priority;

/// A moment after `end`, within [`GlobalPolicy::release_spread`](crate::domain::GlobalPolicy): each
/// priority has an equal part of it, the highest the first, and the dice choose within the part.
///
/// What expires soon after `end` is spread over the time that is left to it; what has expired by
/// then gets `end` itself.
#[must_use]
pub fn after(end: Timestamp, facts: &Facts<'_>) -> Timestamp {
    let spread = facts.global.release_spread;
    let spread = match facts.notification.expires_at {
        Some(expires_at) => {
            let left = expires_at.duration_since(end);
            spread.min(Duration::try_from(left).unwrap_or_default())
        }
        None => spread,
    };
    let wait = place(spread, facts.notification.lane.priority, facts.jitter);
    end.saturating_add(wait).unwrap_or(end)
}

/// A place in the part of a priority; before the end of the spread, unless that is empty.
fn place(spread: Duration, priority: Priority, jitter: f64) -> Duration {
    let parts = u32::try_from(Priority::ALL.len()).unwrap_or(1);
    let part = spread / parts;
    let before = part * u32::try_from(priority.index()).unwrap_or(0);
    let jitter = if jitter.is_nan() {
        0.0
    } else {
        jitter.clamp(0.0, 1.0)
    };
    let within = part.mul_f64(jitter);
    (before + within).min(spread.saturating_sub(Duration::from_nanos(1)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_higher_priority_is_always_released_first_and_all_within_the_spread(
            spread in 0..86_400_000_u64, jitter in prop::collection::vec(0.0..1.0_f64, 4),
        ) {
            let spread = Duration::from_millis(spread);
            let places: Vec<_> = Priority::ALL
                .iter()
                .zip(jitter)
                .map(|(priority, jitter)| place(spread, *priority, jitter))
                .collect();
            prop_assert!(places.is_sorted());
            prop_assert!(places.iter().all(|place| spread.is_zero() || *place < spread));
        }

        #[test]
        fn any_number_for_dice_is_harmless(jitter: f64) {
            let minute = Duration::from_secs(60);
            prop_assert!(place(minute, Priority::Low, jitter) < minute);
        }
    }
}
