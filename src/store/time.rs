//! Time at this room's edge: jiff outside, chrono in the database, microseconds in both.

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use jiff::Timestamp;
use jiff::civil::{Date, Time};

/// A moment as the database holds it; what is finer than a microsecond is cut off.
#[must_use]
pub fn to_database(moment: Timestamp) -> DateTime<Utc> {
    // Every moment that jiff knows lies within chrono's range; the default cannot be reached.
    DateTime::from_timestamp_micros(moment.as_microsecond()).unwrap_or_default()
}

/// A moment as the rest of the engine knows it. PostgreSQL reaches further than jiff: beyond the
/// year 9999 it becomes the last one that jiff has, and likewise in the far past.
#[must_use]
pub fn from_database(moment: DateTime<Utc>) -> Timestamp {
    let micros = moment.timestamp_micros();
    let furthest = if micros < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    };
    Timestamp::from_microsecond(micros).unwrap_or(furthest)
}

/// A day for the database.
pub(super) fn date_to_database(date: Date) -> NaiveDate {
    let (year, month) = (date.year().into(), date.month().unsigned_abs().into());
    // chrono's range holds every day that jiff knows; the default cannot be reached.
    NaiveDate::from_ymd_opt(year, month, date.day().unsigned_abs().into()).unwrap_or_default()
}

/// A day from the database; one beyond what jiff knows is its first.
pub(super) fn date_from_database(date: NaiveDate) -> Date {
    use chrono::Datelike;
    let part = |value: u32| i8::try_from(value).unwrap_or_default();
    let year = i16::try_from(date.year()).unwrap_or(i16::MIN);
    Date::new(year, part(date.month()), part(date.day())).unwrap_or(Date::MIN)
}

/// A time of day for the database.
pub(super) fn time_to_database(time: Time) -> NaiveTime {
    let midnight = NaiveTime::default();
    NaiveTime::from_hms_nano_opt(
        time.hour().unsigned_abs().into(),
        time.minute().unsigned_abs().into(),
        time.second().unsigned_abs().into(),
        time.subsec_nanosecond().unsigned_abs() / 1_000 * 1_000,
    )
    .unwrap_or(midnight)
}

/// A time of day from the database.
pub(super) fn time_from_database(time: NaiveTime) -> Time {
    use chrono::Timelike;
    let part = |value: u32| i8::try_from(value).unwrap_or_default();
    Time::new(
        part(time.hour()),
        part(time.minute()),
        part(time.second()),
        i32::try_from(time.nanosecond()).unwrap_or_default(),
    )
    .unwrap_or(Time::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_keeps_its_microseconds_and_loses_what_is_finer() {
        let moment: Timestamp = "2026-03-29T01:59:59.123456789Z".parse().unwrap();
        let back = from_database(to_database(moment));
        assert_eq!(back.to_string(), "2026-03-29T01:59:59.123456Z");
    }

    #[test]
    fn the_furthest_moments_survive() {
        for moment in [Timestamp::MIN, Timestamp::MAX] {
            let back = from_database(to_database(moment));
            assert!((back.as_microsecond() - moment.as_microsecond()).abs() <= 1);
        }
    }

    #[test]
    fn a_day_survives() {
        for day in [Date::MIN, Date::constant(2028, 2, 29), Date::MAX] {
            assert_eq!(date_from_database(date_to_database(day)), day);
        }
    }

    #[test]
    fn a_time_of_day_survives() {
        for time in [Time::MIN, Time::constant(22, 30, 0, 0)] {
            assert_eq!(time_from_database(time_to_database(time)), time);
        }
    }
}
