//! No more a day than the person wants.
//!
//! A cap counts notifications on a calendar day of its zone. Whether there is room is known only
//! after the counters were asked, and asking reserves a place: so this rule is the last one.

use jiff::{SignedDuration, Timestamp};

use super::{Decision, Facts, Quota, expiry, local_time, preference, release};
use crate::domain::{Counter, OverCap, Priority, Reason, UnknownZone};

/// The counters that a notification must have room in, on the days that it is now.
///
/// # Errors
/// When one goes by a calendar that this node does not know.
pub fn counters(facts: &Facts<'_>) -> Result<Vec<Counter>, UnknownZone> {
    if passes(facts) {
        return Ok(vec![]);
    }
    preference::preferences(facts.notification, facts.recipient, facts.rules)
        .filter_map(|preference| {
            let cap = preference.frequency_cap?;
            Some(preference.zone(facts.recipient).map(|zone| Counter {
                scope: preference.scope.clone(),
                cap,
                day: local_time::day(&zone, facts.now),
            }))
        })
        .collect()
}

/// Whether the operator lets this notification through uncounted.
#[must_use]
pub fn passes(facts: &Facts<'_>) -> bool {
    let urgent = facts.notification.lane.priority == Priority::Urgent;
    urgent && facts.global.urgent_passes_caps
}

/// Asks for the counters while nobody has looked at them; over a cap, what the category says.
#[must_use]
pub fn object(facts: &Facts<'_>) -> Option<Decision> {
    let Ok(counters) = counters(facts) else {
        // Nobody can say which day it is there.
        let until = local_time::known_by(facts.now);
        return Some(expiry::defer(
            facts.notification,
            Reason::FrequencyCap,
            until,
        ));
    };
    match facts.quota {
        Quota::Reserved(held) if is_held(&counters, held) => None,
        // A day that began since the place was reserved has counters of its own.
        Quota::Unasked | Quota::Reserved(_) => {
            let never = counters.iter().any(|counter| counter.cap == 0);
            if never {
                return Some(Decision::Cancel(Reason::FrequencyCap));
            }
            (!counters.is_empty()).then_some(Decision::Reserve(counters))
        }
        Quota::Counted(_) if passes(facts) => None,
        Quota::Counted(counted) => {
            let full = counted.iter().filter(|counted| !counted.has_room());
            over(facts, full.map(|counted| &counted.counter))
        }
    }
}

/// Whether there is a place in each of the counters, whatever their caps are by now.
fn is_held(counters: &[Counter], held: &[Counter]) -> bool {
    let is_same = |a: &Counter, b: &Counter| (&a.scope, a.day) == (&b.scope, b.day);
    counters
        .iter()
        .all(|counter| held.iter().any(|one| is_same(one, counter)))
}

/// What becomes of a notification for which these counters have no room.
fn over<'a>(
    facts: &Facts<'_>,
    full: impl Iterator<Item = &'a Counter> + Clone,
) -> Option<Decision> {
    full.clone().next()?;
    // No day has room under a cap of zero: putting off would never end.
    let never = full.clone().any(|counter| counter.cap == 0);
    if never || over_cap(facts) == OverCap::Cancel {
        return Some(Decision::Cancel(Reason::FrequencyCap));
    }
    let next_day = full.map(|counter| next_day(facts, counter)).max()?;
    let until = release::after(next_day, facts);
    Some(expiry::defer(
        facts.notification,
        Reason::FrequencyCap,
        until,
    ))
}

/// What the category says of messages over the cap.
#[must_use]
pub fn over_cap(facts: &Facts<'_>) -> OverCap {
    let category = facts.notification.category.as_deref();
    category
        .and_then(|name| facts.rules.category(name))
        .map_or(OverCap::Cancel, |declared| declared.over_cap)
}

/// When the next day of a counter begins: a calendar day, however many hours this one has.
#[must_use]
pub fn next_day(facts: &Facts<'_>, counter: &Counter) -> Timestamp {
    let zone = preference::preferences(facts.notification, facts.recipient, facts.rules)
        .find(|preference| *preference.scope == counter.scope)
        .map_or_else(
            || local_time::zone_of(facts.recipient),
            |preference| preference.zone(facts.recipient),
        );
    let Ok(zone) = zone else {
        return local_time::known_by(facts.now);
    };
    // The day may have ended since the counter was asked.
    let today = local_time::day(&zone, facts.now).max(counter.day);
    let soonest = facts.now.saturating_add(SignedDuration::from_secs(1));
    local_time::next_day(&zone, today).max(soonest.unwrap_or(facts.now))
}

#[cfg(test)]
mod tests;
