//! What a scenario may not say although it can be read.

use std::collections::HashSet;

use super::{Event, Expect, Figure, Mistake, Scenario};
use crate::simulator::Provider;

mod phase;

use phase::check_phase;

/// The most phases of one load: their messages are numbered apart.
pub(crate) const MOST_PHASES: usize = 16;
/// The most messages of one phase.
pub(crate) const MOST_MESSAGES: u64 = 1 << 24;

/// The mistakes of one part of the file.
struct Part<'a> {
    key: String,
    mistakes: &'a mut Vec<Mistake>,
}

impl Part<'_> {
    fn must(&mut self, right: bool, field: &str, problem: impl Into<String>) {
        if !right {
            let key = [self.key.as_str(), field]
                .into_iter()
                .filter(|part| !part.is_empty());
            let key = key.collect::<Vec<_>>().join(".");
            self.mistakes.push(Mistake::new(&key, &problem.into()));
        }
    }

    fn share(&mut self, field: &str, share: f64) {
        self.must(
            (0.0..=1.0).contains(&share),
            field,
            format!("{share} is no share: 0 to 1 is allowed"),
        );
    }
}

pub(super) fn check(scenario: &Scenario, mistakes: &mut Vec<Mistake>) {
    check_whole(
        scenario,
        &mut Part {
            key: String::new(),
            mistakes,
        },
    );
    for (number, preference) in scenario.people.preferences.iter().enumerate() {
        let key = format!("people.preferences[{number}]");
        let mut part = Part { key, mistakes };
        part.share("share", preference.share);
        let quiet = preference.quiet_for_seconds.unwrap_or(1.0);
        part.must(
            (1.0..=36_000.0).contains(&quiet),
            "quiet_for_seconds",
            "1 to 36000 is allowed",
        );
    }
    for (provider, setup) in scenario.providers.iter() {
        let mut part = Part {
            key: format!("providers.{provider}"),
            mistakes,
        };
        behaves(&mut part, "behaviour", &setup.behaviour);
        part.must(
            setup.rate_limit != Some(0),
            "rate_limit",
            "1 or more is allowed; absent is no limit",
        );
        part.must(
            setup.batch_size.is_none() || provider == Provider::SendGrid,
            "batch_size",
            "only SendGrid takes several messages in one request",
        );
    }
    for (number, phase) in scenario.load.iter().enumerate() {
        check_phase(
            scenario,
            number,
            phase,
            &mut Part {
                key: format!("load[{number}]"),
                mistakes,
            },
        );
    }
    let known: HashSet<_> = scenario
        .engine
        .nodes
        .iter()
        .chain(
            scenario
                .event
                .iter()
                .filter_map(|event| event.start.as_ref()),
        )
        .collect();
    for (number, event) in scenario.event.iter().enumerate() {
        check_event(
            scenario,
            event,
            &known,
            &mut Part {
                key: format!("event[{number}]"),
                mistakes,
            },
        );
    }
    for (number, expect) in scenario.expect.iter().enumerate() {
        check_expect(
            scenario,
            expect,
            &mut Part {
                key: format!("expect[{number}]"),
                mistakes,
            },
        );
    }
}

fn check_whole(scenario: &Scenario, part: &mut Part<'_>) {
    part.must(
        !scenario.about.trim().is_empty(),
        "about",
        "one sentence that says what it shows",
    );
    part.must(
        (1..=1_000_000).contains(&scenario.people.count),
        "people.count",
        "1 to 1000000 is allowed",
    );
    part.must(
        (1..=1_000).contains(&scenario.people.tenants),
        "people.tenants",
        "1 to 1000 is allowed",
    );
    let phases = scenario.load.len();
    part.must(
        (1..=MOST_PHASES).contains(&phases),
        "load",
        format!("1 to {MOST_PHASES} phases are allowed"),
    );
    part.must(
        !scenario.expect.is_empty(),
        "expect",
        "a scenario needs one interval at least",
    );
    let patience = scenario.patience_seconds;
    part.must(
        (1.0..=3_600.0).contains(&patience),
        "patience_seconds",
        "1 to 3600 is allowed",
    );
    let nodes = &scenario.engine.nodes;
    part.must(!nodes.is_empty(), "engine.nodes", "one name at least");
    let distinct: HashSet<_> = nodes.iter().collect();
    part.must(
        distinct.len() == nodes.len(),
        "engine.nodes",
        "each name once",
    );
    let file_name = |name: &String| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    part.must(
        nodes.iter().all(file_name),
        "engine.nodes",
        "letters, digits and - are allowed: they name log files",
    );
}

fn check_event(scenario: &Scenario, event: &Event, nodes: &HashSet<&String>, part: &mut Part<'_>) {
    part.must(
        (0.0..=36_000.0).contains(&event.at_seconds),
        "at_seconds",
        "0 to 36000 is allowed",
    );
    part.must(
        !event.words().is_empty(),
        "",
        "it does nothing: kill, stop, start, behave or label is wanted",
    );
    check_phase_name(scenario, "phase", event.phase.as_ref(), part);
    for node in event.nodes() {
        part.must(
            nodes.contains(node),
            "kill",
            format!("there is no node {node:?} in engine.nodes"),
        );
    }
    for (provider, behaviour) in event.behave.iter() {
        behaves(part, &format!("behave.{provider}"), behaviour);
    }
}

fn behaves(part: &mut Part<'_>, field: &str, behaviour: &crate::simulator::Behaviour) {
    if let Err(problem) = behaviour.clone().checked() {
        part.must(false, field, problem);
    }
}

fn check_phase_name(
    scenario: &Scenario,
    field: &str,
    wanted: Option<&String>,
    part: &mut Part<'_>,
) {
    let names: Vec<_> = scenario
        .load
        .iter()
        .map(|phase| phase.name.as_str())
        .collect();
    if let Some(wanted) = wanted {
        let problem = format!(
            "there is no phase {wanted:?}: {} are there",
            names.join(", ")
        );
        part.must(names.contains(&wanted.as_str()), field, problem);
    }
}

fn check_expect(scenario: &Scenario, expect: &Expect, part: &mut Part<'_>) {
    check_phase_name(scenario, "phase", expect.phase.as_ref(), part);
    check_phase_name(scenario, "against", expect.against.as_ref(), part);
    let bounded = expect.at_least.is_some() || expect.at_most.is_some();
    part.must(bounded, "at_most", "at_least or at_most is wanted");
    let ordered = expect.at_least.unwrap_or(f64::MIN) <= expect.at_most.unwrap_or(f64::MAX);
    part.must(ordered, "at_least", "is above at_most");
    let limited = |provider| {
        scenario
            .providers
            .get(provider)
            .is_some_and(|setup| setup.rate_limit.is_some())
    };
    part.must(
        expect.figure != Figure::Overshoot
            || expect
                .provider
                .as_ref()
                .is_some_and(|provider| limited(*provider)),
        "provider",
        "overshoot is of a provider that has a rate_limit in [providers]",
    );
    let by_rows = expect.status.is_some() || expect.reason.is_some();
    part.must(
        !by_rows || expect.figure == Figure::Rows,
        "status",
        "status and reason are for the figure rows",
    );
    part.must(
        expect.figure != Figure::Rows || expect.phase.is_none(),
        "phase",
        "rows are counted for the whole run only",
    );
}
