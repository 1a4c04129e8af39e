//! Numbers and times as people read them.

use jiff::{SignedDuration, Timestamp};

/// A moment: for machines, and for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ShownMoment {
    /// As RFC 3339.
    pub(super) iso: String,
    /// To the second, in UTC.
    pub(super) text: String,
}

impl From<Timestamp> for ShownMoment {
    fn from(moment: Timestamp) -> Self {
        Self {
            iso: moment.to_string(),
            text: moment.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
        }
    }
}

/// A whole number with its thousands apart.
pub(super) fn number(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3 + 1);
    if number < 0 {
        text.push('-');
    }
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count with its thousands apart.
pub(super) fn whole(count: u64) -> String {
    number(i64::try_from(count).unwrap_or(i64::MAX))
}

/// A number that was counted no further than to a bound.
pub(super) fn counted(counted: i64, bound: i64) -> String {
    match counted >= bound {
        true => format!("{}+", number(bound)),
        false => number(counted),
    }
}

/// A span of milliseconds.
pub(super) fn span_ms(ms: i64) -> String {
    match ms {
        ..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        60_000..3_600_000 => format!("{} min {} s", ms / 60_000, ms % 60_000 / 1_000),
        3_600_000..86_400_000 => format!("{} h {} min", ms / 3_600_000, ms % 3_600_000 / 60_000),
        _ => format!("{} d {} h", ms / 86_400_000, ms % 86_400_000 / 3_600_000),
    }
}

/// How long ago a moment is, or in how long it comes.
pub(super) fn ago(moment: Timestamp, now: Timestamp) -> String {
    let passed: SignedDuration = now.duration_since(moment);
    let ms = i64::try_from(passed.as_millis()).unwrap_or(i64::MAX);
    match ms {
        0..1_000 => "just now".to_owned(),
        1_000.. => format!("{} ago", span_ms(ms)),
        _ => format!("in {}", span_ms(ms.saturating_neg())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_written_as_people_read_them() {
        let numbers = [0, 7, 999, 1_000, 1_234_567, -12_345].map(number);
        assert_eq!(numbers, ["0", "7", "999", "1,000", "1,234,567", "-12,345"]);
        assert_eq!(
            (counted(999, 1_000), counted(1_000, 1_000)),
            ("999".to_owned(), "1,000+".to_owned())
        );
        let spans = [0, 999, 1_250, 61_000, 3_660_000, 90_000_000].map(span_ms);
        assert_eq!(
            spans,
            [
                "0 ms",
                "999 ms",
                "1.2 s",
                "1 min 1 s",
                "1 h 1 min",
                "1 d 1 h"
            ]
        );
        let now: Timestamp = "2026-11-30T12:00:00Z".parse().unwrap();
        let at = |text: &str| ago(text.parse().unwrap(), now);
        assert_eq!(at("2026-11-30T11:59:30Z"), "30.0 s ago");
        assert_eq!(at("2026-11-30T12:05:00Z"), "in 5 min 0 s");
        assert_eq!(ShownMoment::from(now).text, "2026-11-30 12:00:00 UTC");
    }
}
