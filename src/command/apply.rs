//! `herald apply`.

use std::path::PathBuf;

use clap::Args;
use herald::app::apply::{self, Applied, Progress};
use herald::app::sealer;
use herald::config::{Mistake, Required};
use herald::store::Change;
use serde_json::json;

use super::{Cli, Failure, say};

/// Writes declared providers, users, preferences and templates.
#[derive(Debug, Args)]
pub(super) struct Apply {
    /// Declarative files; all are applied, or none.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

pub(super) fn apply(cli: &Cli, apply: &Apply) -> Result<(), Failure> {
    let settings = cli.settings(&[Required::Database, Required::Secrets])?;
    let sealer = sealer(&settings)?;
    let manifest = apply::read(&apply.files, &cli.sources(), &settings.providers)?;
    if !cli.json {
        for warning in &manifest.warnings {
            say::tell(&format!("warning: {warning}"));
        }
    }
    let applied = super::on_runtime(async {
        let database = super::database(&settings).await?;
        Ok(apply::apply(&database, &sealer, &manifest, tell).await?)
    })?;
    say::answer(&if cli.json {
        in_json(&applied, &manifest.warnings)
    } else {
        in_words(&applied)
    })
}

/// Says on standard error what is waited for.
fn tell(progress: Progress) {
    match progress {
        Progress::WaitsForOther(None) => say::tell("waiting for another apply"),
        Progress::WaitsForOther(Some(other)) => {
            say::tell(&format!("waiting for another apply: {other}"));
        }
        Progress::BeginsAnew => say::tell("others wrote the same rows; beginning anew"),
    }
}

fn in_words(applied: &[Applied]) -> String {
    let changed = applied
        .iter()
        .filter(|applied| applied.change != Change::Unchanged);
    let mut lines: Vec<String> = changed
        .map(|applied| format!("{} {}", applied.change, applied.entry))
        .collect();
    let count = |change| {
        applied
            .iter()
            .filter(|applied| applied.change == change)
            .count()
    };
    lines.push(format!(
        "{} created, {} updated, {} unchanged",
        count(Change::Created),
        count(Change::Updated),
        count(Change::Unchanged)
    ));
    lines.join("\n")
}

fn in_json(applied: &[Applied], warnings: &[Mistake]) -> String {
    let rows: Vec<_> = applied
        .iter()
        .map(|applied| json!({ "entry": applied.entry, "change": applied.change.to_string() }))
        .collect();
    json!({ "applied": rows, "warnings": warnings }).to_string()
}
