//! `herald apply`.

use std::path::PathBuf;

use clap::Args;
use herald::app::apply::{
    self, Applied, ApplyMode, ApplyProgress, ApplyResult, PruneChange, PrunedEntry, Pruning,
};
use herald::app::sealer;
use herald::config::{Mistake, Required};
use herald::domain::ApplyLabel;
use herald::store::WriteChange;
use serde_json::json;

use super::{Cli, CommandFailure, say};

/// Writes declared providers, users, preferences and templates.
#[derive(Debug, Args)]
pub(super) struct Apply {
    /// Declarative files; all are applied, or none.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Says what would change, and changes nothing.
    #[arg(long)]
    dry_run: bool,
    /// Removes what an earlier apply with this label has made and the files declare no longer; nothing else.
    #[arg(long, value_name = "LABEL")]
    prune: Option<ApplyLabel>,
    /// Lets files that declare nothing remove all that the label has.
    #[arg(long, requires = "prune")]
    allow_empty: bool,
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
    let pruning = apply.prune.clone().map(|label| Pruning {
        label,
        allows_empty: apply.allow_empty,
    });
    let mode = match apply.dry_run {
        true => ApplyMode::Try,
        false => ApplyMode::Keep,
    };
    let applied = super::on_runtime(async {
        let (database, pruning) = (super::database(&settings).await?, pruning.as_ref());
        let done = apply::apply_and_prune(&database, &sealer, &manifest, pruning, mode, tell);
        Ok(done.await?)
    })?;
    let pruned = pruning.is_some().then_some(applied.pruned.as_slice());
    let entries = &applied.entries;
    say::answer(&match (cli.json, apply.dry_run) {
        (true, _) => in_json(&applied, pruned.is_some(), &manifest.warnings),
        (false, false) => in_words(entries, pruned),
        (false, true) => format!(
            "{}\nnothing was changed: a dry run",
            in_words(entries, pruned)
        ),
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

/// Each changed entry, or how many of its kind changed, and the sum; what was removed where that was asked for.
fn in_words(applied: &[ApplyResult], pruned: Option<&[PrunedEntry]>) -> String {
    let changed = applied
        .iter()
        .filter(|one| one.change != WriteChange::Unchanged);
    let mut changed: Vec<(String, String, &str)> = changed
        .map(|one| {
            let line = format!("{} {}", one.change, one.entry);
            (one.change.to_string(), line, one.entry.as_str())
        })
        .collect();
    changed.extend(pruned.unwrap_or_default().iter().map(|one| {
        let change = one.change.as_str().to_owned();
        (change, one.to_string(), one.entry.as_str())
    }));
    let mut lines = vec![];
    for ((kind, change), entries) in by_kind(&changed) {
        if entries.len() > LISTED {
            lines.push(format!("{change} {} {kind}", entries.len()));
        } else {
            lines.extend(entries.iter().map(|entry| (*entry).to_owned()));
        }
    }
    let count = |change| {
        let alike = applied.iter().filter(|applied| applied.change == change);
        alike.count()
    };
    let mut sum = format!(
        "{} created, {} updated, {} unchanged",
        count(WriteChange::Created),
        count(WriteChange::Updated),
        count(WriteChange::Unchanged)
    );
    if let Some(pruned) = pruned {
        let is_kept = |one: &&PrunedEntry| matches!(one.change, PruneChange::Kept(_));
        let is_retired = |one: &&PrunedEntry| one.change == PruneChange::Retired;
        let kept = pruned.iter().filter(is_kept).count();
        let retired = pruned.iter().filter(is_retired).count();
        let removed = pruned.len() - kept - retired;
        sum.push_str(&format!(
            ", {removed} removed, {retired} retired, {kept} kept"
        ));
    }
    lines.push(sum);
    lines.join("\n")
}

/// The lines of changed entries by kind and change, in the order in which they were written.
fn by_kind<'a>(changed: &'a [(String, String, &str)]) -> Vec<((&'a str, &'a str), Vec<&'a str>)> {
    let mut groups: Vec<((&str, &str), Vec<&str>)> = vec![];
    for (change, line, entry) in changed {
        // An entry is named `users "ana@example.com"`.
        let kind = entry.split(' ').next().unwrap_or_default();
        let of = (kind, change.as_str());
        match groups.iter_mut().find(|(group, _)| *group == of) {
            Some((_, entries)) => entries.push(line),
            None => groups.push((of, vec![line])),
        }
    }
    groups
}

fn in_json(applied: &Applied, is_pruned: bool, warnings: &[Mistake]) -> String {
    let rows: Vec<_> = applied
        .entries
        .iter()
        .map(|one| json!({ "entry": one.entry, "change": one.change.to_string() }))
        .collect();
    let mut said = json!({ "applied": rows, "warnings": warnings });
    if is_pruned {
        let rows = applied.pruned.iter().map(|one| {
            let why = match &one.change {
                PruneChange::Kept(why) => Some(why),
                PruneChange::Removed | PruneChange::Retired => None,
            };
            json!({ "entry": one.entry, "change": one.change.as_str(), "why": why })
        });
        if let Some(said) = said.as_object_mut() {
            said.insert("pruned".to_owned(), rows.collect());
        }
    }
    said.to_string()
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
        assert_eq!(in_words(&all, None), expected);
    }

    #[test]
    fn what_is_removed_is_said_beside_what_stays_and_why() {
        let pruned = |name: &str, change| PrunedEntry {
            entry: format!("topics \"{name}\""),
            change,
        };
        let kept = PruneChange::Kept("another label has it, too".to_owned());
        let mut all = vec![pruned("a", kept)];
        all.extend((0..11).map(|n| pruned(&n.to_string(), PruneChange::Removed)));
        all.push(pruned("b", PruneChange::Retired));
        let expected = "kept topics \"a\": another label has it, too\nremoved 11 topics\nretired topics \"b\"\n\
                        0 created, 0 updated, 0 unchanged, 11 removed, 1 retired, 1 kept";
        assert_eq!(in_words(&[], Some(&all)), expected);
        assert!(in_words(&[], Some(&[])).ends_with("0 removed, 0 retired, 0 kept"));
    }
}
