//! How many the person had today.

use serde_json::json;

use super::Words;
use crate::domain::{Counted, OverCap, UnknownZone};
use crate::policy::frequency_cap;
use crate::policy::{Facts, Quota};

pub(super) fn frequency_cap(facts: &Facts<'_>) -> Words {
    let counters = match frequency_cap::counters(facts) {
        Ok(counters) => counters,
        Err(unknown) => return Words::new(unknown_day(&unknown), json!({ "zone": unknown.0 })),
    };
    let over_cap = frequency_cap::over_cap(facts);
    let passes = facts.global.urgent_passes_caps;
    if frequency_cap::passes(facts) {
        let inputs = json!({ "urgent_passes": passes });
        return Words::new(
            "Urgent notifications pass caps and are not counted.",
            inputs,
        );
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
    match full {
        Some(full) => Words::new(over(full), inputs).unless(would_change),
        None if counters.is_empty() => Words::new("There is no daily cap.", inputs),
        None if closed && facts.quota == Quota::Unasked => {
            Words::new("A daily cap is zero.", inputs).unless("a higher cap")
        }
        None => match facts.quota {
            Quota::Unasked => {
                let says = "Whether there is room under the daily cap is asked when it is sent.";
                Words::new(says, inputs).not_asked()
            }
            Quota::Reserved(_) => Words::new("There is room, and it is reserved.", inputs),
            Quota::Counted(_) => Words::new("There is room under every daily cap.", inputs),
        },
    }
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
