//! Spans of time as workflows write them: `30s`, `10m`, `2h30m`, `1d`, `2w`.

use std::time::Duration;

/// How a span is written, for messages.
pub const FORM: &str =
    "numbers and units in quotes, for example \"30s\", \"10m\", \"2h30m\", \"1d\", \"2w\"";
/// The longest span: a year.
pub const LONGEST: Duration = Duration::from_secs(366 * 86_400);

/// The units, in milliseconds.
const UNITS: [(&str, u64); 6] = [
    ("w", 604_800_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// Reads a span; `None` when it is none. It may be longer than [`LONGEST`].
#[must_use]
pub fn parse(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    let mut total = 0_u64;
    let mut before = u64::MAX;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, unit) = rest.split_at_checked(digits)?;
        let end = unit.find(|c: char| !c.is_ascii_alphabetic());
        let (unit, after) = unit.split_at_checked(end.unwrap_or(unit.len()))?;
        let (_, worth) = UNITS.iter().find(|(name, _)| *name == unit)?;
        // Larger units come first, each once.
        if *worth >= before {
            return None;
        }
        before = *worth;
        let number: u64 = number.parse().ok()?;
        total = total.checked_add(number.checked_mul(*worth)?)?;
        rest = after;
    }
    Some(Duration::from_millis(total))
}

/// Writes a span for people, in its largest units: `2h30m`.
#[must_use]
pub fn show(span: Duration) -> String {
    let mut left = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    let mut shown = String::new();
    for (unit, worth) in UNITS {
        let number = left / worth;
        if number > 0 {
            shown.push_str(&format!("{number}{unit}"));
            left %= worth;
        }
    }
    if shown.is_empty() {
        shown.push_str("0s");
    }
    shown
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_numbers_with_units_are_a_span() {
        assert_eq!(parse("10m"), Some(Duration::from_secs(600)));
        assert_eq!(parse("2h30m"), Some(Duration::from_secs(9_000)));
        assert_eq!(parse("1d"), Some(Duration::from_secs(86_400)));
        assert_eq!(parse("250ms"), Some(Duration::from_millis(250)));
        for wrong in [
            "",
            "10",
            "m",
            "-1m",
            "1.5h",
            "1m1h",
            "1m1m",
            "1y",
            "99999999999999999999s",
        ] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn a_span_that_is_shown_is_read_again(milliseconds in 0_u64..40_000_000_000) {
            let span = Duration::from_millis(milliseconds);
            prop_assert_eq!(parse(&show(span)), Some(span));
        }
    }
}
