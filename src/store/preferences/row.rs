//! From a row to a preference.

use chrono::NaiveTime;
use diesel::prelude::*;
use uuid::Uuid;

use crate::domain::preference::{QuietHours, Scope, Setting};
use crate::domain::{Channel, Preference, Zone, name, quiet_text};
use crate::store::schema::notification_schema::notification_preferences;
use crate::store::time::time_from_database;

/// A preference as it stands in the table.
#[derive(Queryable, Selectable)]
#[diesel(table_name = notification_preferences)]
pub(in crate::store) struct PreferenceRow {
    pub(in crate::store) tenant_id: Uuid,
    pub(in crate::store) user_id: Option<Uuid>,
    channel: Option<String>,
    category: Option<String>,
    enabled: Option<bool>,
    frequency_cap: Option<i32>,
    quiet_hours_start: Option<NaiveTime>,
    quiet_hours_end: Option<NaiveTime>,
    quiet_hours_days: Option<Vec<Option<String>>>,
    pub(in crate::store) timezone: Option<String>,
    no_frequency_cap: bool,
    no_quiet_hours: bool,
}

impl PreferenceRow {
    /// A preference. One for a channel that this version does not know concerns nothing that it sends.
    pub(in crate::store) fn preference(self) -> Option<Preference> {
        let channel = self
            .channel
            .as_deref()
            .map(str::parse::<Channel>)
            .transpose();
        let Ok(channel) = channel else {
            tracing::error!(user_id = ?self.user_id, channel = self.channel, "a preference has an unknown channel and is ignored");
            return None;
        };
        let days = self.quiet_hours_days.iter().flatten().flatten();
        let days = days.filter_map(|day| quiet_text::day(day)).collect();
        let quiet_hours = self
            .quiet_hours_start
            .zip(self.quiet_hours_end)
            .map(|(start, end)| QuietHours {
                start: time_from_database(start),
                end: time_from_database(end),
                days,
            });
        let cap = self.frequency_cap.and_then(|cap| u32::try_from(cap).ok());
        Some(Preference {
            // A category without a name would hide an opt-out from everything: it is none.
            scope: Scope::of(
                channel,
                self.category
                    .map(name::spelt)
                    .filter(|name| !name.is_empty()),
            ),
            enabled: self.enabled,
            frequency_cap: setting(cap, self.no_frequency_cap),
            quiet_hours: setting(quiet_hours, self.no_quiet_hours),
            zone: self.timezone.as_deref().map(zone),
        })
    }
}

/// Three states from two columns.
fn setting<T>(value: Option<T>, is_none: bool) -> Setting<T> {
    match (value, is_none) {
        (Some(value), _) => Setting::Value(value),
        (None, true) => Setting::None,
        (None, false) => Setting::Inherit,
    }
}

/// A zone by its IANA name. Names are checked at every door, so that an unknown one was written by
/// hand or is newer than our time zone data.
fn zone(name: &str) -> Zone {
    let zone = Zone::named(name);
    if let Zone::Unknown(unknown) = &zone {
        tracing::error!(
            zone = unknown.0,
            "a time zone is unknown; notifications that depend on it wait"
        );
    }
    zone
}
