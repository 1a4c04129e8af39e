//! How many the person had today.

use serde_json::json;

use super::Words;
use super::source::{RuleSource, of_scope};
use crate::domain::preference::{Scope, Setting};
use crate::domain::{Counted, OverCap, Preference, UnknownZone};
use crate::policy::{Facts, Quota, frequency_cap, preference};

pub(super) fn frequency_cap(facts: &Facts<'_>) -> Words {
    let counters = match frequency_cap::counters(facts) {
        Ok(counters) => counters,
        Err(unknown) => {
            let capped = preference::preferences(facts.notification, facts.recipient, facts.rules);
            let capped = capped.filter(|it| it.frequency_cap.is_some());
            let zones = capped.filter_map(|it| RuleSource::zone(facts, &it));
            return Words::new(unknown_day(&unknown), json!({ "zone": unknown.0 })).by(zones);
        }
    };
    let over_cap = frequency_cap::over_cap(facts);
    let passes = facts.global.urgent_passes_caps;
    if frequency_cap::passes(facts) {
        let inputs = json!({ "urgent_passes": passes });
        return Words::new(
            "Urgent notifications pass caps and are not counted.",
            inputs,
        )
        .by([
            RuleSource::setting("policy.urgent_passes_caps", passes),
            RuleSource::message("priority"),
        ]);
    }
    let counted: &[Counted] = match facts.quota {
        Quota::Counted(counted) => counted,
        Quota::Unasked | Quota::Reserved(_) => &[],
    };
    let inputs = if counted.is_empty() {
        json!({ "counters": counters, "over_cap": over_cap, "urgent_passes": passes })
    } else {
        json!({ "counters": counted, "over_cap": over_cap, "urgent_passes": passes })
    };
    let would_change = match (over_cap, passes) {
        (OverCap::Cancel, true) => "a higher cap, the next day, or the priority `urgent`",
        (OverCap::Cancel, false) => "a higher cap, or the next day",
        (OverCap::Defer, true) => "the next day, or the priority `urgent`",
        (OverCap::Defer, false) => "the next day",
    };
    let full = counted.iter().find(|counted| !counted.has_room());
    let closed = counters.iter().any(|counter| counter.cap == 0);
    let caps = counters.iter().filter_map(|it| cap(facts, &it.scope));
    match full {
        Some(full) => Words::new(over(full), inputs)
            .by(cap(facts, &full.counter.scope))
            .by(RuleSource::category(facts, "over_cap"))
            .unless(would_change),
        None if counters.is_empty() => Words::new("There is no daily cap.", inputs),
        None if closed && facts.quota == Quota::Unasked => {
            let zero = counters.iter().filter(|counter| counter.cap == 0);
            Words::new("A daily cap is zero.", inputs)
                .by(zero.filter_map(|it| cap(facts, &it.scope)))
                .unless("a higher cap")
        }
        None => match facts.quota {
            Quota::Unasked => {
                let says = "Whether there is room under the daily cap is asked when it is sent.";
                Words::new(says, inputs).not_asked()
            }
            Quota::Reserved(_) => Words::new("There is room, and it is reserved.", inputs).by(caps),
            Quota::Counted(_) => {
                Words::new("There is room under every daily cap.", inputs).by(caps)
            }
        },
    }
}

/// The preference that says a cap.
fn cap(facts: &Facts<'_>, scope: &Scope) -> Option<RuleSource> {
    let says = |it: &Preference| it.frequency_cap != Setting::Inherit;
    RuleSource::preference(&of_scope(facts, scope)?, "frequency_cap", says)
}

fn unknown_day(unknown: &UnknownZone) -> String {
    format!("{unknown}, so that nobody can say which day it is there.")
}

fn over(full: &Counted) -> String {
    let Counted { counter, count } = full;
    format!(
        "{count} were counted for `{}` on {}; the cap is {}.",
        counter.scope, counter.day, counter.cap
    )
}
