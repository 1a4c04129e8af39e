//! Not while the person wants silence.
//!
//! A window belongs to the local day on which it starts. It lasts from the first to the last moment
//! at which the clock of its zone shows a time in it, so that an hour that is shown twice is quiet
//! from its first showing to its last.

use std::iter;

use jiff::civil::{DateTime, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::{Decision, Facts, expiry, local_time, preference, release};
use crate::domain::preference::{QuietHours, Scope};
use crate::domain::{Priority, Reason, UnknownZone};

/// Furthest that the end of silence is looked for: windows that follow each other without a gap
/// never end, and are looked at again then.
pub const BOUND: SignedDuration = SignedDuration::from_hours(8 * 24);

/// A window of silence with the clock that it goes by.
#[derive(Debug, Clone)]
pub struct Window<'a> {
    /// What the preference is about.
    pub scope: &'a Scope,
    /// From when to when, on which days.
    pub hours: &'a QuietHours,
    /// Whose clock.
    pub zone: TimeZone,
}

impl Window<'_> {
    /// The end of this window, if it is open now: of the last one, should several days overlap.
    #[must_use]
    pub fn open_until(&self, now: Timestamp) -> Option<Timestamp> {
        let today = local_time::day(&self.zone, now);
        // A window that spans midnight started yesterday. A change of the clock may lengthen it
        // by up to a day, or show a day again.
        let first = today.saturating_sub(SignedDuration::from_hours(48));
        let days = iter::successors(Some(first), |day| day.tomorrow().ok()).take(4);
        days.filter(|day| self.counts(day.weekday()))
            .filter_map(|day| {
                let start = day.to_datetime(self.hours.start);
                let begins = local_time::first(&self.zone, start);
                (begins <= now).then(|| local_time::end(&self.zone, self.last(start)))
            })
            .filter(|ends| now < *ends)
            .max()
    }

    fn counts(&self, day: Weekday) -> bool {
        self.hours.days.is_empty() || self.hours.days.contains(&day)
    }

    /// The end of the window that starts then, as the clock shows it.
    fn last(&self, start: DateTime) -> DateTime {
        let day = start.date();
        let day = if self.hours.end <= self.hours.start {
            day.tomorrow().unwrap_or(day)
        } else {
            day
        };
        day.to_datetime(self.hours.end)
    }
}

/// The end of silence, if it is quiet now: of all windows together, at most [`BOUND`] away.
#[must_use]
pub fn quiet_until(windows: &[Window<'_>], now: Timestamp) -> Option<Timestamp> {
    let bound = now.saturating_add(BOUND).unwrap_or(Timestamp::MAX);
    let end = |at: Timestamp| {
        windows
            .iter()
            .filter_map(|window| window.open_until(at))
            .max()
    };
    let ends = iter::successors(end(now), |at| (*at < bound).then(|| end(*at)).flatten());
    ends.last().map(|end| end.min(bound))
}

/// The windows of the preferences that cover a notification.
///
/// # Errors
/// When one goes by a clock that this node does not know.
pub fn windows<'a>(facts: &Facts<'a>) -> Result<Vec<Window<'a>>, UnknownZone> {
    let recipient = facts.recipient;
    preference::preferences(facts.notification, recipient, facts.rules)
        .filter_map(|preference| {
            let hours = preference.quiet_hours?;
            Some(preference.zone(recipient).map(|zone| Window {
                scope: preference.scope,
                hours,
                zone,
            }))
        })
        .collect()
}

/// Whether the operator lets this notification through at any hour.
#[must_use]
pub fn passes(facts: &Facts<'_>) -> bool {
    let urgent = facts.notification.lane.priority == Priority::Urgent;
    urgent && facts.global.urgent_passes_quiet_hours
}

/// Puts a notification off to the end of silence, or to a moment soon after it, so that not
/// everybody's messages come at eight sharp.
#[must_use]
pub fn object(facts: &Facts<'_>) -> Option<Decision> {
    if passes(facts) {
        return None;
    }
    let Ok(windows) = windows(facts) else {
        // Nobody can say that it is not night there.
        let until = local_time::known_by(facts.now);
        return Some(expiry::defer(facts.notification, Reason::QuietHours, until));
    };
    let end = quiet_until(&windows, facts.now)?;
    let spread = release::after(end, facts);
    let until = match quiet_until(&windows, spread) {
        // The next window has begun by then.
        Some(_) => end,
        None => spread,
    };
    Some(expiry::defer(facts.notification, Reason::QuietHours, until))
}

#[cfg(test)]
mod tests;
