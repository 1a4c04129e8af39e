//! `herald explain`.

use std::path::PathBuf;

use clap::Args;
use herald::app::explain::explainer;
use herald::config::Required;
use herald::domain::RuleVerdict;
use herald::domain::spelling::as_written;
use herald::ops::explain::ShownExplanation;

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
    let shown = ShownExplanation::from(&explained);
    let text = if cli.json {
        as_written(serde_json::to_string(&shown).unwrap_or_default())
    } else {
        in_words(&shown)
    };
    say::answer(&text)
}

fn in_words(shown: &ShownExplanation) -> String {
    if shown.rules.is_empty() {
        return shown.says.clone();
    }
    let mut parts = vec![shown.says.clone(), rules(shown)];
    if !shown.route.is_empty() {
        parts.push(route(shown));
    }
    parts.push(content(shown));
    parts.join("\n\n")
}

/// What each rule says, in columns.
fn rules(shown: &ShownExplanation) -> String {
    let header = ["RULE", "VERDICT"].map(str::to_owned).to_vec();
    let mut rows = vec![(header, "FINDING".to_owned())];
    for rule in &shown.rules {
        let verdict = match rule.verdict {
            RuleVerdict::Passes => "passes",
            RuleVerdict::Decides => "decides",
            RuleVerdict::WouldAlso => "would also",
            RuleVerdict::NotAsked => "-",
        };
        let mut finding = rule.says.clone();
        if let Some(change) = &rule.would_change {
            finding.push_str(&format!("\nTo change it: {change}."));
        }
        if let Some(said_by) = &rule.said_by {
            let said_by = serde_json::to_string(said_by).unwrap_or_default();
            finding.push_str(&format!("\nSaid by: {said_by}"));
        }
        rows.push((vec![rule.rule.to_owned(), verdict.to_owned()], finding));
    }
    columns_with_text(&rows)
}

/// How each account stands, in columns.
fn route(shown: &ShownExplanation) -> String {
    let header = ["ACCOUNT", "PLACE"].map(str::to_owned).to_vec();
    let mut rows = vec![(header, "STANDING".to_owned())];
    for account in &shown.route {
        let place = account.place.map_or("-".to_owned(), |it| it.to_string());
        let limited = account
            .limited_until
            .map(|until| format!(" Its rate limit is used up until {until}."));
        let says = format!("{}{}", account.says, limited.unwrap_or_default());
        rows.push((vec![account.name.clone(), place], says));
    }
    columns_with_text(&rows)
}

fn content(shown: &ShownExplanation) -> String {
    let Some(content) = &shown.content else {
        let why = shown.render_error.as_deref().unwrap_or_default();
        return format!("It cannot be rendered: {why}");
    };
    let rendered = as_written(serde_json::to_string_pretty(content).unwrap_or_default());
    let segments = shown.segments.map_or_else(String::new, |segments| {
        let noun = match segments.count {
            1 => "segment",
            _ => "segments",
        };
        let (count, coding) = (segments.count, segments.coding);
        format!("\nAs a text message: {count} {noun} in {coding}.")
    });
    format!("What would be sent:\n{rendered}{segments}")
}
