//! When each message is due: an open loop, that does not wait for a slow broker.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::marker::now_micros;

/// The timer wakes to the millisecond only; what is due sooner is not waited for.
const TIMER_GRAIN: Duration = Duration::from_millis(1);

/// A schedule of equal distances, or none at all.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    start: Instant,
    start_micros: u64,
    per_second: f64,
    lasts: Option<Duration>,
}

impl Pace {
    /// `per_second` messages from now on; 0 is as fast as the broker confirms.
    #[must_use]
    pub fn starting_now(per_second: f64) -> Self {
        Self {
            start: Instant::now(),
            start_micros: now_micros(),
            per_second,
            lasts: None,
        }
    }

    /// The same, and nothing is published any more after this time.
    #[must_use]
    pub fn lasting(mut self, time: Option<Duration>) -> Self {
        self.lasts = time;
        self
    }

    /// Whether its time is over.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.lasts.is_some_and(|time| self.start.elapsed() >= time)
    }

    /// Whether there is no schedule.
    #[must_use]
    pub fn is_flat_out(&self) -> bool {
        self.per_second <= 0.0
    }

    /// How long after the start message `number` (from 0) is due.
    #[must_use]
    pub fn offset(&self, number: u64) -> Duration {
        if self.is_flat_out() {
            return Duration::ZERO;
        }
        Duration::try_from_secs_f64(number as f64 / self.per_second).unwrap_or(Duration::MAX)
    }

    /// Waits until message `number` is due; returns the intended instant in microseconds since the
    /// Unix epoch, which lies in the past when the publisher is late.
    pub async fn due(&self, number: u64) -> u64 {
        if self.is_flat_out() {
            return now_micros();
        }
        let offset = self.offset(number);
        let due = self.start + offset;
        if due > Instant::now() + TIMER_GRAIN {
            sleep_until(due).await;
        }
        self.start_micros + u64::try_from(offset.as_micros()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn messages_are_due_at_equal_distances_whatever_happened_before() {
        let pace = Pace::starting_now(100.0);
        let first = pace.due(0).await;
        assert_eq!(pace.due(50).await - first, 500_000);
        assert_eq!(Instant::now() - pace.start, Duration::from_millis(500));
        tokio::time::advance(Duration::from_secs(9)).await;
        assert_eq!(pace.due(51).await - first, 510_000);
        assert_eq!(Instant::now() - pace.start, Duration::from_millis(9_500));
    }

    #[tokio::test(start_paused = true)]
    async fn flat_out_never_waits() {
        let pace = Pace::starting_now(0.0);
        pace.due(1_000_000).await;
        assert_eq!(Instant::now(), pace.start);
    }
}
