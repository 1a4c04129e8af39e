//! `herald export`.

use herald::app::export::{ExportError, export as written};
use herald::app::sealer;
use herald::config::Required;

use super::{Cli, CommandFailure, say};

/// What stands before the entries.
const HEAD: &str = "# What `herald apply` reads, as `herald export` found it: applied to the same database it changes nothing.
# Secrets are not here: the environment variables stand for them. Not here either: API keys, what was suppressed
# for a while, pauses of accounts, drafts and old versions, subscribers of topics.
";

pub(super) fn export(cli: &Cli) -> Result<(), CommandFailure> {
    let settings = cli.settings(&[Required::Database, Required::Secrets])?;
    let sealer = sealer(&settings)?;
    let report = super::on_runtime(async {
        let database = super::database(&settings).await?;
        say::answer(HEAD)?;
        let exported = written(&database, &sealer, say::answer).await;
        exported.map_err(|error| match error {
            ExportError::Store(error) => CommandFailure::from(error),
            ExportError::Taker(failure) => failure,
        })
    })?;
    let counted = report.entries.iter();
    let counted: Vec<String> = counted
        .map(|(table, count)| format!("{count} {table}"))
        .collect();
    say::tell(&format!("exported {}", counted.join(", ")));
    if !report.variables.is_empty() {
        let variables = report.variables.join(", ");
        say::tell(&format!("to be set before it is applied: {variables}"));
    }
    for line in &report.left_out {
        say::tell(&format!("left out: {line}"));
    }
    Ok(())
}
