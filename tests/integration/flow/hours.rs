//! Hours of the day for preferences.

use jiff::{SignedDuration, Timestamp, tz::TimeZone};

/// `HH:MM` by the clock of UTC, some hours from now.
#[expect(
    clippy::disallowed_methods,
    reason = "a preference for the real clock of a real engine"
)]
pub(super) fn hours_from_now(hours: i64) -> String {
    let at = Timestamp::now() + SignedDuration::from_hours(hours);
    at.to_zoned(TimeZone::UTC).strftime("%H:%M").to_string()
}
