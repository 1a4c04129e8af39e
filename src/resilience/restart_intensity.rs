//! When to restart what keeps dying, and when to give up.

use std::collections::VecDeque;
use std::time::Duration;

use super::Backoff;

/// Counts restarts in a sliding window.
///
/// An actor that dies once in a while is restarted after a short wait; one that dies again and
/// again waits longer each time, and past the limit its process should end, so that whoever runs
/// it takes over.
#[derive(Debug, Clone)]
pub struct RestartIntensity {
    limit: usize,
    window: Duration,
    backoff: Backoff,
    restarts: VecDeque<Duration>,
}

/// What to do about a death.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RestartDecision {
    /// Restart after this wait.
    RestartAfter(Duration),
    /// Too many deaths in the window.
    GiveUp,
}

impl RestartIntensity {
    /// At most `limit` restarts within any `window`, with growing waits between them.
    #[must_use]
    pub const fn new(limit: usize, window: Duration, backoff: Backoff) -> Self {
        Self {
            limit,
            window,
            backoff,
            restarts: VecDeque::new(),
        }
    }

    /// Decides about a death at `now`, a duration since any fixed start.
    ///
    /// A `now` that lies before an earlier one counts as the earlier one: time that runs backwards
    /// must not wipe out the count.
    pub fn died(&mut self, now: Duration) -> RestartDecision {
        let now = self.restarts.back().map_or(now, |last| now.max(*last));
        self.forget_before(now.saturating_sub(self.window), now);
        if self.restarts.len() >= self.limit {
            return RestartDecision::GiveUp;
        }
        let earlier = u32::try_from(self.restarts.len()).unwrap_or(u32::MAX);
        self.restarts.push_back(now);
        RestartDecision::RestartAfter(self.backoff.ceiling(earlier))
    }

    /// Restarts that the window still holds.
    #[must_use]
    pub fn recent(&self) -> usize {
        self.restarts.len()
    }

    fn forget_before(&mut self, start: Duration, now: Duration) {
        if now < self.window {
            return;
        }
        while self.restarts.front().is_some_and(|at| *at <= start) {
            self.restarts.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    fn three_a_minute() -> RestartIntensity {
        let backoff = Backoff::new(Duration::from_millis(100), seconds(5));
        RestartIntensity::new(3, seconds(60), backoff)
    }

    #[test]
    fn waits_grow_and_the_fourth_death_in_a_minute_is_the_last() {
        let mut intensity = three_a_minute();
        let decisions: Vec<_> = (0..4).map(|n| intensity.died(seconds(n))).collect();
        assert_eq!(
            decisions,
            [
                RestartDecision::RestartAfter(Duration::from_millis(100)),
                RestartDecision::RestartAfter(Duration::from_millis(200)),
                RestartDecision::RestartAfter(Duration::from_millis(400)),
                RestartDecision::GiveUp,
            ]
        );
    }

    #[test]
    fn deaths_outside_the_window_are_forgotten() {
        let mut intensity = three_a_minute();
        for n in 0..100 {
            assert_ne!(intensity.died(seconds(n * 25)), RestartDecision::GiveUp);
        }
        assert_eq!(intensity.recent(), 3);
    }

    #[test]
    fn no_restart_is_allowed_by_a_limit_of_zero() {
        let backoff = Backoff::new(seconds(1), seconds(1));
        let mut never = RestartIntensity::new(0, seconds(60), backoff);
        assert_eq!(never.died(Duration::ZERO), RestartDecision::GiveUp);
    }

    proptest! {
        #[test]
        fn no_window_ever_holds_more_restarts_than_the_limit(
            limit in 0_usize..8,
            window in 1_u64..100,
            deaths in proptest::collection::vec(0_u64..1_000, 0..60),
        ) {
            let backoff = Backoff::new(Duration::from_millis(1), seconds(1));
            let mut intensity = RestartIntensity::new(limit, seconds(window), backoff);
            let mut deaths = deaths;
            deaths.sort_unstable();
            let restarts: Vec<_> = deaths
                .into_iter()
                .filter(|at| intensity.died(seconds(*at)) != RestartDecision::GiveUp)
                .collect();
            for start in &restarts {
                let inside = restarts.iter().filter(|at| *at >= start && **at < start + window);
                prop_assert!(inside.count() <= limit);
            }
        }
    }
}
