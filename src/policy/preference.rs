//! What holds for a person: their own preferences and the tenant's. What is switched off is never sent,
//! not even urgently.

use jiff::tz::TimeZone;
use serde::Serialize;

use super::local_time;
use crate::domain::preference::{QuietHours, Scope};
use crate::domain::{Notification, Preference, Reason, Recipient, TenantRules, UnknownZone, Zone};

/// A preference as it holds for one person. Every preference that covers a notification must agree to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EffectivePreference<'a> {
    /// What it is about.
    pub scope: &'a Scope,
    /// Whether anything may be sent at all.
    pub enabled: bool,
    /// Most notifications a local day; zero is none.
    pub frequency_cap: Option<u32>,
    /// Time of silence.
    pub quiet_hours: Option<&'a QuietHours>,
    /// Who said whether it is enabled; `None` when nobody did.
    pub said_by: Option<SaidBy>,
    zone: Option<&'a Zone>,
    own: Option<&'a Preference>,
    default: Option<&'a Preference>,
}

/// Whose word it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SaidBy {
    /// The person's own.
    Person,
    /// The tenant's, for all its people.
    Tenant,
}

impl<'a> EffectivePreference<'a> {
    /// Each field is the person's word, else the tenant's for the same scope.
    fn new(scope: &'a Scope, own: Option<&'a Preference>, default: Option<&'a Preference>) -> Self {
        let enabled =
            |preference: Option<&Preference>| preference.and_then(|preference| preference.enabled);
        let cap =
            |preference: Option<&Preference>| preference.map(|preference| preference.frequency_cap);
        let quiet = |preference: Option<&'a Preference>| {
            preference.map(|preference| preference.quiet_hours.as_ref())
        };
        let (enabled, said_by) = match (enabled(own), enabled(default)) {
            (Some(own), _) => (own, Some(SaidBy::Person)),
            (None, Some(default)) => (default, Some(SaidBy::Tenant)),
            (None, None) => (true, None),
        };
        Self {
            scope,
            enabled,
            said_by,
            frequency_cap: cap(own)
                .unwrap_or_default()
                .or(cap(default).unwrap_or_default())
                .value(),
            quiet_hours: quiet(own)
                .unwrap_or_default()
                .or(quiet(default).unwrap_or_default())
                .value(),
            // The person lives in their own zone, whatever the tenant's office goes by.
            zone: own
                .or(default)
                .and_then(|preference| preference.zone.as_ref()),
            own,
            default,
        }
    }

    /// Who says a thing that a preference may leave open: the person, else the tenant.
    #[must_use]
    pub fn who_said(&self, says: impl Fn(&Preference) -> bool) -> Option<SaidBy> {
        let person = self.own.filter(|own| says(own)).map(|_| SaidBy::Person);
        let tenant = || self.default.filter(|it| says(it)).map(|_| SaidBy::Tenant);
        person.or_else(tenant)
    }

    /// Whether it names a zone itself.
    #[must_use]
    pub const fn names_zone(&self) -> bool {
        self.zone.is_some()
    }

    /// The zone whose clock and calendar it goes by.
    ///
    /// # Errors
    /// When this node does not know it.
    pub fn zone(&self, recipient: &Recipient) -> Result<TimeZone, UnknownZone> {
        self.zone
            .map_or_else(|| local_time::zone_of(recipient), Zone::rules)
    }
}

/// The preferences that cover a notification: the person's, in which the tenant's default for the same
/// scope fills what they left open, and the tenant's about which the person said nothing.
///
/// They are borrowed and made as they are asked for, so that most people, who said nothing, cost
/// nothing. What is for all people of a tenant asks nobody's: each who reads it asks their own.
pub fn preferences<'a>(
    notification: &'a Notification,
    recipient: &'a Recipient,
    rules: &'a TenantRules,
) -> impl Iterator<Item = EffectivePreference<'a>> + Clone {
    let covers = move |preference: &&Preference| {
        let category = notification.category.as_deref();
        let covers = preference.scope.covers(notification.lane.channel, category);
        covers && !notification.is_for_everybody()
    };
    let said = |scope: &Scope| recipient.preferences.iter().any(|own| own.scope == *scope);
    let own = recipient.preferences.iter().filter(covers).map(|own| {
        let default = rules
            .defaults
            .iter()
            .find(|preference| preference.scope == own.scope);
        EffectivePreference::new(&own.scope, Some(own), default)
    });
    let defaults = rules.defaults.iter().filter(covers);
    let silent = defaults.filter(move |default| !said(&default.scope));
    own.chain(silent.map(|default| EffectivePreference::new(&default.scope, None, Some(default))))
}

/// Why the notification is not wanted, if so, and by which preference.
#[must_use]
pub fn switched_off<'a>(
    notification: &'a Notification,
    recipient: &'a Recipient,
    rules: &'a TenantRules,
) -> Option<(Reason, &'a Scope)> {
    let off = preferences(notification, recipient, rules).filter(|preference| !preference.enabled);
    let mut scopes = off.map(|preference| preference.scope);
    if let Some(scope) = scopes.clone().find(|scope| scope.category().is_none()) {
        return Some((Reason::ChannelDisabled, scope));
    }
    let scope = scopes.next()?;
    may_disable(notification, rules).then_some((Reason::CategoryDisabled, scope))
}

/// Whether a person may switch off this notification's category.
#[must_use]
pub fn may_disable(notification: &Notification, rules: &TenantRules) -> bool {
    let category = notification.category.as_deref();
    category
        .and_then(|name| rules.category(name))
        .is_none_or(|declared| declared.may_disable)
}

#[cfg(test)]
mod tests;
