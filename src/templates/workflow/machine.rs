//! The machine of a run: where it stands and what is known go in, what is to be done comes out.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::audience::key_text;
use super::calendar;
use super::definition::{
    Deed, DelayRule, DigestRule, DigestWindow, Move, Reach, SendRule, ThrottleRule, ThrottleScope,
    Workflow,
};
use super::span;
use super::step::{DigestAsk, RunNote, SendOrder, StepDecision, StepFacts, ThrottleAsk};
use crate::domain::RunEnd;

/// What follows for a run that stands before a move. The same facts always give the same answer.
#[must_use]
pub fn decide(
    workflow: &Workflow,
    at: usize,
    facts: &StepFacts<'_>,
    now: Timestamp,
) -> StepDecision {
    let Some(it) = workflow.moves.get(at) else {
        return StepDecision::End {
            end: RunEnd::Completed,
            note: RunNote {
                step: String::new(),
                words: "the run is complete".to_owned(),
            },
        };
    };
    let Some(zone) = facts.person else {
        return it.end(
            RunEnd::UnknownUser,
            "there is no such person in this tenant",
        );
    };
    let decided = match &it.deed {
        Deed::Send(rule) => send(workflow, (at, it), rule, facts),
        Deed::Pause(span) => Ok(wait(it, at, now, *span)),
        Deed::EndIf(reach) => Ok(end_if(it, at, reach, facts)),
        Deed::Delay(rule) => Ok(delay(it, at, rule, zone, facts, now)),
        Deed::Digest(rule) => join(it, at, rule, zone, facts, now),
        Deed::Throttle(rule) => throttle(workflow, it, at, rule, facts),
        Deed::Unless(when) => when.truth(facts.known).map(|is_true| match is_true {
            true => on(at + 1),
            false => it.end(
                RunEnd::Condition,
                &format!("`{}` is false: the run ends", when.source()),
            ),
        }),
        Deed::SkipUnless(when, count) => when.truth(facts.known).map(|is_true| match is_true {
            true => on(at + 1),
            false => StepDecision::GoOn {
                to: at + 1 + count,
                note: Some(it.note(format!("left out: `{}` is false", when.source()))),
            },
        }),
        Deed::Stop => Ok(it.end(RunEnd::Stopped, "the run stops here")),
    };
    decided.unwrap_or_else(|problem| it.end(RunEnd::ExpressionFailed, &problem))
}

impl Move {
    fn note(&self, words: impl Into<String>) -> RunNote {
        RunNote {
            step: self.label.clone(),
            words: words.into(),
        }
    }

    fn end(&self, end: RunEnd, words: &str) -> StepDecision {
        StepDecision::End {
            end,
            note: self.note(words),
        }
    }
}

const fn on(to: usize) -> StepDecision {
    StepDecision::GoOn { to, note: None }
}

fn send(
    workflow: &Workflow,
    (at, it): (usize, &Move),
    rule: &SendRule,
    facts: &StepFacts<'_>,
) -> Result<StepDecision, String> {
    if facts.items == Some(0) {
        return Ok(it.end(
            RunEnd::NothingLeft,
            "every item of the digest was taken back: nothing is sent",
        ));
    }
    if let Some(reach) = rule.unless.as_ref().filter(|reach| has(reach, facts)) {
        let words = format!(
            "{} is left out: an earlier message was {}",
            rule.channel,
            reach.effect.as_str()
        );
        return Ok(StepDecision::GoOn {
            to: at + 1,
            note: Some(it.note(words)),
        });
    }
    let mut variables = facts.known.clone();
    for (name, expression) in &rule.variables {
        variables.insert(name.clone(), expression.value(facts.known)?);
    }
    let reply_to = match &rule.reply_to {
        // An event need not name one.
        Some(expression) if expression.truth(facts.known)? => {
            Some(reply_to(expression.value(facts.known)?)?)
        }
        _ => None,
    };
    Ok(StepDecision::Send(Box::new(SendOrder {
        at,
        channel: rule.channel,
        priority: rule.priority,
        category: rule.category.clone().or_else(|| workflow.category.clone()),
        template: rule.template.clone(),
        variables,
        reply_to,
        note: it.note(format!(
            "`{}` is accepted for {}",
            rule.template, rule.channel
        )),
    })))
}

/// An address.
fn reply_to(value: Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text),
        _ => Err("`reply_to` is no text".to_owned()),
    }
}

fn has(reach: &Reach, facts: &StepFacts<'_>) -> bool {
    let mut moves = reach.of.iter();
    moves.any(|of| facts.reached.contains(&(*of, reach.effect)))
}

fn wait(it: &Move, at: usize, now: Timestamp, for_so_long: std::time::Duration) -> StepDecision {
    if for_so_long.is_zero() {
        return on(at + 1);
    }
    let until = SignedDuration::try_from(for_so_long)
        .ok()
        .and_then(|span| now.checked_add(span).ok());
    match until {
        Some(until) => StepDecision::WaitUntil {
            at: until,
            to: at + 1,
            note: it.note(format!(
                "waits for {}, until {until}",
                span::show(for_so_long)
            )),
        },
        None => it.end(
            RunEnd::DelayTooLong,
            "waits beyond the times that there are",
        ),
    }
}

fn end_if(it: &Move, at: usize, reach: &Reach, facts: &StepFacts<'_>) -> StepDecision {
    let effect = reach.effect.as_str();
    match has(reach, facts) {
        true => it.end(
            RunEnd::Reached,
            &format!("the message was {effect}: the run ends"),
        ),
        false => StepDecision::GoOn {
            to: at + 1,
            note: Some(it.note(format!("the message was not {effect}: the run goes on"))),
        },
    }
}

fn delay(
    it: &Move,
    at: usize,
    rule: &DelayRule,
    zone: &TimeZone,
    facts: &StepFacts<'_>,
    now: Timestamp,
) -> StepDecision {
    let until = match rule {
        DelayRule::Until(expression) => match expression.value(facts.known) {
            Ok(Value::String(text)) => text.parse::<Timestamp>().ok(),
            Ok(_) => None,
            Err(problem) => return it.end(RunEnd::DelayInvalid, &problem),
        },
        DelayRule::At(time, fixed) => {
            calendar::next_time_of_day(*time, now, fixed.as_ref().unwrap_or(zone))
        }
    };
    let Some(until) = until else {
        return it.end(
            RunEnd::DelayInvalid,
            "what it waits for is no time in RFC 3339",
        );
    };
    let ahead = until.duration_since(now);
    if ahead.is_negative() || ahead.is_zero() {
        let words = format!("its time, {until}, has passed: it goes on now");
        return StepDecision::GoOn {
            to: at + 1,
            note: Some(it.note(words)),
        };
    }
    if SignedDuration::try_from(span::LONGEST).is_ok_and(|longest| ahead > longest) {
        return it.end(
            RunEnd::DelayTooLong,
            &format!("its time, {until}, is more than a year ahead"),
        );
    }
    StepDecision::WaitUntil {
        at: until,
        to: at + 1,
        note: it.note(format!("waits until {until}")),
    }
}

fn join(
    it: &Move,
    at: usize,
    rule: &DigestRule,
    zone: &TimeZone,
    facts: &StepFacts<'_>,
    now: Timestamp,
) -> Result<StepDecision, String> {
    let key = match &rule.key {
        None => String::new(),
        Some(expression) => match key_text(&expression.value(facts.known)?) {
            Some(key) => key,
            None => {
                let words = format!(
                    "what the digest is about, `{}`, is null",
                    expression.source()
                );
                return Ok(it.end(RunEnd::NullKey, &words));
            }
        },
    };
    let later = |span: std::time::Duration| {
        let span = SignedDuration::try_from(span).ok()?;
        now.checked_add(span).ok()
    };
    let (closes_at, closes_by) = match &rule.window {
        DigestWindow::Fixed(span) => (later(*span), later(*span)),
        DigestWindow::Sliding(span, longest) => (later(*span), later(*longest)),
        DigestWindow::Calendar(calendar, fixed) => {
            let next = calendar.next(now, fixed.as_ref().unwrap_or(zone));
            (next, next)
        }
    };
    let Some((closes_at, closes_by)) = closes_at.zip(closes_by) else {
        return Ok(it.end(RunEnd::DelayInvalid, "the digest has no end"));
    };
    Ok(StepDecision::Join(DigestAsk {
        at,
        slot: rule.slot.clone(),
        key,
        closes_at,
        closes_by,
        is_sliding: matches!(rule.window, DigestWindow::Sliding(..)),
        most: rule.most,
        first_at_once: rule.first_at_once,
        note: it.note("is gathered in a digest"),
    }))
}

fn throttle(
    workflow: &Workflow,
    it: &Move,
    at: usize,
    rule: &ThrottleRule,
    facts: &StepFacts<'_>,
) -> Result<StepDecision, String> {
    let (at_most, per) = (rule.at_most, span::show(rule.per));
    match facts.admitted {
        Some(true) => Ok(on(at + 1)),
        Some(false) => {
            let words = format!("there were {at_most} within {per} already: the run ends");
            Ok(it.end(RunEnd::Throttled, &words))
        }
        None => {
            let key = match &rule.key {
                None => String::new(),
                Some(expression) => match key_text(&expression.value(facts.known)?) {
                    Some(key) => key,
                    None => {
                        let words = format!(
                            "what the throttle counts, `{}`, is null",
                            expression.source()
                        );
                        return Ok(it.end(RunEnd::NullKey, &words));
                    }
                },
            };
            Ok(StepDecision::Ask(ThrottleAsk {
                scope: match &rule.scope {
                    ThrottleScope::Workflow(slot) => {
                        format!("workflow {:?} {slot:?}", workflow.name)
                    }
                    // A shorter time would begin the count of a longer one anew.
                    ThrottleScope::Category(category) => format!("category {category:?} per {per}"),
                },
                key,
                at_most,
                per: rule.per,
            }))
        }
    }
}

#[cfg(test)]
mod tests;
