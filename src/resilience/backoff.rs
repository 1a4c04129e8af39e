//! How long to wait before trying again.

use std::time::Duration;

/// Exponential back-off with full jitter.
///
/// The ceiling doubles with every retry up to a maximum; the wait is a random share of it, so that
/// many that failed together do not come back together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// Ceiling of the first wait.
    pub base: Duration,
    /// Ceiling that no wait passes (but for the floor that a caller demands).
    pub max: Duration,
}

impl Backoff {
    /// A back-off between these bounds.
    #[must_use]
    pub const fn new(base: Duration, max: Duration) -> Self {
        Self { base, max }
    }

    /// Longest possible wait after `retries` retries: `base` × 2^`retries`, at most `max`.
    #[must_use]
    pub fn ceiling(self, retries: u32) -> Duration {
        let doublings = retries.min(31);
        self.base.saturating_mul(1 << doublings).min(self.max)
    }

    /// The wait before the next retry, when `retries` have been made: `jitter` (in `[0, 1)`) of the
    /// ceiling, on top of `floor`.
    ///
    /// The floor (a provider's `Retry-After`) is added, not taken as a minimum: with a minimum
    /// every wait drawn below it would end at the same moment.
    #[must_use]
    pub fn delay(self, retries: u32, jitter: f64, floor: Duration) -> Duration {
        floor.saturating_add(share(self.ceiling(retries), jitter))
    }
}

/// A share of a duration; anything that is not in `[0, 1)` is moved to its nearest bound.
fn share(whole: Duration, jitter: f64) -> Duration {
    let jitter = if jitter.is_nan() {
        0.0
    } else {
        jitter.clamp(0.0, 1.0)
    };
    Duration::try_from_secs_f64(whole.as_secs_f64() * jitter)
        .unwrap_or(whole)
        .min(whole)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RETRY: Backoff = Backoff::new(Duration::from_secs(2), Duration::from_secs(900));

    #[test]
    fn the_ceiling_doubles_up_to_the_maximum() {
        let ceilings: Vec<_> = (0..10).map(|n| RETRY.ceiling(n).as_secs()).collect();
        assert_eq!(ceilings, [2, 4, 8, 16, 32, 64, 128, 256, 512, 900]);
    }

    #[test]
    fn a_retry_after_is_never_undercut_and_still_spread() {
        let floor = Duration::from_secs(30);
        assert_eq!(RETRY.delay(0, 0.0, floor), floor);
        assert_eq!(RETRY.delay(0, 0.5, floor), Duration::from_secs(31));
    }

    #[test]
    fn an_overflow_saturates() {
        let huge = Backoff::new(Duration::MAX, Duration::MAX);
        assert_eq!(huge.delay(u32::MAX, 1.0, Duration::MAX), Duration::MAX);
    }

    proptest! {
        #[test]
        fn every_delay_lies_between_the_floor_and_the_ceiling_above_it(
            base in 0_u64..10_000,
            more in 0_u64..10_000_000,
            retries: u32,
            jitter in 0.0_f64..1.0,
            floor in 0_u64..10_000_000,
        ) {
            let (base, floor) = (Duration::from_millis(base), Duration::from_millis(floor));
            let backoff = Backoff::new(base, base + Duration::from_millis(more));
            let delay = backoff.delay(retries, jitter, floor);
            prop_assert!(delay >= floor);
            prop_assert!(delay <= floor + backoff.ceiling(retries));
            prop_assert!(backoff.ceiling(retries) <= backoff.max);
            prop_assert!(backoff.ceiling(retries) >= base);
        }

        #[test]
        fn any_number_for_jitter_is_harmless(jitter: f64, retries: u32) {
            prop_assert!(RETRY.delay(retries, jitter, Duration::ZERO) <= RETRY.max);
        }
    }
}
