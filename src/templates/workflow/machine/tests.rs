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
fn answers_to_a_mail_go_where_the_event_says_if_it_says_so() {
    let send = |reply_to: &str| json!([{ "send": { "channel": "email", "template": "t", "reply_to": reply_to } }]);
    let asked = |data: Value| {
        let decided = decided(send("data.reply_to"), 0, &told(data));
        match decided {
            StepDecision::Send(order) => Ok(order.reply_to),
            other => Err(ended(&other)),
        }
    };
    assert_eq!(
        asked(json!({ "reply_to": "a@b.c" })),
        Ok(Some("a@b.c".to_owned()))
    );
    assert_eq!(asked(json!({})), Ok(None));
    assert_eq!(asked(json!({ "reply_to": null })), Ok(None));
    assert!(asked(json!({ "reply_to": 1 })).is_err());
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

/// What a throttle asks of whoever counts.
fn asked(steps: Value) -> super::super::step::ThrottleAsk {
    let definition = json!({"name": "w 1", "on": "a", "recipients": ["data.who"], "steps": steps});
    let workflow = read(definition.as_object().unwrap()).unwrap();
    let mut moves = workflow.moves.iter();
    let at = moves.position(|it| matches!(it.deed, Deed::Throttle(_)));
    let told = told(json!({"k": 7}));
    let facts = StepFacts {
        known: &told.known,
        person: Some(&TimeZone::UTC),
        reached: &told.reached,
        items: None,
        admitted: None,
    };
    match decide(&workflow, at.unwrap(), &facts, now()) {
        StepDecision::Ask(ask) => ask,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_throttle_counts_on_when_a_step_is_put_before_it() {
    let send = json!({"send": {"channel": "in_app", "template": "t"}});
    let throttle = json!({"throttle": {"at_most": 1, "per": "1d", "key": "data.k"}});
    let named = json!({"name": "few", "throttle": {"at_most": 1, "per": "1d"}});
    let other = json!({"throttle": {"at_most": 9, "per": "1h"}, "when": "false"});
    let alone = asked(json!([throttle, send]));
    assert_eq!(alone, asked(json!([send, throttle, send])));
    assert_eq!(alone.key, "7");
    let by_name = asked(json!([named, send]));
    assert_ne!(by_name.scope, alone.scope);
    assert_eq!(by_name.scope, asked(json!([send, named, send])).scope);
    // Two of one workflow never count together.
    let workflow = workflow(json!([other, throttle, send]));
    let scopes: Vec<_> = workflow
        .moves
        .iter()
        .filter_map(|it| match &it.deed {
            Deed::Throttle(rule) => Some(rule.scope.clone()),
            _ => None,
        })
        .collect();
    let [first, second] = &scopes[..] else {
        panic!("{scopes:?}")
    };
    assert_ne!(first, second);
}

/// A workflow that counts by the hour has let one that counts by the day begin anew each hour.
#[test]
fn limits_of_a_category_count_together_by_the_time_over_which_they_count() {
    let of = |per: &str, at_most: u32| {
        let rule = json!({"at_most": at_most, "per": per, "category": "news"});
        asked(json!([{"throttle": rule}])).scope
    };
    assert_eq!(of("1d", 5), of("1d", 3));
    assert_eq!(of("1d", 5), of("24h", 5));
    assert_ne!(of("1d", 5), of("1h", 2));
}
