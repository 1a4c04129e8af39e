//! Rules of the calendar: when a digest closes, by the wall clock of its person.

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

/// How a rule is written, for messages.
pub const FORM: &str =
    "\"hourly\", \"daily 09:00\", \"weekdays 09:00\", \"weekly mon 09:00\" or \"monthly 1 09:00\"";

const WEEKDAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

/// A time that comes again and again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CalendarRule {
    days: Days,
    /// The time of day; of an hourly rule only its minute counts.
    time: Time,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Days {
    Hourly,
    Daily,
    Weekdays,
    Weekly(Weekday),
    /// A day of the month; in a shorter month its last.
    Monthly(i8),
}

impl CalendarRule {
    /// Reads a rule.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let (days, time) = match words.as_slice() {
            ["hourly"] => (Days::Hourly, Time::midnight()),
            ["daily", time] => (Days::Daily, time_of_day(time)?),
            ["weekdays", time] => (Days::Weekdays, time_of_day(time)?),
            ["weekly", day, time] => {
                let (_, day) = WEEKDAYS.iter().find(|(name, _)| name == day)?;
                (Days::Weekly(*day), time_of_day(time)?)
            }
            ["monthly", day, time] => {
                let day: i8 = day.parse().ok().filter(|day| (1..=31).contains(day))?;
                (Days::Monthly(day), time_of_day(time)?)
            }
            _ => return None,
        };
        Some(Self { days, time })
    }

    /// The next time after a moment. A time of day that a clock change skips is as much later as the clock; one
    /// that it repeats is the first.
    #[must_use]
    pub fn next(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        if self.days == Days::Hourly {
            return next_full_hour(after, zone);
        }
        // What the clock skips before midnight comes behind it: yesterday's may be still to come.
        let mut day = after.to_zoned(zone.clone()).date();
        day = day.checked_sub(Span::new().days(1)).unwrap_or(day);
        // A month has at most 31 days, and one that fits comes within two.
        for _ in 0..=63 {
            if self.is_on(day) {
                let moment = day.to_datetime(self.time).to_zoned(zone.clone()).ok()?;
                if moment.timestamp() > after {
                    return Some(moment.timestamp());
                }
            }
            day = day.checked_add(Span::new().days(1)).ok()?;
        }
        None
    }

    fn is_on(&self, day: Date) -> bool {
        match self.days {
            Days::Hourly | Days::Daily => true,
            Days::Weekdays => !matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday),
            Days::Weekly(weekday) => day.weekday() == weekday,
            Days::Monthly(wanted) => day.day() == wanted.min(day.days_in_month()),
        }
    }
}

/// The next moment at which a clock shows a full hour. Where it is put forward or back by half an hour, that is not an hour
/// behind the one before.
fn next_full_hour(after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    let mut at = after.as_second();
    for _ in 0..3 {
        let shown = Timestamp::from_second(at).ok()?.to_zoned(zone.clone());
        let past = i64::from(shown.minute()) * 60 + i64::from(shown.second());
        if past == 0 && at > after.as_second() {
            break;
        }
        at += 3_600 - past;
    }
    Timestamp::from_second(at).ok()
}

/// A time of day: `09:00`.
#[must_use]
pub fn time_of_day(text: &str) -> Option<Time> {
    let (hour, minute) = text.split_once(':')?;
    let number = |text: &str| match text.len() == 2 && text.chars().all(|c| c.is_ascii_digit()) {
        true => text.parse::<i8>().ok(),
        false => None,
    };
    Time::new(number(hour)?, number(minute)?, 0, 0).ok()
}

/// The next time at which a wall clock shows a time of day.
#[must_use]
pub fn next_time_of_day(time: Time, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    let days = Days::Daily;
    CalendarRule { days, time }.next(after, zone)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(rule: &str, after: &str, zone: &str) -> String {
        let rule = CalendarRule::parse(rule).unwrap();
        let zone = TimeZone::get(zone).unwrap();
        let found = rule.next(after.parse().unwrap(), &zone).unwrap();
        found.to_string()
    }

    #[test]
    fn nine_oclock_stays_nine_oclock_over_both_changes_of_the_clock() {
        let berlin = "Europe/Berlin";
        assert_eq!(
            next("daily 09:00", "2026-03-28T08:00:00Z", berlin),
            "2026-03-29T07:00:00Z"
        );
        assert_eq!(
            next("daily 09:00", "2026-03-28T07:59:59Z", berlin),
            "2026-03-28T08:00:00Z"
        );
        assert_eq!(
            next("daily 09:00", "2026-10-24T07:00:00Z", berlin),
            "2026-10-25T08:00:00Z"
        );
        // What the clock skips comes as much later, what it repeats comes once, the first time.
        assert_eq!(
            next("daily 02:30", "2026-03-28T12:00:00Z", berlin),
            "2026-03-29T01:30:00Z"
        );
        assert_eq!(
            next("daily 02:30", "2026-10-24T12:00:00Z", berlin),
            "2026-10-25T00:30:00Z"
        );
        assert_eq!(
            next("daily 02:30", "2026-10-25T00:30:00Z", berlin),
            "2026-10-26T01:30:00Z"
        );
    }

    #[test]
    fn a_weekday_is_that_of_the_person() {
        // Monday 05:00 in Shanghai is Sunday 21:00 in UTC.
        let shanghai = "Asia/Shanghai";
        assert_eq!(
            next("weekly mon 05:00", "2026-11-27T00:00:00Z", shanghai),
            "2026-11-29T21:00:00Z"
        );
        assert_eq!(
            next("weekly mon 05:00", "2026-11-29T21:00:00Z", shanghai),
            "2026-12-06T21:00:00Z"
        );
        assert_eq!(
            next("weekly wed 22:00", "2026-11-25T13:00:00Z", "Asia/Tokyo"),
            "2026-12-02T13:00:00Z"
        );
        assert_eq!(
            next("weekly wed 22:00", "2026-11-25T12:00:00Z", "Asia/Tokyo"),
            "2026-11-25T13:00:00Z"
        );
        assert_eq!(
            next("weekdays 09:00", "2026-11-27T12:00:00Z", "UTC"),
            "2026-11-30T09:00:00Z"
        );
    }

    #[test]
    fn months_and_hours_come_round() {
        assert_eq!(
            next("monthly 31 09:00", "2026-01-31T09:00:00Z", "UTC"),
            "2026-02-28T09:00:00Z"
        );
        assert_eq!(
            next("monthly 1 00:00", "2026-12-01T00:00:00Z", "UTC"),
            "2027-01-01T00:00:00Z"
        );
        assert_eq!(
            next("hourly", "2026-12-01T10:20:30Z", "UTC"),
            "2026-12-01T11:00:00Z"
        );
        assert_eq!(
            next("hourly", "2026-12-01T10:20:30Z", "Asia/Kathmandu"),
            "2026-12-01T11:15:00Z"
        );
    }

    /// What others' schedulers got wrong where a clock is changed.
    #[test]
    fn a_change_of_the_clock_moves_no_other_day() {
        let (berlin, nuuk, lord_howe) = ("Europe/Berlin", "America/Nuuk", "Australia/Lord_Howe");
        for (rule, after, zone, wanted) in [
            // The day behind a skipped time has the time that was written.
            (
                "daily 02:30",
                "2026-03-29T01:30:00Z",
                berlin,
                "2026-03-30T00:30:00Z",
            ),
            // The first of a month stays the first behind a change.
            (
                "monthly 1 00:30",
                "2026-03-29T12:00:00Z",
                berlin,
                "2026-03-31T22:30:00Z",
            ),
            // Today, where it is today for the person and yesterday in UTC.
            (
                "daily 03:00",
                "2026-06-28T15:30:00Z",
                "Asia/Tokyo",
                "2026-06-28T18:00:00Z",
            ),
            // In Nuuk the last hour of a Saturday is skipped: its time comes behind midnight, whenever one asks.
            (
                "daily 23:30",
                "2026-03-28T20:00:00Z",
                nuuk,
                "2026-03-29T01:30:00Z",
            ),
            (
                "daily 23:30",
                "2026-03-29T01:10:00Z",
                nuuk,
                "2026-03-29T01:30:00Z",
            ),
            (
                "daily 23:30",
                "2026-03-29T01:30:00Z",
                nuuk,
                "2026-03-30T00:30:00Z",
            ),
            (
                "weekly sat 23:30",
                "2026-03-29T01:10:00Z",
                nuuk,
                "2026-03-29T01:30:00Z",
            ),
            // On Lord Howe Island clocks go by half an hour: 02:30 is no full hour, and neither is the second 01:30.
            (
                "hourly",
                "2026-10-03T15:10:00Z",
                lord_howe,
                "2026-10-03T16:00:00Z",
            ),
            (
                "hourly",
                "2026-10-03T14:40:00Z",
                lord_howe,
                "2026-10-03T16:00:00Z",
            ),
            (
                "hourly",
                "2026-04-04T14:40:00Z",
                lord_howe,
                "2026-04-04T15:30:00Z",
            ),
            (
                "hourly",
                "2026-04-04T15:30:00Z",
                lord_howe,
                "2026-04-04T16:30:00Z",
            ),
        ] {
            assert_eq!(next(rule, after, zone), wanted, "{rule} after {after}");
        }
    }

    #[test]
    fn what_is_no_rule_is_none() {
        for wrong in [
            "",
            "daily",
            "daily 9:00",
            "daily 24:00",
            "weekly xyz 09:00",
            "monthly 0 09:00",
            "monthly 32 09:00",
            "yearly 1 09:00",
            "daily 09:00 UTC",
        ] {
            assert_eq!(CalendarRule::parse(wrong), None, "{wrong}");
        }
    }
}
