//! The steps of a definition, laid out as moves.

use std::time::Duration;

use serde_json::{Map, Value};

use super::super::calendar;
use super::super::definition::{Deed, DelayRule, Move};
use super::super::fields::{Fields, within};
use super::super::mistake::WorkflowMistake;
use super::super::span;
use super::layout::Layout;
use super::{gathering, sending};

/// Most steps of a workflow.
const MOST_STEPS: usize = 50;
/// Most characters of a step's name.
const NAME_CHARS: usize = 50;
/// What a step can be.
const KINDS: [&str; 7] = [
    "send",
    "delay",
    "wait",
    "digest",
    "throttle",
    "condition",
    "stop",
];

/// The moves of a definition's steps.
pub(super) fn moves(fields: &mut Fields<'_>) -> Vec<Move> {
    let steps = fields.list("steps");
    if steps.is_empty() && fields.has("steps") {
        fields.wrong("steps", "invalid", "has no step");
    }
    if steps.len() > MOST_STEPS {
        fields.wrong(
            "steps",
            "invalid",
            format!("has more than {MOST_STEPS} steps"),
        );
        return vec![];
    }
    let mut layout = Layout::default();
    let mut last = None;
    for (number, (pointer, step)) in steps.into_iter().enumerate() {
        let Value::Object(map) = step else {
            let detail = "is no table".to_owned();
            fields.mistakes().push(WorkflowMistake {
                pointer,
                code: "wrong_type",
                detail,
            });
            continue;
        };
        if layout.is_over {
            let detail = "can never run: the step before ends every run".to_owned();
            fields.mistakes().push(WorkflowMistake {
                pointer: pointer.clone(),
                code: "invalid",
                detail,
            });
            layout.is_over = false;
        }
        layout.label = (number + 1).to_string();
        layout.step(map, pointer.clone(), fields.mistakes());
        last = Some(pointer);
    }
    if let (Some(_), Some(pointer)) = (layout.skips_next, last) {
        let detail = "leaves out the next step, and there is none".to_owned();
        fields.mistakes().push(WorkflowMistake {
            pointer,
            code: "invalid",
            detail,
        });
    }
    layout.moves
}

/// Reads steps into moves.
impl Layout {
    fn step(
        &mut self,
        map: &Map<String, Value>,
        pointer: String,
        mistakes: &mut Vec<WorkflowMistake>,
    ) {
        let skips = self.skips_next.take();
        let first = self.moves.len();
        within(map, pointer, mistakes, |step| {
            self.named(step);
            let when = self.expression(step, "when");
            if let Some(when) = when {
                self.push(Deed::SkipUnless(when, 0));
            }
            let begun = self.moves.len();
            self.deed(step);
            let laid = self.moves.len() - begun;
            if begun > first
                && let Some(guard) = self.moves.get_mut(first)
                && let Deed::SkipUnless(_, count) = &mut guard.deed
            {
                *count = laid;
                // What is left out does not end every run.
                self.is_over = false;
            }
            Some(())
        });
        let laid = self.moves.len() - first;
        if let Some(guard) = skips.and_then(|at| self.moves.get_mut(at))
            && let Deed::SkipUnless(_, count) = &mut guard.deed
        {
            *count = laid;
            self.is_over = false;
        }
    }

    fn named(&mut self, step: &mut Fields<'_>) {
        self.name = step.name("name", NAME_CHARS);
        if let Some(name) = &self.name {
            match self.names.contains(name) {
                true => step.wrong("name", "invalid", "is the name of an earlier step"),
                false => self.names.push(name.clone()),
            }
        }
    }

    fn deed(&mut self, step: &mut Fields<'_>) {
        let there: Vec<&str> = KINDS.into_iter().filter(|kind| step.has(kind)).collect();
        match there.as_slice() {
            [_] => {}
            [] => {
                let kinds = KINDS.join(", ");
                step.wrong("", "required", format!("does nothing: name one of {kinds}"));
            }
            several => {
                let several = several.join("` and `");
                step.wrong(
                    "",
                    "invalid",
                    format!("has `{several}`: make each a step of its own"),
                );
            }
        }
        step.object("send", |send| {
            sending::step(self, send);
            Some(())
        });
        step.object("delay", |delay| self.delay(delay));
        step.object("wait", |wait| self.wait(wait));
        step.object("digest", |digest| {
            gathering::digest(self, digest);
            Some(())
        });
        step.object("throttle", |throttle| {
            gathering::throttle(self, throttle);
            Some(())
        });
        step.object("condition", |condition| self.condition(condition));
        self.stop(step);
    }

    fn delay(&mut self, delay: &mut Fields<'_>) -> Option<()> {
        let there = ["for", "until", "at"]
            .into_iter()
            .filter(|key| delay.has(key));
        if there.count() != 1 {
            delay.wrong("", "invalid", "needs one of `for`, `until` and `at`");
        }
        if let Some(span) = delay.span("for", (Duration::ZERO, span::LONGEST)) {
            self.push(Deed::Pause(span));
        }
        if let Some(until) = self.expression(delay, "until") {
            self.push(Deed::Delay(DelayRule::Until(until)));
        }
        let zone = gathering::zone(delay);
        if zone.is_some() && !delay.has("at") {
            delay.wrong("zone", "invalid", "is only for `at`");
        }
        let text = delay.text("at")?;
        match calendar::time_of_day(text) {
            Some(time) => self.push(Deed::Delay(DelayRule::At(time, zone))),
            None => delay.wrong("at", "invalid", "is no time of day, for example \"09:00\""),
        }
        Some(())
    }

    fn wait(&mut self, wait: &mut Fields<'_>) -> Option<()> {
        wait.required("for", span::FORM);
        wait.required("unless", "read, seen, delivered or clicked");
        let span = wait.span("for", (Duration::ZERO, span::LONGEST));
        let reach = self.reach(wait, None);
        self.push(Deed::Pause(span?));
        self.push(Deed::EndIf(reach?));
        Some(())
    }

    fn condition(&mut self, condition: &mut Fields<'_>) -> Option<()> {
        condition.required("when", "an expression");
        let when = self.expression(condition, "when");
        match condition.text("otherwise") {
            None | Some("stop") => self.push(Deed::Unless(when?)),
            Some("skip") => {
                self.skips_next = Some(self.moves.len());
                self.push(Deed::SkipUnless(when?, 0));
            }
            Some(_) => condition.wrong("otherwise", "invalid", "is neither `stop` nor `skip`"),
        }
        Some(())
    }

    fn stop(&mut self, step: &mut Fields<'_>) {
        match step.get("stop") {
            None | Some(Value::Bool(false)) => {}
            Some(Value::Bool(true)) => {
                self.push(Deed::Stop);
                self.is_over = true;
            }
            Some(_) => step.wrong(
                "stop",
                "wrong_type",
                "is not true: `when` beside it says when",
            ),
        }
    }
}
