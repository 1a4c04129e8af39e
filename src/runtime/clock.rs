//! The one place that reads the clock, so that tests can pause it.

/// The time of day.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that reads the clock"
)]
pub fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

/// A point on the monotonic clock, for deadlines and ages.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that reads the clock"
)]
pub fn instant() -> tokio::time::Instant {
    tokio::time::Instant::now()
}
