//! An explanation, put as it is shown.

use jiff::Timestamp;
use serde_json::Map;
use uuid::Uuid;

use super::shown::{
    ShownAcceptance, ShownExplanation, ShownRouteAccount, ShownRule, ShownRuleOutcome,
    ShownSegments,
};
use super::{Decided, Explained, ExplainedAccount, ExplainedContent};
use crate::domain::{Reason, RuleVerdict, Status};
use crate::policy::{Decision, RuleReport, RuleSource};

impl ShownExplanation {
    /// One of which nothing is known but how it ends.
    const fn of(outcome: &'static str, says: String) -> Self {
        Self {
            outcome,
            says,
            status: None,
            reason: None,
            until: None,
            accept: None,
            of: None,
            detail: None,
            rules: vec![],
            route: vec![],
            through: vec![],
            addresses: 0,
            template: None,
            content: None,
            render_error: None,
            segments: None,
        }
    }
}

impl From<&Explained> for ShownExplanation {
    fn from(explained: &Explained) -> Self {
        match explained {
            Explained::Rejected(refusal) => {
                let (reason, detail) = (refusal.reason, &refusal.detail);
                Self {
                    reason: Some(reason.to_string()),
                    detail: Some(detail.clone()),
                    ..Self::of(
                        "rejected",
                        format!("It would be rejected: {reason}. {detail}"),
                    )
                }
            }
            Explained::Duplicate { of, is_stored } => duplicate(*of, *is_stored),
            Explained::Decided(decided) => Self::from(&**decided),
        }
    }
}

fn duplicate(of: Uuid, is_stored: bool) -> ShownExplanation {
    let says = match is_stored {
        true => format!("Its key is that of notification {of}: nothing would be sent."),
        false => format!(
            "Its key is that of notification {of}, which is being worked on and not stored yet: nothing would be \
             sent."
        ),
    };
    let accept = match is_stored {
        true => (202, None),
        false => (409, Some("key_in_progress")),
    };
    ShownExplanation {
        of: Some(of),
        accept: Some(ShownAcceptance {
            status: accept.0,
            code: accept.1,
            replayed: is_stored,
        }),
        ..ShownExplanation::of("duplicate", says)
    }
}

impl From<&Decided> for ShownExplanation {
    fn from(decided: &Decided) -> Self {
        let ending = ExplainedEnding::of(decided);
        let mut rules: Vec<_> = decided
            .explanation
            .rules
            .iter()
            .map(ShownRule::from)
            .collect();
        rules.push(template_rule(decided));
        let (content, render_error) = match &decided.content.content {
            Ok(content) => (Some(content.clone()), None),
            Err(why) => (None, Some(why.clone())),
        };
        let accept = ShownAcceptance {
            status: 202,
            code: None,
            replayed: false,
        };
        Self {
            status: Some(ending.status),
            reason: ending.reason.map(|reason| reason.to_string()),
            until: ending.until,
            accept: Some(accept),
            rules,
            route: decided
                .accounts
                .iter()
                .map(ShownRouteAccount::from)
                .collect(),
            through: match ending.outcome {
                "deliver" => decided.on_route().map(str::to_owned).collect(),
                _ => vec![],
            },
            addresses: decided.addresses,
            template: decided.content.template.clone(),
            content,
            render_error,
            segments: decided.content.segments.map(|segments| ShownSegments {
                coding: segments.coding.as_str(),
                places: segments.places,
                count: segments.count,
            }),
            ..Self::of(ending.outcome, ending.says)
        }
    }
}

/// How it would end, for now or for good.
struct ExplainedEnding {
    outcome: &'static str,
    status: Status,
    reason: Option<Reason>,
    until: Option<Timestamp>,
    says: String,
}

impl ExplainedEnding {
    fn of(decided: &Decided) -> Self {
        let ended = |outcome, reason: Reason, until, says| Self {
            outcome,
            status: reason.status(),
            reason: Some(reason),
            until,
            says,
        };
        match &decided.explanation.decision {
            Decision::Deliver { .. } | Decision::Reserve(_) if decided.content.content.is_err() => {
                let says = "It would fail: template_error.".to_owned();
                ended("fail", Reason::TemplateError, None, says)
            }
            Decision::Deliver { .. } | Decision::Reserve(_) => Self {
                outcome: "deliver",
                status: Status::Sent,
                reason: None,
                until: None,
                says: sent(decided),
            },
            Decision::Defer { reason, until } => {
                let says = format!("It would wait until {until}: {reason}.");
                Self {
                    status: Status::Pending,
                    ..ended("defer", *reason, Some(*until), says)
                }
            }
            Decision::Cancel(reason) => {
                let says = format!("It would be cancelled: {reason}.");
                ended("cancel", *reason, None, says)
            }
            Decision::Fail(reason) => {
                ended("fail", *reason, None, format!("It would fail: {reason}."))
            }
        }
    }
}

fn sent(decided: &Decided) -> String {
    let names: Vec<&str> = decided.on_route().collect();
    if names.is_empty() {
        return "It would be sent.".to_owned();
    }
    let addresses = match decided.addresses {
        1 => "one address".to_owned(),
        several => format!("{several} addresses"),
    };
    format!(
        "It would be sent to {addresses} through {}.",
        names.join(", then ")
    )
}

impl From<&RuleReport> for ShownRule {
    fn from(report: &RuleReport) -> Self {
        Self {
            rule: report.rule.as_str(),
            verdict: report.verdict,
            outcome: report.outcome.map(|it| ShownRuleOutcome {
                status: it.status,
                reason: it.reason,
            }),
            until: report.until,
            says: report.says.clone(),
            said_by: report.said_by.clone(),
            beside: report.beside.clone(),
            would_change: report.would_change.clone(),
            inputs: report.inputs.clone(),
        }
    }
}

/// Rendering, which comes after all rules: what cannot be rendered is not sent.
fn template_rule(decided: &Decided) -> ShownRule {
    let ExplainedContent {
        template, content, ..
    } = &decided.content;
    let is_sent = matches!(decided.explanation.decision, Decision::Deliver { .. });
    let (verdict, says) = match (template, content) {
        (_, Err(why)) => {
            let verdict = match is_sent {
                true => RuleVerdict::Decides,
                false => RuleVerdict::WouldAlso,
            };
            (verdict, format!("It cannot be rendered: {why}."))
        }
        (None, Ok(_)) => (
            RuleVerdict::NotAsked,
            "The message brings its text.".to_owned(),
        ),
        (Some(made), Ok(_)) => {
            let (name, version, locale) = (&made.name, made.version, &made.locale);
            let says = format!("Version {version} of `{name}` in `{locale}` is rendered.");
            (RuleVerdict::Passes, says)
        }
    };
    let outcome = content.is_err().then_some(ShownRuleOutcome {
        status: Status::Failed,
        reason: Reason::TemplateError,
    });
    let missing = template.iter().flat_map(|it| &it.missing);
    let missing: Vec<&str> = missing.map(String::as_str).collect();
    let would_change = match missing.as_slice() {
        [] => "another text of the template, or other variables".to_owned(),
        missing => format!("these variables in the message: {}", missing.join(", ")),
    };
    let inputs = Map::from_iter([("missing".to_owned(), missing.into())]);
    ShownRule {
        rule: "template",
        verdict,
        outcome,
        until: None,
        says,
        said_by: template.as_ref().map(|it| RuleSource::Template {
            name: it.name.clone(),
            version: it.version,
            locale: it.locale.clone(),
        }),
        beside: vec![],
        would_change: outcome.map(|_| would_change),
        inputs,
    }
}

impl From<&ExplainedAccount> for ShownRouteAccount {
    fn from(account: &ExplainedAccount) -> Self {
        let report = account.report.clone();
        Self {
            name: report.name,
            place: report.place,
            out: report.out,
            says: report.says,
            priority: report.priority,
            weight: report.weight,
            rate_limit: report.rate_limit,
            limited_until: account.limited_until,
        }
    }
}
