//! What a person wants, read without the code under test: the clock on the wall says whether it is
//! quiet.
//!
//! It is quiet whenever the clock shows a time in a window. The engine keeps silent a little longer
//! where the clock is put back, which this does not ask of it: `tests/quiet_hours` does.

use herald::domain::preference::{QuietHours, Scope};
use herald::domain::{Notification, Preference, Priority, Recipient, TenantRules};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::plan::Plan;

#[derive(Debug)]
pub(crate) struct EffectivePreference {
    pub(crate) scope: Scope,
    enabled: bool,
    pub(crate) cap: Option<u32>,
    quiet: Option<QuietHours>,
    zone: TimeZone,
}

impl EffectivePreference {
    /// The person's calendar day.
    pub(crate) fn day(&self, at: Timestamp) -> Date {
        at.to_zoned(self.zone.clone()).date()
    }
}

/// All that cover it; what the person left open is the tenant's to say.
pub(crate) fn wishes(
    of: &Notification,
    person: &Recipient,
    rules: &TenantRules,
) -> Vec<EffectivePreference> {
    let own = TimeZone::get(person.timezone.as_deref().unwrap_or("UTC")).unwrap();
    let same =
        |list: &[Preference], scope: &Scope| list.iter().find(|p| p.scope == *scope).cloned();
    let mut held = vec![];
    for wish in &person.preferences {
        let default = same(&rules.defaults, &wish.scope);
        let mut wish = wish.clone();
        if let Some(default) = default {
            wish.enabled = wish.enabled.or(default.enabled);
            wish.frequency_cap = wish.frequency_cap.or(default.frequency_cap);
            wish.quiet_hours = wish.quiet_hours.or(default.quiet_hours);
        }
        held.push(wish);
    }
    let silent = |wish: &&Preference| same(&person.preferences, &wish.scope).is_none();
    // A zone in a default is the tenant's word for those who did not speak of that scope.
    held.extend(rules.defaults.iter().filter(silent).cloned());
    let covering = held
        .into_iter()
        .filter(|wish| wish.scope.covers(of.lane.channel, of.category.as_deref()));
    covering
        .map(|wish| EffectivePreference {
            zone: wish
                .zone
                .map_or_else(|| own.clone(), |zone| zone.rules().unwrap()),
            scope: wish.scope,
            enabled: wish.enabled.unwrap_or(true),
            cap: wish.frequency_cap.value(),
            quiet: wish.quiet_hours.value(),
        })
        .collect()
}

/// Switched off, and allowed to be.
pub(crate) fn is_unwanted(
    of: &Notification,
    wishes: &[EffectivePreference],
    rules: &TenantRules,
) -> bool {
    let declared = of.category.as_deref().and_then(|name| rules.category(name));
    let may = declared.is_none_or(|category| category.may_disable);
    wishes
        .iter()
        .any(|wish| !wish.enabled && (may || wish.scope.category().is_none()))
}

pub(crate) fn is_quiet(
    of: &Notification,
    wishes: &[EffectivePreference],
    plan: &Plan,
    at: Timestamp,
) -> bool {
    let passes = of.lane.priority == Priority::Urgent && plan.global.urgent_passes_quiet_hours;
    !passes
        && wishes.iter().any(|wish| {
            wish.quiet
                .as_ref()
                .is_some_and(|hours| shows(hours, &wish.zone, at))
        })
}

pub(crate) fn is_counted(of: &Notification, plan: &Plan) -> bool {
    of.lane.priority != Priority::Urgent || !plan.global.urgent_passes_caps
}

fn shows(hours: &QuietHours, zone: &TimeZone, at: Timestamp) -> bool {
    let shown = at.to_zoned(zone.clone()).datetime();
    let counts = |day: Date| hours.days.is_empty() || hours.days.contains(&day.weekday());
    let (time, today) = (shown.time(), shown.date());
    let yesterday = today - SignedDuration::from_hours(24);
    if hours.start < hours.end {
        hours.start <= time && time < hours.end && counts(today)
    } else {
        (hours.start <= time && counts(today)) || (time < hours.end && counts(yesterday))
    }
}
