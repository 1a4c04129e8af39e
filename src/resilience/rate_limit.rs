//! How a limit of requests a minute becomes a rate of tokens.

use std::time::Duration;

/// The window that the limit speaks of.
const WINDOW: Duration = Duration::from_secs(60);
/// How long a leased token may be used. A request goes at most this long after its token.
pub const VALIDITY: Duration = Duration::from_millis(500);
/// For the way to the provider, and for clocks that are moved a little.
const MARGIN: Duration = Duration::from_secs(1);
/// What is leased at once lasts for about this long.
const CHUNK: Duration = Duration::from_millis(250);

/// A generic cell rate: a token every `interval`, and at most `burst` at once.
///
/// With the theoretical arrival time `tat`, moved on by `interval` with each token, `n` tokens may
/// be had at `now` while `max(tat, now) + n × interval <= now + burst × interval`. The n-th token
/// after a first one then comes at least `(n − burst) × interval` later, so that a half-open
/// window of length `W` sees fewer than `burst + W / interval` tokens. The interval is chosen so
/// that this is the limit plus one, for a window that is longer than a minute by [`VALIDITY`] and
/// a margin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenRate {
    /// Time between two tokens, in whole microseconds.
    pub interval: Duration,
    /// Tokens that may come at once.
    pub burst: u32,
}

impl TokenRate {
    /// The rate at which no window of a minute sees more than `limit` requests; a limit of zero
    /// counts as one.
    #[must_use]
    pub fn of(limit_per_minute: u32) -> Self {
        let limit = limit_per_minute.max(1);
        let burst = (limit / 60).max(1);
        let window = (WINDOW + VALIDITY + MARGIN).as_micros();
        let intervals = u128::from(limit - burst) + 1;
        let micros = u64::try_from(window.div_ceil(intervals)).unwrap_or(u64::MAX);
        Self {
            interval: Duration::from_micros(micros),
            burst,
        }
    }

    /// Tokens that are worth one question.
    #[must_use]
    pub fn chunk(self) -> u32 {
        let tokens = CHUNK.as_micros() / self.interval.as_micros().max(1);
        u32::try_from(tokens)
            .unwrap_or(u32::MAX)
            .clamp(1, self.burst)
    }

    /// How long `tokens` take to come.
    #[must_use]
    pub fn time_for(self, tokens: u32) -> Duration {
        self.interval.saturating_mul(tokens)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_smallest_limits_work() {
        let one = TokenRate::of(1);
        assert_eq!((one.burst, one.chunk()), (1, 1));
        assert_eq!(one.interval, Duration::from_millis(61_500));
        let many = TokenRate::of(6_000);
        assert_eq!((many.burst, many.chunk()), (100, 23));
        assert_eq!(TokenRate::of(0), one);
    }

    /// What the database does, in microseconds.
    fn lease(tat: &mut u64, now: u64, rate: TokenRate, asked: u32) -> u32 {
        let interval = u64::try_from(rate.interval.as_micros()).unwrap();
        let base = (*tat).max(now);
        let room = (u64::from(rate.burst) * interval).saturating_sub(base - now) / interval;
        let granted = room.min(u64::from(asked));
        *tat = base + granted * interval;
        u32::try_from(granted).unwrap()
    }

    proptest! {
        #[test]
        fn no_minute_sees_more_than_the_limit_however_tokens_are_asked_for_and_used(
            limit in prop_oneof![1_u32..20, 20_u32..3_000],
            asks in prop::collection::vec((0_u64..3_000_000, 1_u32..60, 0_u64..=500_000), 1..400),
        ) {
            let rate = TokenRate::of(limit);
            let (mut tat, mut now, mut used) = (0, 0, vec![]);
            for (gap, asked, delay) in asks {
                now += gap;
                let granted = lease(&mut tat, now, rate, asked);
                used.extend((0..granted).map(|_| now + delay));
            }
            used.sort_unstable();
            for (at, first) in used.iter().enumerate() {
                let inside = used[at..].iter().take_while(|at| **at < first + 60_000_000).count();
                prop_assert!(inside <= limit as usize, "{inside} > {limit}");
            }
        }

        #[test]
        fn nearly_all_of_the_limit_can_be_used(limit in 1_u32..100_000) {
            let rate = TokenRate::of(limit);
            let per_minute = 60.0 / rate.interval.as_secs_f64();
            prop_assert!(per_minute >= f64::from(limit) * 0.95, "{per_minute} of {limit}");
        }
    }
}
