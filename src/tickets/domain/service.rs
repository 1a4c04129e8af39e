//! When there is service, and within how much of it a ticket is dealt with.

use std::collections::HashSet;

use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::ServiceClock;

/// Minutes of a day.
const DAY_MINUTES: u16 = 1_440;
/// Most windows of a week.
const MOST_WINDOWS: usize = 70;

/// A part of a week's day in which there is service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct ServiceWindow {
    /// Monday is 0.
    pub weekday: u8,
    /// The first minute of the local day.
    pub from: u16,
    /// The minute after the last one; 1,440 is the day's end.
    pub to: u16,
}

/// When there is service, by the clocks on the wall of one place.
#[derive(Debug, Clone)]
pub struct ServiceHours {
    zone: TimeZone,
    /// By weekday, in order, apart from each other.
    windows: [Vec<(u16, u16)>; 7],
    /// Days since 1970-01-01.
    holidays: HashSet<i64>,
}

/// Why hours are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadServiceHours {
    /// A window ends before it begins, or beyond its day.
    #[error("a window begins before it ends, within its day")]
    Window,
    /// Two windows of a day have a minute in common.
    #[error("two windows of a day overlap")]
    Overlap,
    /// No window at all: nothing would ever be due.
    #[error("name 1 to 70 windows")]
    Count,
}

impl ServiceHours {
    /// Hours of these windows in a zone, without these days.
    ///
    /// # Errors
    /// The windows are none.
    pub fn new(
        zone: TimeZone,
        windows: &[ServiceWindow],
        holidays: impl IntoIterator<Item = Date>,
    ) -> Result<Self, BadServiceHours> {
        if windows.is_empty() || windows.len() > MOST_WINDOWS {
            return Err(BadServiceHours::Count);
        }
        let mut days: [Vec<(u16, u16)>; 7] = Default::default();
        for window in windows {
            let day = days.get_mut(usize::from(window.weekday));
            let day = day.ok_or(BadServiceHours::Window)?;
            if window.from >= window.to || window.to > DAY_MINUTES {
                return Err(BadServiceHours::Window);
            }
            day.push((window.from, window.to));
        }
        for day in &mut days {
            day.sort_unstable();
            let pairs = day.iter().zip(day.iter().skip(1));
            if pairs.into_iter().any(|((_, end), (begin, _))| begin < end) {
                return Err(BadServiceHours::Overlap);
            }
        }
        let holidays = holidays.into_iter().map(day_number).collect();
        Ok(Self {
            zone,
            windows: days,
            holidays,
        })
    }

    /// Day and night, every day.
    #[must_use]
    pub fn always() -> Self {
        let whole = || vec![(0, DAY_MINUTES)];
        Self {
            zone: TimeZone::UTC,
            windows: std::array::from_fn(|_| whole()),
            holidays: HashSet::new(),
        }
    }

    /// Where the clocks hang.
    #[must_use]
    pub const fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// The windows of a day since 1970-01-01, in minutes of the local day.
    #[must_use]
    pub fn on(&self, day: i64) -> &[(u16, u16)] {
        if self.holidays.contains(&day) {
            return &[];
        }
        // 1970-01-01 was a Thursday.
        let weekday = usize::try_from((day + 3).rem_euclid(7)).unwrap_or_default();
        self.windows.get(weekday).map_or(&[], Vec::as_slice)
    }
}

/// Days since 1970-01-01.
fn day_number(day: Date) -> i64 {
    let midnight = TimeZone::UTC.to_timestamp(day.at(0, 0, 0, 0));
    midnight.map_or(i64::MIN, |moment| {
        moment.as_second().div_euclid(i64::from(DAY_MINUTES) * 60)
    })
}

/// Within how many seconds of service something is done; `None` is at any time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct ServiceTargets {
    /// The first answer.
    pub first_response: Option<i64>,
    /// Each further answer.
    pub next_response: Option<i64>,
    /// The end of the matter.
    pub resolution: Option<i64>,
}

impl ServiceTargets {
    /// That of a clock.
    #[must_use]
    pub const fn of(&self, clock: ServiceClock) -> Option<i64> {
        match clock {
            ServiceClock::FirstResponse => self.first_response,
            ServiceClock::NextResponse => self.next_response,
            ServiceClock::Resolution => self.resolution,
        }
    }
}

/// The rule that a ticket's clocks go by: that of its category and priority.
#[derive(Debug, Clone)]
pub struct ServiceRule {
    /// When there is service.
    pub hours: ServiceHours,
    /// Within how much of it.
    pub targets: ServiceTargets,
}

impl Default for ServiceRule {
    /// Nothing is ever due.
    fn default() -> Self {
        Self {
            hours: ServiceHours::always(),
            targets: ServiceTargets::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(weekday: u8, from: u16, to: u16) -> ServiceWindow {
        ServiceWindow { weekday, from, to }
    }

    #[test]
    fn windows_lie_within_their_days_and_apart_from_each_other() {
        let made =
            |windows: &[ServiceWindow]| ServiceHours::new(TimeZone::UTC, windows, []).map(drop);
        assert_eq!(made(&[window(0, 0, 1_440), window(1, 0, 1)]), Ok(()));
        assert_eq!(made(&[window(0, 60, 120), window(0, 0, 60)]), Ok(()));
        assert_eq!(made(&[]), Err(BadServiceHours::Count));
        assert_eq!(made(&[window(0, 5, 5)]), Err(BadServiceHours::Window));
        assert_eq!(made(&[window(0, 5, 1_441)]), Err(BadServiceHours::Window));
        assert_eq!(made(&[window(7, 0, 1)]), Err(BadServiceHours::Window));
        let overlap = [window(0, 0, 61), window(0, 60, 120)];
        assert_eq!(made(&overlap), Err(BadServiceHours::Overlap));
    }

    #[test]
    fn a_day_is_known_by_its_weekday_and_a_holiday_has_no_window() {
        let monday = Date::constant(2026, 11, 30);
        let windows = [window(0, 540, 1_020)];
        let hours = ServiceHours::new(TimeZone::UTC, &windows, []).unwrap();
        assert_eq!(hours.on(day_number(monday)), [(540, 1_020)]);
        assert!(hours.on(day_number(monday) + 1).is_empty());
        let closed = ServiceHours::new(TimeZone::UTC, &windows, [monday]).unwrap();
        assert!(closed.on(day_number(monday)).is_empty());
        assert_eq!(closed.on(day_number(monday) + 7), [(540, 1_020)]);
    }
}
