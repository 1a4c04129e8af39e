use std::collections::HashSet;

use serde_json::{Map, json};

use super::super::definition::Reached;
use super::super::reading::read;
use super::*;
use crate::domain::Channel;

fn now() -> Timestamp {
    "2026-11-30T10:00:00Z".parse().unwrap()
}

fn workflow(steps: Value) -> Workflow {
    let definition = json!({"name": "w", "on": "a", "recipients": ["data.who"], "steps": steps});
    read(definition.as_object().unwrap()).unwrap()
}

fn known(data: Value) -> Map<String, Value> {
    let known = json!({"event": {"type": "a"}, "data": data, "recipient": {"id": "u"}});
    known.as_object().unwrap().clone()
}

struct GivenFacts {
    known: Map<String, Value>,
    reached: HashSet<(usize, Reached)>,
    items: Option<u64>,
    admitted: Option<bool>,
}

fn told(data: Value) -> GivenFacts {
    GivenFacts {
        known: known(data),
        reached: HashSet::new(),
        items: None,
        admitted: None,
    }
}

fn decided(steps: Value, at: usize, told: &GivenFacts) -> StepDecision {
    let facts = StepFacts {
        known: &told.known,
        person: Some(&TimeZone::UTC),
        reached: &told.reached,
        items: told.items,
        admitted: told.admitted,
    };
    decide(&workflow(steps), at, &facts, now())
}

fn ended(decision: &StepDecision) -> Option<RunEnd> {
    match decision {
        StepDecision::End { end, .. } => Some(*end),
        _ => None,
    }
}

#[test]
fn each_wrong_thing_is_an_end_that_says_so() {
    let send =
        json!({"send": {"channel": "in_app", "template": "t", "variables": {"n": "data.n"}}});
    for (steps, data, end) in [
        (json!([send]), json!({}), RunEnd::ExpressionFailed),
        (
            json!([{"digest": {"for": "1m", "key": "data.k"}}, send]),
            json!({"k": null}),
            RunEnd::NullKey,
        ),
        (
            json!([{"digest": {"for": "1m", "key": "data.k"}}, send]),
            json!({}),
            RunEnd::ExpressionFailed,
        ),
        (
            json!([{"delay": {"until": "data.t"}}]),
            json!({}),
            RunEnd::DelayInvalid,
        ),
        (
            json!([{"delay": {"until": "data.t"}}]),
            json!({"t": "tomorrow"}),
            RunEnd::DelayInvalid,
        ),
        (
            json!([{"delay": {"until": "data.t"}}]),
            json!({"t": 7}),
            RunEnd::DelayInvalid,
        ),
        (
            json!([{"delay": {"until": "data.t"}}]),
            json!({"t": "2028-01-01T00:00:00Z"}),
            RunEnd::DelayTooLong,
        ),
        (
            json!([{"condition": {"when": "data.x > 1"}}]),
            json!({"x": 1}),
            RunEnd::Condition,
        ),
        (
            json!([{"condition": {"when": "data.x > 1"}}]),
            json!({}),
            RunEnd::ExpressionFailed,
        ),
        (json!([{"stop": true}]), json!({}), RunEnd::Stopped),
    ] {
        let decision = decided(steps.clone(), 0, &told(data));
        assert_eq!(ended(&decision), Some(end), "{steps}: {decision:?}");
    }
    let nobody = StepFacts {
        person: None,
        known: &known(json!({})),
        reached: &HashSet::new(),
        items: None,
        admitted: None,
    };
    let decision = decide(&workflow(json!([{"stop": true}])), 0, &nobody, now());
    assert_eq!(ended(&decision), Some(RunEnd::UnknownUser));
    assert_eq!(
        ended(&decided(json!([send]), 1, &told(json!({"n": 1})))),
        Some(RunEnd::Completed)
    );
}

#[test]
fn a_time_that_has_passed_goes_on_now_and_one_ahead_waits() {
    let steps = json!([{"delay": {"until": "data.t"}}, {"stop": true}]);
    let decision = decided(
        steps.clone(),
        0,
        &told(json!({"t": "2020-01-01T00:00:00Z"})),
    );
    assert!(
        matches!(decision, StepDecision::GoOn { to: 1, note: Some(note) } if note.words.contains("has passed"))
    );
    let ahead = "2026-12-01T00:00:00+02:00";
    let decision = decided(steps, 0, &told(json!({"t": ahead})));
    assert!(
        matches!(decision, StepDecision::WaitUntil { at, to: 1, .. } if at == ahead.parse().unwrap())
    );
    let decision = decided(
        json!([{"delay": {"at": "09:00", "zone": "Asia/Tokyo"}}]),
        0,
        &told(json!({})),
    );
    let right = "2026-12-01T00:00:00Z".parse().unwrap();
    assert!(matches!(decision, StepDecision::WaitUntil { at, .. } if at == right));
}

#[test]
fn what_was_read_ends_a_wait_and_leaves_out_a_channel() {
    let steps = json!([
        {"send": {"channel": "in_app", "template": "t"}},
        {"wait": {"for": "10m", "unless": "read"}},
        {"send": {"channel": "email", "template": "t", "unless": "seen"}},
    ]);
    let mut facts = told(json!({}));
    assert!(
        matches!(decided(steps.clone(), 0, &facts), StepDecision::Send(order) if order.channel == Channel::InApp)
    );
    assert!(matches!(
        decided(steps.clone(), 1, &facts),
        StepDecision::WaitUntil { to: 2, .. }
    ));
    assert!(matches!(
        decided(steps.clone(), 2, &facts),
        StepDecision::GoOn { to: 3, .. }
    ));
    facts.reached.insert((0, Reached::Seen));
    assert!(matches!(
        decided(steps.clone(), 2, &facts),
        StepDecision::GoOn { to: 3, .. }
    ));
    assert!(matches!(
        decided(steps.clone(), 3, &facts),
        StepDecision::GoOn {
            to: 4,
            note: Some(_)
        }
    ));
    facts.reached.insert((0, Reached::Read));
    assert_eq!(ended(&decided(steps, 2, &facts)), Some(RunEnd::Reached));
}

#[test]
fn a_throttle_is_asked_first() {
    let steps = json!([{"throttle": {"at_most": 2, "per": "1h", "key": "data.k"}}]);
    let mut facts = told(json!({"k": 5}));
    let StepDecision::Ask(ask) = decided(steps.clone(), 0, &facts) else {
        panic!()
    };
    assert_eq!((ask.key.as_str(), ask.at_most), ("5", 2));
    facts.admitted = Some(true);
    assert!(matches!(
        decided(steps.clone(), 0, &facts),
        StepDecision::GoOn { to: 1, note: None }
    ));
    facts.admitted = Some(false);
    assert_eq!(ended(&decided(steps, 0, &facts)), Some(RunEnd::Throttled));
}

#[test]
fn a_digest_has_its_end_and_an_empty_one_sends_nothing() {
    let steps = json!([{"digest": {"for": "1m", "sliding": true, "longest": "5m", "close_at": 9}},
        {"send": {"channel": "email", "template": "t"}}]);
    let mut facts = told(json!({}));
    let StepDecision::Join(ask) = decided(steps.clone(), 0, &facts) else {
        panic!()
    };
    assert_eq!(ask.closes_at, "2026-11-30T10:01:00Z".parse().unwrap());
    assert_eq!(ask.closes_by, "2026-11-30T10:05:00Z".parse().unwrap());
    assert!(ask.is_sliding && ask.most == Some(9) && ask.slot == "#1");
    facts.items = Some(0);
    assert_eq!(ended(&decided(steps, 1, &facts)), Some(RunEnd::NothingLeft));
}
