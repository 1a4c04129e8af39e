//! Times as an operator writes them.

use herald::runtime::clock;
use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};

/// A time, or how long ago it was.
pub(super) fn moment(text: &str) -> Result<Timestamp, String> {
    let exact = text.parse().ok();
    exact
        .or_else(|| clock::now().checked_sub(length(text)?.abs()).ok())
        .ok_or_else(|| "write 2026-03-01T12:00:00Z, or an age such as 90m, 2h or 7d".to_owned())
}

/// A length of time such as `90m`, `24h` or `7d`.
pub(super) fn length(text: &str) -> Option<SignedDuration> {
    let span: Span = text.parse().ok()?;
    span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_time_or_an_age() {
        let exact = moment("2026-03-01T12:00:00Z").unwrap();
        assert_eq!(exact.as_second(), 1_772_366_400);
        let (day, hours) = (moment("1d").unwrap(), moment("24h").unwrap());
        assert!(hours.duration_since(day).abs() < SignedDuration::from_secs(60));
        assert!(moment("soon").is_err() && moment("99999999y").is_err());
    }
}
