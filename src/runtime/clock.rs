//! The one place that reads the clock, so that tests can pause it.

/// The time of day, to the microsecond: PostgreSQL keeps no more.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that reads the clock"
)]
pub fn now() -> jiff::Timestamp {
    let now = jiff::Timestamp::now();
    jiff::Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
}

/// A monotonic instant, for durations; tokio's, so that it pauses with `tokio::time`.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that reads the clock"
)]
pub fn instant() -> tokio::time::Instant {
    tokio::time::Instant::now()
}
