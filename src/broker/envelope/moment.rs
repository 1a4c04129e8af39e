//! A moment as publishers write it: RFC 3339, with the usual ways to say "never".

use std::borrow::Cow;
use std::fmt;

use jiff::fmt::temporal::DateTimeParser;
use jiff::{SignedDuration, Timestamp};
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer};

/// Digits of a second's fraction that are read: nanoseconds.
const FRACTION_DIGITS: usize = 9;
/// The year from which on a moment is as good as none: languages write their last one as the end of
/// this year, or of a year beyond.
const NEVER: i16 = 9999;

/// A moment, or that there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    /// Then.
    At(Timestamp),
    /// Later than anybody waits.
    Never,
}

impl Moment {
    /// Reads a moment.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = with_nanoseconds(text.trim());
        if ["never", "infinity"]
            .iter()
            .any(|word| text.eq_ignore_ascii_case(word))
        {
            return Some(Self::Never);
        }
        let text = within_four_digits(&text).map_or(text, Cow::Owned);
        let pieces = DateTimeParser::new().parse_pieces(text.as_ref()).ok()?;
        // A time without its offset is no moment.
        let (_, _) = (pieces.time()?, pieces.offset()?);
        if pieces.date().year() >= NEVER {
            return Some(Self::Never);
        }
        let moment: Timestamp = text.parse().ok()?;
        let leap = SignedDuration::from_secs(i64::from(is_leap_second(&text)));
        moment.checked_add(leap).ok().map(Self::At)
    }
}

/// Cut to nanoseconds: some languages write more digits.
fn with_nanoseconds(text: &str) -> Cow<'_, str> {
    let Some((whole, fraction)) = text.split_once(['.', ',']) else {
        return Cow::Borrowed(text);
    };
    let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
    if digits <= FRACTION_DIGITS {
        return Cow::Borrowed(text);
    }
    let (kept, rest) = (fraction.get(..FRACTION_DIGITS), fraction.get(digits..));
    let (kept, rest) = (kept.unwrap_or_default(), rest.unwrap_or_default());
    Cow::Owned(format!("{whole}.{kept}{rest}"))
}

/// A year of more than four digits as the last of four: both are never.
fn within_four_digits(text: &str) -> Option<String> {
    let plain = text.strip_prefix('+').unwrap_or(text);
    let digits = plain.bytes().take_while(u8::is_ascii_digit).count();
    let (year, rest) = plain.split_at_checked(digits)?;
    let is_beyond = digits > 4 && rest.starts_with('-') && year.trim_start_matches('0').len() > 4;
    is_beyond.then(|| format!("{NEVER}{rest}"))
}

/// Whether it is the sixtieth second of its minute, which jiff reads as the one before: what must not
/// be sent before it would be sent too early.
fn is_leap_second(text: &str) -> bool {
    text.get(16..19) == Some(":60")
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ReadMoment;

        impl Visitor<'_> for ReadMoment {
            type Value = Moment;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a moment in RFC 3339, such as 2026-03-01T14:00:00+01:00")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Moment, E> {
                Moment::parse(text).ok_or_else(|| {
                    E::custom(
                        "failed to parse: a moment in RFC 3339 has a date, a time and an offset, such as \
                         2026-03-01T14:00:00+01:00 or 2026-03-01T13:00:00Z",
                    )
                })
            }
        }

        deserializer.deserialize_str(ReadMoment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_read_however_it_is_written() {
        for (written, right) in [
            ("2026-03-01T14:00:00+01:00", "2026-03-01T13:00:00Z"),
            ("2026-03-01t13:00:00z", "2026-03-01T13:00:00Z"),
            ("2026-03-01 13:00:00Z", "2026-03-01T13:00:00Z"),
            ("2026-03-01T13:00:00-00:00", "2026-03-01T13:00:00Z"),
            ("2026-03-01T13:00:00.5Z", "2026-03-01T13:00:00.5Z"),
            (
                "2026-03-01T13:00:00.1234567890123Z",
                "2026-03-01T13:00:00.123456789Z",
            ),
            (
                "2026-03-01T13:00:00,1234567899+00:00",
                "2026-03-01T13:00:00.123456789Z",
            ),
            ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"),
            ("2017-01-01T00:59:60.25+01:00", "2017-01-01T00:00:00.25Z"),
            ("0000-01-01T00:00:00Z", "0000-01-01T00:00:00Z"),
            ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
            ("9998-12-31T23:59:59Z", "9998-12-31T23:59:59Z"),
        ] {
            let right: Timestamp = right.parse().unwrap();
            assert_eq!(Moment::parse(written), Some(Moment::At(right)), "{written}");
        }
    }

    #[test]
    fn the_far_future_is_never() {
        for written in [
            "9999-12-31T23:59:59Z",
            "9999-12-31T23:59:59.999999Z",
            "9999-12-31T23:59:59.9999999+14:00",
            "9999-12-31T23:59:59.999999999-18:00",
            "9999-12-30T00:00:00Z",
            "10000-01-01T00:00:00Z",
            "+010000-01-01T00:00:00Z",
            "+292278994-08-17T07:12:55.807Z",
            "+999999999-12-31T23:59:59.999999999-18:00",
            "never",
            "Infinity",
        ] {
            assert_eq!(Moment::parse(written), Some(Moment::Never), "{written}");
        }
    }

    #[test]
    fn invalid_moment_is_none() {
        for written in [
            "",
            "tomorrow",
            "2026-03-01",
            "2026-03-01T13:00:00",
            "2026-02-30T13:00:00Z",
            "2026-03-01T25:00:00Z",
            "2026-03-01T13:00:61Z",
            "2026-13-01T13:00:00Z",
            "2026-03-01T13:00:00+26:00",
            "1767225600",
            "99999",
            "+99999-99-99T00:00:00Z",
            "12:00Z",
        ] {
            assert_eq!(Moment::parse(written), None, "{written}");
        }
    }
}
