//! A run that is only tried: what would be done and when, if nobody saw any of it and nothing else happened.

use std::collections::HashSet;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};

use super::definition::{Deed, Workflow};
use super::machine::decide;
use super::step::{RunNote, SendOrder, StepDecision, StepFacts};
use crate::domain::RunEnd;

/// A step that would be done.
#[derive(Debug, Clone, PartialEq)]
pub struct TrialStep {
    /// When.
    pub at: Timestamp,
    /// Which step, for people.
    pub step: String,
    /// What would happen, in words.
    pub words: String,
    /// What would be sent.
    pub send: Option<Box<SendOrder>>,
}

/// A run from its begin to its end.
#[derive(Debug, Clone, PartialEq)]
pub struct Trial {
    /// What would be done, in its order.
    pub steps: Vec<TrialStep>,
    /// How it would end.
    pub end: RunEnd,
}

/// A run under way.
struct Trying<'a> {
    workflow: &'a Workflow,
    known: Map<String, Value>,
    now: Timestamp,
    at: usize,
    items: Option<u64>,
    admitted: Option<bool>,
    steps: Vec<TrialStep>,
}

/// Tries a run for somebody in this zone, who does not exist without one: of the event that is `known`, from `now` on.
/// Nobody reads anything, throttles have room, and a digest gathers this event alone.
#[must_use]
pub fn trial(
    workflow: &Workflow,
    known: Map<String, Value>,
    zone: Option<&TimeZone>,
    now: Timestamp,
) -> Trial {
    let mut trying = Trying {
        workflow,
        known,
        now,
        at: 0,
        items: None,
        admitted: None,
        steps: vec![],
    };
    // Each move is decided once, a throttle twice.
    for _ in 0..=workflow.moves.len() * 2 {
        if let Some(end) = trying.step(zone) {
            return Trial {
                steps: trying.steps,
                end,
            };
        }
    }
    Trial {
        steps: trying.steps,
        end: RunEnd::Completed,
    }
}

impl Trying<'_> {
    fn step(&mut self, zone: Option<&TimeZone>) -> Option<RunEnd> {
        let facts = StepFacts {
            known: &self.known,
            person: zone,
            reached: &HashSet::new(),
            items: self.items,
            admitted: self.admitted,
        };
        match decide(self.workflow, self.at, &facts, self.now) {
            StepDecision::GoOn { to, note } => self.go_on(to, note),
            StepDecision::WaitUntil { at, to, note } => {
                self.go_on(to, Some(note));
                self.now = at;
            }
            StepDecision::Send(order) => {
                let to = order.at + 1;
                self.go_on(to, Some(order.note.clone()));
                if let Some(step) = self.steps.last_mut() {
                    step.send = Some(order);
                }
            }
            StepDecision::Ask(_) => self.admitted = Some(true),
            StepDecision::Join(ask) => return self.join(ask.at, ask.first_at_once, ask.closes_at),
            StepDecision::End { end, note } => {
                self.note(note);
                return Some(end);
            }
        }
        None
    }

    fn join(&mut self, at: usize, is_at_once: bool, closes_at: Timestamp) -> Option<RunEnd> {
        let least = match self.workflow.moves.get(at).map(|it| &it.deed) {
            Some(Deed::Digest(rule)) => rule.least,
            _ => 1,
        };
        let words = match is_at_once {
            true => "is the first of a digest, and goes on at once".to_owned(),
            false => format!("is gathered in a digest until {closes_at}, of which it is all"),
        };
        let label = self.workflow.moves.get(at).map(|it| it.label.clone());
        let step = label.unwrap_or_default();
        self.note(RunNote {
            step: step.clone(),
            words,
        });
        if !is_at_once {
            self.now = closes_at;
            if least > 1 {
                let words = format!("nothing is sent: at least {least} items are wanted");
                self.note(RunNote { step, words });
                return Some(RunEnd::BelowMinimum);
            }
        }
        let of = |name: &str| self.known.get("event").and_then(|event| event.get(name));
        let item =
            json!({ "data": self.known.get("data"), "type": of("type"), "time": of("time") });
        self.known
            .insert("digest".to_owned(), json!({ "count": 1, "items": [item] }));
        self.items = Some(1);
        self.go_on(at + 1, None);
        None
    }

    fn go_on(&mut self, to: usize, note: Option<RunNote>) {
        self.at = to;
        self.admitted = None;
        if let Some(note) = note {
            self.note(note);
        }
    }

    fn note(&mut self, note: RunNote) {
        self.steps.push(TrialStep {
            at: self.now,
            step: note.step,
            words: note.words,
            send: None,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::reading::read;
    use super::*;

    fn tried(steps: Value, zone: Option<&TimeZone>) -> Trial {
        let definition =
            json!({"name": "w", "on": "a", "recipients": ["data.who"], "steps": steps});
        let workflow = read(definition.as_object().unwrap()).unwrap();
        let known = json!({"event": {"type": "a", "time": "t"}, "data": {"who": "x", "n": 3}});
        let known = known.as_object().unwrap().clone();
        trial(&workflow, known, zone, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn a_trial_goes_through_all_steps_at_their_times() {
        let send = json!({"send": {"channel": "in_app", "template": "t"}});
        let steps = json!([send, {"wait": {"for": "10m", "unless": "read"}},
            {"throttle": {"at_most": 1, "per": "1h"}}, {"digest": {"for": "15m"}}, send]);
        let trial = tried(steps, Some(&TimeZone::UTC));
        assert_eq!(trial.end, RunEnd::Completed);
        let sends = trial
            .steps
            .iter()
            .filter_map(|step| Some((step.at.as_second(), step.send.as_ref()?)));
        let sends: Vec<_> = sends.collect();
        assert_eq!(
            sends.iter().map(|(at, _)| *at).collect::<Vec<_>>(),
            [0, 1_500]
        );
        assert_eq!(sends[1].1.variables["digest"]["items"][0]["data"]["n"], 3);
    }

    #[test]
    fn a_trial_ends_where_a_run_would() {
        let steps = json!([{"digest": {"for": "15m", "at_least": 2}},
            {"send": {"channel": "in_app", "template": "t"}}]);
        assert_eq!(
            tried(steps.clone(), Some(&TimeZone::UTC)).end,
            RunEnd::BelowMinimum
        );
        assert_eq!(tried(steps, None).end, RunEnd::UnknownUser);
        let steps = json!([{"condition": {"when": "data.n > 10"}},
            {"send": {"channel": "in_app", "template": "t"}}]);
        assert_eq!(tried(steps, Some(&TimeZone::UTC)).end, RunEnd::Condition);
    }
}
