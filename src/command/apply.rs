//! `herald apply`.

use std::path::PathBuf;

use clap::Args;
use herald::app::apply::{self, ApplyProgress, ApplyResult};
use herald::app::sealer;
use herald::config::{Mistake, Required};
use herald::store::WriteChange;
use serde_json::json;

use super::{Cli, CommandFailure, say};

/// Writes declared providers, users, preferences and templates.
#[derive(Debug, Args)]
pub(super) struct Apply {
    /// Declarative files; all are applied, or none.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

pub(super) fn apply(cli: &Cli, apply: &Apply) -> Result<(), CommandFailure> {
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
fn tell(progress: ApplyProgress) {
    match progress {
        ApplyProgress::WaitsForOther(None) => say::tell("waiting for another apply"),
        ApplyProgress::WaitsForOther(Some(other)) => {
            say::tell(&format!("waiting for another apply: {other}"));
        }
        ApplyProgress::BeginsAnew => {
            say::tell("other commands wrote the same rows; starting again")
        }
    }
}

/// Entries of one kind that changed alike are listed up to this number, and else counted.
const LISTED: usize = 10;

/// Each changed entry, or how many of its kind changed, and the sum.
fn in_words(applied: &[ApplyResult]) -> String {
    let mut lines = vec![];
    for ((kind, change), entries) in by_kind(applied) {
        if entries.len() > LISTED {
            lines.push(format!("{change} {} {kind}", entries.len()));
        } else {
            lines.extend(entries.iter().map(|entry| format!("{change} {entry}")));
        }
    }
    let count = |change| {
        let alike = applied.iter().filter(|applied| applied.change == change);
        alike.count()
    };
    lines.push(format!(
        "{} created, {} updated, {} unchanged",
        count(WriteChange::Created),
        count(WriteChange::Updated),
        count(WriteChange::Unchanged)
    ));
    lines.join("\n")
}

/// The changed entries by kind and change, in the order in which they were written.
fn by_kind(applied: &[ApplyResult]) -> Vec<((&str, WriteChange), Vec<&str>)> {
    let mut groups: Vec<((&str, WriteChange), Vec<&str>)> = vec![];
    for ApplyResult { entry, change } in applied {
        if *change == WriteChange::Unchanged {
            continue;
        }
        // An entry is named `users "ana@example.com"`.
        let kind = entry.split(' ').next().unwrap_or_default();
        let group = groups
            .iter_mut()
            .find(|(group, _)| *group == (kind, *change));
        match group {
            Some((_, entries)) => entries.push(entry),
            None => groups.push(((kind, *change), vec![entry])),
        }
    }
    groups
}

fn in_json(applied: &[ApplyResult], warnings: &[Mistake]) -> String {
    let rows: Vec<_> = applied
        .iter()
        .map(|applied| json!({ "entry": applied.entry, "change": applied.change.to_string() }))
        .collect();
    json!({ "applied": rows, "warnings": warnings }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(entry: &str, change: WriteChange) -> ApplyResult {
        ApplyResult {
            entry: entry.to_owned(),
            change,
        }
    }

    #[test]
    fn few_entries_are_listed_and_many_are_counted() {
        let mut all = vec![
            applied("tenants \"a\"", WriteChange::Unchanged),
            applied("providers \"mail\"", WriteChange::Created),
        ];
        all.extend((0..11).map(|n| applied(&format!("users \"{n}\""), WriteChange::Created)));
        all.push(applied("users \"x\"", WriteChange::Updated));
        let expected = "created providers \"mail\"\ncreated 11 users\nupdated users \"x\"\n\
                        12 created, 1 updated, 1 unchanged";
        assert_eq!(in_words(&all), expected);
    }
}
