//! `[[preferences]]`

use std::str::FromStr;

use jiff::civil::{Time, Weekday};
use uuid::Uuid;

use super::fields::EntryFields;
use super::template::CHANNELS;
use crate::config::document::Value;
use crate::domain::preference::{Scope, Setting};
use crate::domain::{Channel, field, limits, quiet_text};

/// What somebody wants of some of what may be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclaredPreference {
    /// The person; `None` is the tenant's default for all its people.
    pub user_id: Option<Uuid>,
    /// The tenant.
    pub tenant_id: Uuid,
    /// What the preference is about.
    pub scope: Scope,
    /// Whether anything may be sent at all; `None` leaves it to the tenant's default.
    pub enabled: Option<bool>,
    /// Most notifications a local day.
    pub frequency_cap: Setting<u32>,
    /// Start and end of the time of silence.
    pub quiet_hours: Setting<(Time, Time)>,
    /// Days on which a window starts; empty means every day.
    pub quiet_hours_days: Vec<Weekday>,
    /// IANA time zone name; `None` is the person's own, else UTC.
    pub timezone: Option<String>,
}

pub(super) fn read(fields: &mut EntryFields) -> Option<DeclaredPreference> {
    let user_id = fields.uuid("user_id");
    // One that cannot be read must not turn a person's preference into everybody's.
    let is_readable = user_id.is_some() || !fields.has("user_id");
    let tenant_id = fields.tenant();
    let scope = scope(fields);
    let enabled = fields.has("enabled").then(|| fields.flag("enabled"));
    let frequency_cap = frequency_cap(fields);
    let quiet_hours = quiet_hours(fields);
    let quiet_hours_days = days(fields);
    refuse_silence_without_end(fields, quiet_hours, &quiet_hours_days);
    let timezone = fields.fit("timezone", field::timezone);
    is_readable.then_some(())?;
    Some(DeclaredPreference {
        user_id,
        tenant_id,
        scope: scope?,
        enabled,
        frequency_cap,
        quiet_hours,
        quiet_hours_days,
        timezone,
    })
}

/// What `channel` may say here: one, or all of them.
enum PreferenceChannels {
    All,
    One(Channel),
}

impl FromStr for PreferenceChannels {
    type Err = <Channel as FromStr>::Err;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        match word {
            "all" => Ok(Self::All),
            word => word.parse().map(Self::One),
        }
    }
}

fn scope(fields: &mut EntryFields) -> Option<Scope> {
    let has_category = fields.get("category").is_some();
    if fields.get("channel").is_none() {
        if !has_category {
            let choices = "a channel, a category, both, or channel = \"all\"";
            return fields.refuse_with("", "names neither a channel nor a category", choices);
        }
        return category(fields).map(Scope::Category);
    }
    let channels = fields.word("channel", &format!("all, {CHANNELS}"));
    match (channels, has_category) {
        (None, _) => None,
        (Some(PreferenceChannels::All), true) => {
            let problem = "stands beside channel = \"all\"; leave the channel out";
            fields.refuse("category", problem)
        }
        (Some(PreferenceChannels::All), false) => Some(Scope::All),
        (Some(PreferenceChannels::One(channel)), false) => Some(Scope::Channel(channel)),
        (Some(PreferenceChannels::One(channel)), true) => {
            category(fields).map(|category| Scope::ChannelCategory(channel, category))
        }
    }
}

fn category(fields: &mut EntryFields) -> Option<String> {
    fields.fit("category", field::category)
}

fn frequency_cap(fields: &mut EntryFields) -> Setting<u32> {
    if is_none(fields, "frequency_cap") {
        return Setting::None;
    }
    let unit = "a day: each that is sent stands in one row until the day is over; or \"none\"";
    let cap = fields.integer("frequency_cap", 0..=limits::FREQUENCY_CAP, unit);
    cap.map_or(Setting::Inherit, Setting::Value)
}

/// Whether a key says that there is none.
fn is_none(fields: &mut EntryFields, key: &'static str) -> bool {
    let said = fields.get(key);
    said.is_some_and(|node| matches!(node.value, Value::Text(text) if text == "none"))
}

fn quiet_hours(fields: &mut EntryFields) -> Setting<(Time, Time)> {
    let key = "quiet_hours";
    let hours = window(fields);
    match fields.get(key) {
        None => hours.map_or(Setting::Inherit, Setting::Value),
        Some(_) if !is_none(fields, key) => {
            let allowed = "\"none\"; a window is quiet_hours_start and quiet_hours_end";
            fields.report_with(key, "is not known", allowed);
            Setting::Inherit
        }
        Some(_) => {
            if fields.has("quiet_hours_start") || fields.has("quiet_hours_end") {
                fields.report(key, "stands beside quiet_hours_start or quiet_hours_end");
            }
            Setting::None
        }
    }
}

fn window(fields: &mut EntryFields) -> Option<(Time, Time)> {
    let start = time(fields, "quiet_hours_start", quiet_text::start);
    let end = time(fields, "quiet_hours_end", quiet_text::end);
    match (start, end) {
        (None, None) => None,
        (Some(start), Some(end)) => Some((start?, end?)),
        (Some(_), None) => fields.refuse("quiet_hours_start", "stands without quiet_hours_end"),
        (None, Some(_)) => fields.refuse("quiet_hours_end", "stands without quiet_hours_start"),
    }
}

/// `None` when absent, `Some(None)` when wrong. Quoted or as TOML's own time.
fn time(
    fields: &mut EntryFields,
    key: &'static str,
    read: fn(&str) -> Option<Time>,
) -> Option<Option<Time>> {
    let text = match fields.get(key)?.value {
        Value::Text(text) => text,
        Value::Time(text) => text.strip_suffix(":00").unwrap_or(&text).to_owned(),
        other => return Some(fields.wrong_type(key, "a time", &other)),
    };
    let parsed = read(&text);
    Some(parsed.or_else(|| fields.refuse_with(key, "is not a time of day", quiet_text::TIMES)))
}

/// A window that lasts until the same time of the next day, on every day, never ends.
fn refuse_silence_without_end(
    fields: &mut EntryFields,
    hours: Setting<(Time, Time)>,
    days: &[Weekday],
) {
    if quiet_text::never_ends(hours.value(), days) {
        fields.report("quiet_hours_end", quiet_text::WITHOUT_END);
    }
}

fn days(fields: &mut EntryFields) -> Vec<Weekday> {
    let key = "quiet_hours_days";
    let mut days = Vec::new();
    let words = fields.texts(key);
    for word in &words {
        match quiet_text::day(word) {
            Some(day) if days.contains(&day) => {
                fields.report(key, format!("\"{word}\" stands twice"));
            }
            Some(day) => days.push(day),
            None => {
                let allowed = quiet_text::DAYS.map(|(name, _)| name).join(", ");
                let shown: String = word.chars().take(64).collect();
                let problem = format!("\"{shown}\" is not a day");
                fields.report_with(key, problem, allowed);
            }
        }
    }
    if !words.is_empty() && !fields.has("quiet_hours_start") && !fields.has("quiet_hours_end") {
        fields.report(key, "stands without quiet_hours_start and quiet_hours_end");
    }
    days
}
