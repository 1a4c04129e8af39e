//! Every policy that the engine knows, switched on for everybody, and none that stops a message of
//! the load: what is measured is the price of asking.

use chrono::{DateTime, Datelike, Days, Utc};
use serde::Serialize;

use crate::lane::Channel;
use crate::population::{Person, people};

/// Addresses on the suppression list; nobody's of the load.
const SUPPRESSED: u32 = 10_000;
/// More than anybody gets of a load, so that counting is all it does.
const CAP: u32 = 1_000;

/// The tables of the seed file that hold policies.
#[derive(Serialize)]
pub(super) struct Policies {
    categories: Vec<Category>,
    preferences: Vec<Preference>,
    suppressions: Vec<Suppression>,
}

#[derive(Serialize)]
struct Category {
    name: &'static str,
    may_disable: bool,
    over_cap: &'static str,
    on_unknown: &'static str,
}

#[derive(Serialize)]
struct Preference {
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    category: Option<&'static str>,
    enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    frequency_cap: Option<u32>,
    #[serde(flatten)]
    quiet_hours: Option<QuietHours>,
}

#[derive(Clone, Copy, Serialize)]
struct QuietHours {
    quiet_hours_start: &'static str,
    quiet_hours_end: &'static str,
    quiet_hours_days: [&'static str; 1],
}

#[derive(Serialize)]
struct Suppression {
    channel: &'static str,
    address: String,
    reason: &'static str,
}

impl Policies {
    pub(super) fn for_people(users: u32, now: DateTime<Utc>) -> Self {
        let quiet_hours = Some(night_of_another_day(now));
        let default = Preference {
            user_id: None,
            channel: Some("all"),
            category: None,
            enabled: true,
            frequency_cap: Some(CAP),
            quiet_hours,
        };
        let mut preferences = vec![default];
        preferences.extend(people(users).flat_map(|person| wishes(person, quiet_hours)));
        Self {
            categories: vec![Category {
                name: "orders",
                may_disable: true,
                over_cap: "cancel",
                on_unknown: "retry",
            }],
            preferences,
            suppressions: (0..SUPPRESSED).map(suppression).collect(),
        }
    }
}

/// A cap and quiet hours for each channel, and a word about a category.
fn wishes(person: Person, quiet_hours: Option<QuietHours>) -> impl Iterator<Item = Preference> {
    let user_id = Some(person.id().to_string());
    let by_channel = Channel::ALL.into_iter().map({
        let user_id = user_id.clone();
        move |channel| Preference {
            user_id: user_id.clone(),
            channel: Some(channel.name()),
            category: None,
            enabled: true,
            frequency_cap: Some(CAP),
            quiet_hours,
        }
    });
    by_channel.chain([Preference {
        user_id,
        channel: None,
        category: Some("orders"),
        enabled: true,
        frequency_cap: None,
        quiet_hours: None,
    }])
}

/// A night that begins on a day that is not now, yesterday or tomorrow anywhere on earth.
fn night_of_another_day(now: DateTime<Utc>) -> QuietHours {
    let day = now.date_naive() + Days::new(3);
    let word = match day.weekday() {
        chrono::Weekday::Mon => "mon",
        chrono::Weekday::Tue => "tue",
        chrono::Weekday::Wed => "wed",
        chrono::Weekday::Thu => "thu",
        chrono::Weekday::Fri => "fri",
        chrono::Weekday::Sat => "sat",
        chrono::Weekday::Sun => "sun",
    };
    QuietHours {
        quiet_hours_start: "22:00",
        quiet_hours_end: "07:00",
        quiet_hours_days: [word],
    }
}

fn suppression(number: u32) -> Suppression {
    Suppression {
        channel: "email",
        address: format!("bounced-{number}@example.net"),
        reason: "hard_bounce",
    }
}
