//! Durations as settings write them: a whole number and a unit.

use std::time::Duration;

/// The units, largest first, in milliseconds.
const UNITS: [(&str, u64); 4] = [("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// How a duration is written, for messages.
pub(super) const FORM: &str =
    "a number and a unit in quotes, for example \"250ms\", \"30s\", \"15m\", \"24h\"";

/// Reads `250ms`, `30s`, `15m`, `24h`.
pub(super) fn parse(text: &str) -> Option<Duration> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at_checked(digits)?;
    let (_, milliseconds) = UNITS.iter().find(|(name, _)| *name == unit.trim_start())?;
    let number: u64 = number.parse().ok()?;
    number.checked_mul(*milliseconds).map(Duration::from_millis)
}

/// Writes a duration in the largest unit that holds it without a fraction.
pub(super) fn show(duration: Duration) -> String {
    let total = duration.as_millis();
    let (unit, milliseconds) = UNITS
        .iter()
        .find(|(_, milliseconds)| total != 0 && total.is_multiple_of(u128::from(*milliseconds)))
        .unwrap_or(&("ms", 1));
    format!("{}{unit}", total / u128::from(*milliseconds))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_a_number_with_a_unit_is_a_duration() {
        assert_eq!(parse("250ms"), Some(Duration::from_millis(250)));
        assert_eq!(parse(" 15 m "), Some(Duration::from_secs(900)));
        for wrong in [
            "",
            "5",
            "s",
            "-1s",
            "1.5s",
            "1d",
            "1h30m",
            "99999999999999999999s",
        ] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn duration_round_trips(milliseconds in 0_u64..10_000_000_000) {
            let duration = Duration::from_millis(milliseconds);
            prop_assert_eq!(parse(&show(duration)), Some(duration));
        }
    }
}
