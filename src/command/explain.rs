//! `herald explain`.

use std::path::PathBuf;

use clap::Args;
use herald::app::explain::explainer;
use herald::config::Required;
use herald::domain::RuleVerdict;
use herald::domain::spelling::as_written;
use herald::ops::explain::{Decided, Explained};
use herald::policy::Decision;
use serde_json::{Value, json};

use super::columns::columns_with_text;
use super::{Cli, CommandFailure, input, say};

/// Says what would become of a message if it came now: every rule, what it looked at, and what
/// would change it. Sends, stores and counts nothing.
#[derive(Debug, Args)]
pub(super) struct Explain {
    /// A message as it is published, in JSON; "-" reads standard input.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

pub(super) fn explain(cli: &Cli, explain: &Explain) -> Result<(), CommandFailure> {
    let body = input::message(&explain.file)?;
    let settings = cli.settings(&[Required::Database, Required::Secrets])?;
    let explained = super::on_runtime(async {
        let database = super::database(&settings).await?;
        let explainer = explainer(&settings, &database)?;
        Ok(explainer.explain(&body).await?)
    })?;
    let text = if cli.json {
        as_written(in_json(&explained).to_string())
    } else {
        in_words(&explained)
    };
    say::answer(&text)
}

fn in_words(explained: &Explained) -> String {
    match explained {
        Explained::Rejected { reason, detail } => {
            format!("It would be rejected: {reason}. {detail}")
        }
        Explained::Duplicate { of } => {
            format!("It would be taken for a duplicate of notification {of}, and not be sent.")
        }
        Explained::Decided(decided) => {
            let parts = [outcome(decided), rules(decided), content(decided)];
            parts.join("\n\n")
        }
    }
}

/// What each rule says, in columns.
fn rules(decided: &Decided) -> String {
    let header = ["RULE", "VERDICT"].map(str::to_owned).to_vec();
    let mut rows = vec![(header, "FINDING".to_owned())];
    for report in &decided.explanation.rules {
        let verdict = match report.verdict {
            RuleVerdict::Passes => "passes",
            RuleVerdict::Decides => "decides",
            RuleVerdict::WouldAlso => "would also",
            RuleVerdict::NotAsked => "-",
        };
        let change = report.would_change.as_ref();
        let change = change.map_or_else(String::new, |change| format!("\nTo change it: {change}."));
        let cells = vec![report.rule.to_string(), verdict.to_owned()];
        rows.push((cells, format!("{}{change}", report.says)));
    }
    columns_with_text(&rows)
}

fn outcome(decided: &Decided) -> String {
    match &decided.explanation.decision {
        Decision::Deliver { .. } | Decision::Reserve(_) if decided.content.is_err() => {
            "It would fail: template_error.".to_owned()
        }
        Decision::Deliver { .. } if decided.through.is_empty() => "It would be sent.".to_owned(),
        Decision::Deliver { .. } => {
            let through = decided.through.join(", then ");
            let addresses = match decided.addresses {
                1 => "one address".to_owned(),
                several => format!("{several} addresses"),
            };
            format!("It would be sent to {addresses} through {through}.")
        }
        // Counters are read here, not asked for a place.
        Decision::Reserve(_) => "It would be sent if its daily caps have room.".to_owned(),
        Decision::Defer { reason, until } => format!("It would wait until {until}: {reason}."),
        Decision::Cancel(reason) => format!("It would be cancelled: {reason}."),
        Decision::Fail(reason) => format!("It would fail: {reason}."),
    }
}

fn content(decided: &Decided) -> String {
    match &decided.content {
        Ok(content) => {
            let rendered = serde_json::to_string_pretty(content).unwrap_or_default();
            let rendered = as_written(rendered);
            let segments = decided.segments.map_or_else(String::new, |segments| {
                format!("\nAs a text message: {segments}.")
            });
            format!("What would be sent:\n{rendered}{segments}")
        }
        Err(why) => format!("It cannot be rendered: {why}"),
    }
}

fn in_json(explained: &Explained) -> Value {
    match explained {
        Explained::Rejected { reason, detail } => {
            json!({ "outcome": "rejected", "reason": reason, "detail": detail })
        }
        Explained::Duplicate { of } => json!({ "outcome": "duplicate", "of": of }),
        Explained::Decided(decided) => {
            let (outcome, reason, until) = match &decided.explanation.decision {
                Decision::Deliver { .. } | Decision::Reserve(_) => ("deliver", None, None),
                Decision::Defer { reason, until } => ("defer", Some(reason), Some(until)),
                Decision::Cancel(reason) => ("cancel", Some(reason), None),
                Decision::Fail(reason) => ("fail", Some(reason), None),
            };
            let (rendered, render_error) = match &decided.content {
                Ok(content) => (Some(content), None),
                Err(why) => (None, Some(why)),
            };
            json!({
                "outcome": outcome,
                "reason": reason,
                "until": until,
                "through": decided.through,
                "addresses": decided.addresses,
                "rules": decided.explanation.rules,
                "content": rendered,
                "segments": decided.segments.map(|segments| json!({
                    "coding": segments.coding.as_str(),
                    "places": segments.places,
                    "count": segments.count,
                })),
                "render_error": render_error,
            })
        }
    }
}
