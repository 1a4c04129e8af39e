//! The phases of the load.

use super::{MOST_MESSAGES, Part};
use crate::lane::Channel;
use crate::scenario::{Phase, Scenario, Start};

pub(super) fn check_phase(scenario: &Scenario, number: usize, phase: &Phase, part: &mut Part<'_>) {
    let names_before = scenario.load.iter().take(number).map(|other| &other.name);
    part.must(
        !names_before.clone().any(|name| *name == phase.name),
        "name",
        "another phase has this name",
    );
    let one_of = phase.count.is_some() != phase.seconds.is_some();
    part.must(one_of, "count", "either count or seconds");
    part.must(
        phase
            .count
            .is_none_or(|count| (1..=MOST_MESSAGES).contains(&count)),
        "count",
        format!("1 to {MOST_MESSAGES} is allowed"),
    );
    let seconds = phase.seconds.unwrap_or(1.0);
    part.must(
        (0.1..=36_000.0).contains(&seconds),
        "seconds",
        "0.1 to 36000 is allowed",
    );
    let rate = phase.rate.unwrap_or(1.0);
    part.must(
        (0.01..=1e6).contains(&rate),
        "rate",
        "0.01 to 1000000 a second is allowed; absent is flat out",
    );
    part.must(
        seconds * rate <= MOST_MESSAGES as f64,
        "seconds",
        format!("seconds times rate is at most {MOST_MESSAGES}"),
    );
    let shares = [
        ("templates", phase.templates),
        ("expired", phase.expired),
        ("scheduled", phase.scheduled),
        ("duplicates", phase.duplicates),
    ];
    for (field, share) in shares {
        part.share(field, share);
    }
    let special = phase.expired + phase.scheduled + phase.duplicates;
    part.must(
        special <= 1.0,
        "expired",
        "expired, scheduled and duplicates together are at most 1",
    );
    let some = |weights: Option<u32>| weights.is_none_or(|sum| sum > 0);
    let positive = "the weights must add up to 1 or more";
    part.must(
        some(phase.channels.as_ref().map(|all| all.values().sum())),
        "channels",
        positive,
    );
    part.must(
        some(phase.priorities.as_ref().map(|all| all.values().sum())),
        "priorities",
        positive,
    );
    let only_mail = phase
        .channels
        .as_ref()
        .is_some_and(|all| all.keys().all(|channel| *channel == Channel::Email));
    part.must(
        !phase.equal_content || (only_mail && phase.templates == 0.0),
        "equal_content",
        "only with channels = { email = 1 } and templates = 0",
    );
    let people = phase.people.unwrap_or(1);
    part.must(
        (1..=scenario.people.count).contains(&people),
        "people",
        format!("1 to people.count ({}) is allowed", scenario.people.count),
    );
    let first = number == 0;
    part.must(
        !(first && phase.start == Start::Beside),
        "start",
        "the first phase has none to be beside",
    );
    let after_others = scenario
        .load
        .iter()
        .take(number)
        .any(|other| other.start != Start::BeforeEngine);
    part.must(
        phase.start != Start::BeforeEngine || !after_others,
        "start",
        "phases before the engine stand before the others",
    );
}
