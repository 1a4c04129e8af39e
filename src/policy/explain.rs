//! Why a notification would be sent, put off or stopped: what every rule says, and what would
//! change its mind.
//!
//! The rules are asked by the same `DecisionCase` as for sending; here they are asked to the last, and
//! what they saw is put into words.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

use super::decide::DecisionCase;
use super::{Decision, Facts};
use crate::domain::{Reason, Rule, RuleVerdict, Status};

mod caps;
mod plain;
mod quiet;
mod routes;
mod source;
mod standing;

pub use source::RuleSource;
pub use standing::AccountReport;

/// A decision, and what each rule had to say.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanation {
    /// What [`decide`](super::decide()) says to the same facts.
    pub decision: Decision,
    /// Every rule, in the order in which they are asked.
    pub rules: Vec<RuleReport>,
    /// Every account of the channel: those of the route in their order, then the others.
    pub accounts: Vec<AccountReport>,
}

/// What a rule says of a notification.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RuleReport {
    /// Which rule.
    pub rule: Rule,
    /// Whether it objects.
    pub verdict: RuleVerdict,
    /// What would become of the notification by this rule alone, when it objects.
    pub outcome: Option<RuleOutcome>,
    /// Until when it would wait, when it would.
    pub until: Option<Timestamp>,
    /// One sentence in plain English.
    pub says: String,
    /// The row or setting by which it says so; `None` when there is none.
    pub said_by: Option<RuleSource>,
    /// What else it rests on.
    pub beside: Vec<RuleSource>,
    /// What it looked at; never an address.
    pub inputs: Map<String, Value>,
    /// What would make it pass, when it objects.
    pub would_change: Option<String>,
}

/// What would become of a notification by one rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct RuleOutcome {
    /// Where it would stand.
    pub status: Status,
    /// Why.
    pub reason: Reason,
}

/// What a rule saw, in words.
#[derive(Debug)]
struct Words {
    says: String,
    inputs: Value,
    would_change: Option<String>,
    /// The row or setting that decides, then what else it rests on.
    sources: Vec<RuleSource>,
    /// Whether the rule has anything to say of this notification.
    applies: bool,
}

impl Words {
    fn new(says: impl Into<String>, inputs: Value) -> Self {
        Self {
            says: says.into(),
            inputs,
            would_change: None,
            sources: vec![],
            applies: true,
        }
    }

    /// By which row or setting, and what else it rests on.
    fn by(mut self, sources: impl IntoIterator<Item = RuleSource>) -> Self {
        self.sources.extend(sources);
        self
    }

    fn unless(self, would_change: impl Into<String>) -> Self {
        Self {
            would_change: Some(would_change.into()),
            ..self
        }
    }

    fn not_asked(self) -> Self {
        Self {
            applies: false,
            ..self
        }
    }
}

/// Decides as [`decide`](super::decide()) does, and has every rule say why.
#[must_use]
pub fn explain(facts: &Facts<'_>) -> Explanation {
    let mut case = DecisionCase::new(facts);
    let mut first = None;
    let mut rules = Vec::with_capacity(Rule::ALL.len());
    for rule in Rule::ALL {
        let before = case.targets.len();
        let objection = case.ask(*rule);
        let words = match rule {
            Rule::Expiry => plain::expiry(facts),
            Rule::Preference => plain::preference(facts),
            Rule::Schedule => plain::schedule(facts),
            Rule::Address => plain::address(facts, &case),
            Rule::Suppression => plain::suppression(before, &case),
            Rule::QuietHours => quiet::hours(facts),
            Rule::Routing => routes::routing(facts, &case),
            Rule::FrequencyCap => caps::frequency_cap(facts),
        };
        let verdict = match &objection {
            // No objection, but a question that nobody has asked yet.
            Some(Decision::Reserve(_)) => RuleVerdict::NotAsked,
            Some(_) if first.is_none() => RuleVerdict::Decides,
            Some(_) => RuleVerdict::WouldAlso,
            None if words.applies => RuleVerdict::Passes,
            None => RuleVerdict::NotAsked,
        };
        rules.push(report(*rule, verdict, words, objection.as_ref()));
        first = first.or(objection);
    }
    let accounts = standing::accounts(facts, &case.route);
    Explanation {
        accounts,
        decision: case.close(first),
        rules,
    }
}

fn report(
    rule: Rule,
    verdict: RuleVerdict,
    words: Words,
    objection: Option<&Decision>,
) -> RuleReport {
    let mut inputs = match words.inputs {
        Value::Object(inputs) => inputs,
        _ => Map::new(),
    };
    let mut says = words.says;
    if let Some(Decision::Defer { until, .. }) = objection {
        inputs.insert("until".to_owned(), until.to_string().into());
        says.push_str(&format!(" It waits until {until}."));
    }
    if rule != Rule::Expiry && matches!(objection, Some(Decision::Cancel(Reason::Expired))) {
        says.push_str(" It would expire before.");
    }
    let mut sources = words.sources.into_iter();
    let (outcome, until) = outcome(objection);
    RuleReport {
        rule,
        verdict,
        outcome,
        until,
        says,
        said_by: sources.next(),
        beside: sources.collect(),
        inputs,
        would_change: words.would_change.filter(|_| objects(verdict)),
    }
}

/// What an objection would lead to, and until when.
const fn outcome(objection: Option<&Decision>) -> (Option<RuleOutcome>, Option<Timestamp>) {
    let (status, reason, until) = match objection {
        Some(Decision::Cancel(reason)) => (Status::Cancelled, *reason, None),
        Some(Decision::Fail(reason)) => (Status::Failed, *reason, None),
        Some(Decision::Defer { reason, until }) => (Status::Pending, *reason, Some(*until)),
        Some(Decision::Deliver { .. } | Decision::Reserve(_)) | None => return (None, None),
    };
    (Some(RuleOutcome { status, reason }), until)
}

const fn objects(verdict: RuleVerdict) -> bool {
    matches!(verdict, RuleVerdict::Decides | RuleVerdict::WouldAlso)
}

#[cfg(test)]
mod tests;
