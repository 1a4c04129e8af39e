//! What the clock on the person's wall shows.

use jiff::civil::{Time, Weekday};
use serde_json::{Value, json};

use super::Words;
use super::source::{RuleSource, of_scope};
use crate::domain::preference::Setting;
use crate::domain::{Preference, UnknownZone};
use crate::policy::quiet_hours::{self, Window};
use crate::policy::{Facts, preference};

pub(super) fn hours(facts: &Facts<'_>) -> Words {
    let windows = match quiet_hours::windows(facts) {
        Ok(windows) => windows,
        Err(unknown) => return unknown_clock(&unknown, facts),
    };
    let inputs = json!({
        "windows": windows.iter().map(|window| shown(window, facts)).collect::<Vec<_>>(),
        "urgent_passes": facts.global.urgent_passes_quiet_hours,
    });
    if windows.is_empty() {
        return Words::new("There are no quiet hours.", inputs);
    }
    if quiet_hours::passes(facts) {
        return Words::new("Urgent notifications pass quiet hours.", inputs).by(urgent(facts));
    }
    match quiet_hours::quiet_until(&windows, facts.now) {
        None => {
            let sources = windows.iter().flat_map(|window| sources(window, facts));
            Words::new("It is outside of quiet hours.", inputs).by(sources)
        }
        Some(end) => {
            let open = windows.iter().find(|window| is_open(window, facts));
            let sources = open.into_iter().flat_map(|it| sources(it, facts));
            let says = match open {
                Some(window) => format!(
                    "It is {} in {}, within the quiet hours of `{}` that end at {end}.",
                    clock(window, facts),
                    zone(window),
                    window.scope
                ),
                None => format!("It is quiet until {end}."),
            };
            let words = Words::new(says, inputs).by(sources).by([spread(facts)]);
            if facts.global.urgent_passes_quiet_hours {
                words.unless("the end of quiet hours, or the priority `urgent`")
            } else {
                words.unless("the end of quiet hours")
            }
        }
    }
}

fn unknown_clock(unknown: &UnknownZone, facts: &Facts<'_>) -> Words {
    let inputs = json!({ "zone": unknown.0 });
    if quiet_hours::passes(facts) {
        return Words::new("Urgent notifications pass quiet hours.", inputs).by(urgent(facts));
    }
    let says = format!("{unknown}, so that nobody can say that it is not quiet there.");
    let quiet = preference::preferences(facts.notification, facts.recipient, facts.rules);
    let quiet = quiet.filter(|it| it.quiet_hours.is_some() && it.zone(facts.recipient).is_err());
    let zones = quiet.filter_map(|it| RuleSource::zone(facts, &it));
    let words = Words::new(says, inputs).by(zones);
    words.unless("a zone that is known, in the preference or of the person")
}

/// The preference of a window, and whose clock it goes by.
fn sources(window: &Window<'_>, facts: &Facts<'_>) -> Vec<RuleSource> {
    let Some(of) = of_scope(facts, window.scope) else {
        return vec![];
    };
    let says = |it: &Preference| it.quiet_hours != Setting::Inherit;
    let hours = RuleSource::preference(&of, "quiet_hours_start", says);
    hours
        .into_iter()
        .chain(RuleSource::zone(facts, &of))
        .collect()
}

fn urgent(facts: &Facts<'_>) -> [RuleSource; 2] {
    let passes = facts.global.urgent_passes_quiet_hours;
    [
        RuleSource::setting("policy.urgent_passes_quiet_hours", passes),
        RuleSource::message("priority"),
    ]
}

/// What waits for the end of silence is let go spread out.
fn spread(facts: &Facts<'_>) -> RuleSource {
    let seconds = facts.global.release_spread.as_secs();
    RuleSource::setting("policy.release_spread", format!("{seconds}s"))
}

fn shown(window: &Window<'_>, facts: &Facts<'_>) -> Value {
    let days: Vec<&str> = window.hours.days.iter().map(|day| name(*day)).collect();
    json!({
        "scope": window.scope,
        "start": window.hours.start.strftime("%H:%M").to_string(),
        "end": end(window),
        "days": days,
        "zone": zone(window),
        "local_time": clock(window, facts),
        "open_until": window.open_until(facts.now),
    })
}

/// A day ends at 24:00, as people write it.
fn end(window: &Window<'_>) -> String {
    if window.hours.end == Time::midnight() {
        return "24:00".to_owned();
    }
    window.hours.end.strftime("%H:%M").to_string()
}

fn is_open(window: &Window<'_>, facts: &Facts<'_>) -> bool {
    window.open_until(facts.now).is_some()
}

fn clock(window: &Window<'_>, facts: &Facts<'_>) -> String {
    let shown = window.zone.to_datetime(facts.now);
    shown.strftime("%Y-%m-%d %H:%M").to_string()
}

fn zone(window: &Window<'_>) -> String {
    window
        .zone
        .iana_name()
        .unwrap_or("a fixed offset")
        .to_owned()
}

const fn name(day: Weekday) -> &'static str {
    match day {
        Weekday::Monday => "mon",
        Weekday::Tuesday => "tue",
        Weekday::Wednesday => "wed",
        Weekday::Thursday => "thu",
        Weekday::Friday => "fri",
        Weekday::Saturday => "sat",
        Weekday::Sunday => "sun",
    }
}
