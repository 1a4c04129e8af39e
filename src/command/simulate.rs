//! `herald simulate`: what other rules would have done.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use clap::Args;
use herald::app::{apply, simulate as app};
use herald::config::Required;
use herald::ops::simulate::{SimulatedTraffic, SimulationReport, simulate as run};
use herald::ops::trials::WorkflowComparison;
use jiff::Timestamp;
use uuid::Uuid;

use super::columns::columns;
use super::moment::moment;
use super::{Cli, CommandFailure, say};

/// Most notifications that are looked at unless it is said.
const USUAL_MOST: usize = 1_000_000;
/// Most events on which a workflow is tried.
const MOST_EVENTS: usize = 1_000;

/// Decides anew on what has come in, by the rules of now and by changed ones. Sends and writes nothing.
///
/// HERALD__DATABASE__URL may be a replica's. People, devices and the suppression list are as they are now; daily caps
/// begin empty.
#[derive(Debug, Args)]
pub(super) struct Simulate {
    /// Since when: RFC 3339, or an age such as "24h" or "7d".
    #[arg(long, value_name = "WHEN", value_parser = moment)]
    since: Timestamp,
    /// Files as for `herald apply`, with [[preferences]], [[categories]] and [[workflows]] alone: each stands for what is
    /// said of the same now. Workflows are tried on recorded events, at most 1,000.
    #[arg(long, required = true, value_name = "FILE", num_args = 1..)]
    with: Vec<PathBuf>,
    /// What came in before this time; up to now without it.
    #[arg(long, value_name = "WHEN", value_parser = moment)]
    until: Option<Timestamp>,
    /// Of this tenant.
    #[arg(long, value_name = "UUID")]
    tenant: Option<Uuid>,
    /// Most notifications to look at.
    #[arg(long, value_name = "NUMBER", default_value_t = USUAL_MOST)]
    most: usize,
}

pub(super) fn simulate(cli: &Cli, asked: &Simulate) -> Result<(), CommandFailure> {
    let settings = cli.settings(&[Required::Database])?;
    let manifest = apply::read(&asked.with, &cli.sources(), &settings.providers)?;
    let changed = app::changed(&manifest).map_err(CommandFailure)?;
    let traffic = SimulatedTraffic {
        tenant_id: asked.tenant,
        since: asked.since,
        until: asked.until.unwrap_or_else(herald::runtime::clock::now),
        most: asked.most,
    };
    let workflows = app::workflows(&manifest);
    let (report, tried) = super::on_runtime(async {
        let database = super::database(&settings).await?;
        let report = run(&database, &settings.policy, &changed, traffic).await?;
        let trials = app::trials(&settings, &database);
        let span = (traffic.since, traffic.until);
        let mut tried = BTreeMap::new();
        for changed in &workflows {
            let whose = (changed.tenant_id, &changed.workflow);
            let compared = trials.changed(whose, span, MOST_EVENTS).await?;
            tried.insert(changed.workflow.name.clone(), compared);
        }
        Ok((report, tried))
    })?;
    if cli.json {
        let mut said = serde_json::to_value(&report)?;
        if let Some(said) = said.as_object_mut()
            && !tried.is_empty()
        {
            said.insert("workflows".to_owned(), serde_json::to_value(&tried)?);
        }
        return say::answer(&said.to_string());
    }
    let mut parts = vec![];
    // Of workflows alone, rules change nothing.
    if manifest.workflows.len() < manifest.len() || tried.is_empty() {
        parts.push(in_words(&report));
    }
    parts.extend(
        tried
            .iter()
            .map(|(name, compared)| of_workflow(name, compared)),
    );
    say::answer(&parts.join("\n"))
}

/// What becomes of a workflow's people, in words.
fn of_workflow(name: &str, compared: &WorkflowComparison) -> String {
    let mut parts = vec![
        format!("`{name}` over {} events:", compared.looked_at),
        counted(&compared.before, &compared.after),
    ];
    for change in &compared.changes {
        let examples = change.examples.iter().map(Uuid::to_string);
        let examples = examples.collect::<Vec<_>>().join(" ");
        let (before, after) = (&change.before, &change.after);
        parts.push(format!(
            "{} of {before} would be {after}: {examples}",
            change.count
        ));
    }
    parts.join("\n")
}

/// Outcomes with how many have them, now and by what was changed.
fn counted(before: &BTreeMap<String, u64>, after: &BTreeMap<String, u64>) -> String {
    let count = |of: &BTreeMap<String, u64>, outcome: &String| {
        of.get(outcome).copied().unwrap_or(0).to_string()
    };
    let outcomes: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let mut rows = vec![["OUTCOME", "NOW", "CHANGED"].map(str::to_owned).to_vec()];
    rows.extend(outcomes.into_iter().map(|outcome| {
        let (now, then) = (count(before, outcome), count(after, outcome));
        vec![outcome.clone(), now, then]
    }));
    columns(&rows)
}

fn in_words(report: &SimulationReport) -> String {
    let mut parts = vec![counted(&report.before, &report.after)];
    for change in &report.changes {
        let examples = change.examples.iter().map(Uuid::to_string);
        let examples = examples.collect::<Vec<_>>().join(" ");
        let (before, after) = (&change.before, &change.after);
        parts.push(format!(
            "{} of {before} would be {after}: {examples}",
            change.count
        ));
    }
    if report.left_out > 0 {
        let words = "left out, since their people are gone or cannot be read";
        parts.push(format!("{} {words}", report.left_out));
    }
    if report.is_cut {
        parts.push("there are more: see --most".to_owned());
    }
    parts.join("\n")
}
