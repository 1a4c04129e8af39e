//! Quiet hours as people write them: the same at every door.

use jiff::civil::{Time, Weekday};

/// The days of a week, as they are written.
pub const DAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

/// What a time of quiet hours may be.
pub const TIMES: &str = "\"HH:MM\", 00:00 to 23:59; an end also 24:00";

/// Why quiet hours that never end are refused.
pub const WITHOUT_END: &str = "makes every hour of every day quiet, so that nothing would ever be sent; say \
                               enabled = false, or name the quiet_hours_days";

/// The day of a word.
#[must_use]
pub fn day(word: &str) -> Option<Weekday> {
    let known = DAYS.iter().find(|(name, _)| *name == word);
    known.map(|(_, day)| *day)
}

/// The word of a day.
#[must_use]
pub fn word(day: Weekday) -> &'static str {
    let known = DAYS.iter().find(|(_, known)| *known == day);
    known.map_or("mon", |(word, _)| word)
}

/// A time of day, as it is read again.
#[must_use]
pub fn minute(time: Time) -> String {
    format!("{:02}:{:02}", time.hour(), time.minute())
}

/// A time of day as `HH:MM`.
#[must_use]
pub fn start(text: &str) -> Option<Time> {
    let (hours, minutes) = text.split_once(':')?;
    let two_digits = |part: &str| part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
    if !two_digits(hours) || !two_digits(minutes) {
        return None;
    }
    Time::new(hours.parse().ok()?, minutes.parse().ok()?, 0, 0).ok()
}

/// The same; a day ends at 24:00, which is 00:00 of the next one.
#[must_use]
pub fn end(text: &str) -> Option<Time> {
    match text {
        "24:00" => Some(Time::midnight()),
        text => start(text),
    }
}

/// Whether a window lasts until the same time of the next day, on every day.
#[must_use]
pub fn never_ends(hours: Option<(Time, Time)>, days: &[Weekday]) -> bool {
    let is_whole_day = hours.is_some_and(|(start, end)| start == end);
    is_whole_day && (days.is_empty() || days.len() == DAYS.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_to_the_minute_and_a_day_may_end_at_24() {
        assert_eq!(start("22:05"), Time::new(22, 5, 0, 0).ok());
        assert_eq!(end("24:00"), Some(Time::midnight()));
        for odd in ["24:00", "7:00", "07:60", "0700", "", "07:00:00"] {
            assert_eq!(start(odd), None, "{odd}");
        }
        assert_eq!(start("07:05").map(minute).as_deref(), Some("07:05"));
        for (name, of_week) in DAYS {
            assert_eq!((day(name), word(of_week)), (Some(of_week), name));
        }
    }

    #[test]
    fn a_whole_day_on_every_day_never_ends() {
        let midnight = (Time::midnight(), Time::midnight());
        assert!(never_ends(Some(midnight), &[]));
        assert!(never_ends(Some(midnight), &DAYS.map(|(_, day)| day)));
        assert!(!never_ends(Some(midnight), &[Weekday::Sunday]));
        assert!(!never_ends(None, &[]));
    }
}
