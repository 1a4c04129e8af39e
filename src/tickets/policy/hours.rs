//! Service time: how much of it lies between two moments, and when so much of it has passed.
//!
//! The offset of a zone is constant from one change to the next. Within such a stretch, local days are whole
//! numbers of seconds, and a window is where the clock on the wall says that it is: a window in the hour that a
//! change leaves out is not there, and one in the hour that it repeats is there twice.

use std::ops::ControlFlow;

use jiff::Timestamp;

use crate::tickets::domain::ServiceHours;

/// Seconds of a day.
const DAY: i64 = 86_400;
/// How far ahead service is looked for: five years.
const HORIZON: i64 = 5 * 366 * DAY;

/// Seconds of service between two moments; none when the second is not later.
#[must_use]
pub fn service_between(hours: &ServiceHours, from: Timestamp, to: Timestamp) -> i64 {
    let mut sum = 0;
    let _: Option<()> = spans(hours, from.as_second(), to.as_second(), |begin, end| {
        sum += end - begin;
        ControlFlow::Continue(())
    });
    sum
}

/// When so many seconds of service have passed since a moment: the moment itself for none. `None` if that is more
/// than five years ahead.
#[must_use]
pub fn service_after(hours: &ServiceHours, from: Timestamp, seconds: i64) -> Option<Timestamp> {
    if seconds <= 0 {
        return Some(from);
    }
    let mut left = seconds;
    let until = from.as_second().saturating_add(HORIZON);
    let found = spans(hours, from.as_second(), until, |begin, end| {
        if end - begin >= left {
            return ControlFlow::Break(begin + left);
        }
        left -= end - begin;
        ControlFlow::Continue(())
    });
    Timestamp::from_second(found?).ok()
}

/// Visits every stretch of service between two seconds, in order, until it is told to stop with something.
fn spans<T>(
    hours: &ServiceHours,
    from: i64,
    until: i64,
    mut visit: impl FnMut(i64, i64) -> ControlFlow<T>,
) -> Option<T> {
    let mut begin = from;
    while begin < until {
        let moment = Timestamp::from_second(begin).ok()?;
        let offset = i64::from(hours.zone().to_offset(moment).seconds());
        let change = hours.zone().following(moment).next();
        let end = change.map_or(until, |change| change.timestamp().as_second().min(until));
        // A change within the second in which this stretch begins: there is nothing of it.
        let end = end.max(begin + 1);
        for day in (begin + offset).div_euclid(DAY)..=(end - 1 + offset).div_euclid(DAY) {
            let midnight = day * DAY - offset;
            for (first, last) in hours.on(day) {
                let opens = (midnight + i64::from(*first) * 60).max(begin);
                let closes = (midnight + i64::from(*last) * 60).min(end);
                if opens < closes
                    && let ControlFlow::Break(found) = visit(opens, closes)
                {
                    return Some(found);
                }
            }
        }
        begin = end;
    }
    None
}
