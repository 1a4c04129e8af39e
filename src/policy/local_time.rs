//! When a clock on the wall shows a time, on days on which it is put forward or back as well.

use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};

use crate::domain::{Recipient, UnknownZone, zone};

/// The smallest step of a clock.
const TICK: SignedDuration = SignedDuration::from_nanos(1);

/// The longest that is waited until a zone is looked for again that this node does not know: another
/// node may, and this one after an update of its rules.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_mins(15);

/// The person's own zone; UTC when they have said none.
///
/// # Errors
/// When this node does not know it. It is not UTC then: what needs it waits.
pub fn zone_of(recipient: &Recipient) -> Result<TimeZone, UnknownZone> {
    let name = recipient.timezone.as_deref();
    name.map_or(Ok(TimeZone::UTC), zone::find)
}

/// Until when waits what needs a zone that this node does not know.
#[must_use]
pub fn known_by(now: Timestamp) -> Timestamp {
    now.saturating_add(LOOK_AGAIN).unwrap_or(now)
}

/// The first moment at which the clock shows this time; where it is put forward over it, the moment
/// of the change.
#[must_use]
pub fn first(zone: &TimeZone, shown: DateTime) -> Timestamp {
    match zone.to_ambiguous_timestamp(shown).offset() {
        AmbiguousOffset::Unambiguous { offset } => at(offset, shown),
        AmbiguousOffset::Fold { before, .. } => at(before, shown),
        AmbiguousOffset::Gap { before, after } => change(zone, shown, before, after),
    }
}

/// The first moment after the last one at which the clock shows a time before this one.
///
/// Asked of the last tick before it, so that an hour that the clock shows twice counts only if
/// part of it lies before: a window that ends at the hour to which the clock is put back has
/// ended when that hour came for the first time.
#[must_use]
pub fn end(zone: &TimeZone, shown: DateTime) -> Timestamp {
    let tick_before = shown.saturating_sub(TICK);
    let after_tick = |offset| at(offset, tick_before).saturating_add(TICK);
    match zone.to_ambiguous_timestamp(tick_before).offset() {
        AmbiguousOffset::Unambiguous { offset } => after_tick(offset),
        AmbiguousOffset::Fold { after, .. } => after_tick(after),
        AmbiguousOffset::Gap { before, after } => Ok(change(zone, tick_before, before, after)),
    }
    .unwrap_or(Timestamp::MAX)
}

/// The first moment of the day after this one. Midnight may not exist: then the day begins when
/// the clock is put forward.
#[must_use]
pub fn next_day(zone: &TimeZone, day: Date) -> Timestamp {
    let next = day.tomorrow().unwrap_or(day);
    first(zone, next.at(0, 0, 0, 0))
}

/// The calendar day in a zone.
#[must_use]
pub fn day(zone: &TimeZone, now: Timestamp) -> Date {
    zone.to_datetime(now).date()
}

/// The moment at which the clock is put forward over a time that it never shows.
fn change(zone: &TimeZone, shown: DateTime, before: Offset, after: Offset) -> Timestamp {
    // Read by the new offset, the time lies before the change.
    let earlier = at(after, shown);
    let change = zone.following(earlier).next();
    change.map_or_else(|| at(before, shown), |change| change.timestamp())
}

/// Beyond the years that jiff knows there is no time to name; a notification is not put off so far.
fn at(offset: Offset, shown: DateTime) -> Timestamp {
    offset.to_timestamp(shown).unwrap_or(Timestamp::MAX)
}
