//! `herald secrets`: the keys that seal stored credentials.

use clap::Subcommand;
use herald::config::Required;
use herald::store::audit::DoneBy;
use herald::store::seal::rotation::{self, SealingProgress};
use serde_json::json;

use super::{Cli, CommandFailure, say};

/// The keys that seal stored credentials.
#[derive(Debug, Subcommand)]
pub(super) enum SecretsCommand {
    /// Seals everything with the first key of `secrets.key`, while engines run. Safe to repeat, and to
    /// interrupt. Restart every engine with the new key in front before: one that does not know it opens
    /// nothing that it sealed.
    Rotate,
}

pub(super) fn secrets(
    cli: &Cli,
    SecretsCommand::Rotate: &SecretsCommand,
) -> Result<(), CommandFailure> {
    let settings = cli.settings(&[Required::Database, Required::Secrets])?;
    let sealer = herald::app::sealer(&settings)?;
    let json = cli.json;
    let progress = super::on_runtime(async {
        let database = super::database(&settings).await?;
        let by = DoneBy::command_line();
        let tell = |table: &'static str, at: SealingProgress| {
            if !json {
                say::tell(&format!(
                    "{table}: {} of {} rows sealed anew",
                    at.resealed, at.seen
                ));
            }
        };
        Ok(rotation::rotate(&database, &sealer, &by, tell).await?)
    })?;
    say::answer(&said(progress, json))?;
    match progress.left {
        0 => Ok(()),
        left => Err(CommandFailure(format!(
            "{left} rows could not be sealed anew: put the key that sealed them into secrets.key as well, \
             or write them again with `herald apply`; the log names them"
        ))),
    }
}

fn said(progress: SealingProgress, json: bool) -> String {
    let SealingProgress {
        seen,
        resealed,
        left,
    } = progress;
    if json {
        return json!({ "rows": seen, "resealed": resealed, "left": left }).to_string();
    }
    format!(
        "sealed {resealed} rows anew; {} were sealed with the first key",
        seen - resealed - left
    )
}
