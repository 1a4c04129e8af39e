//! `herald migrate`.

use clap::Args;
use herald::config::Required;
use herald::store::Access;
use herald::store::migrations::{self, Fit, History, MigrationProgress, MigrationStatus};
use herald::store::turn::BlockingSession;
use serde_json::json;

use super::{Cli, CommandFailure, say};

/// Brings the database to this version's schema.
#[derive(Debug, Args)]
pub(super) struct Migrate {
    /// Takes the newest N migrations back.
    #[arg(long, value_name = "N", conflicts_with = "status")]
    revert: Option<u32>,
    /// Only says how each stands: applied, pending, altered (run from another text), unknown (of a
    /// newer version).
    #[arg(long)]
    status: bool,
}

pub(super) fn migrate(cli: &Cli, migrate: &Migrate) -> Result<(), CommandFailure> {
    let settings = cli.settings(&[Required::Database])?;
    let access = Access::from(&herald::app::database_settings(&settings));
    super::on_runtime(async {
        if migrate.status {
            return status(access, cli.json).await;
        }
        let answer = if let Some(count) = migrate.revert {
            let count = usize::try_from(count).unwrap_or(usize::MAX);
            done(
                "reverted",
                &migrations::revert(access, count, tell).await?,
                cli.json,
            )
        } else {
            done(
                "applied",
                &migrations::migrate(access, tell).await?,
                cli.json,
            )
        };
        say::answer(&answer)
    })
}

/// Who is in the way, as far as that is known.
fn by(holder: Option<&BlockingSession>) -> String {
    holder.map_or_else(String::new, |holder| format!(" ({holder})"))
}

/// Says on standard error what is being done: a migration may take long, or wait for others.
fn tell(progress: MigrationProgress) {
    match progress {
        MigrationProgress::WaitsForMigrator(who) => {
            let who = by(who.as_ref());
            say::tell(&format!(
                "another command migrates this database{who}; waiting"
            ));
        }
        MigrationProgress::Begins(name) => say::tell(&format!("{name} ...")),
        MigrationProgress::WaitsForTable(name, who) => {
            let who = by(who.as_ref());
            say::tell(&format!(
                "{name}: somebody holds a table that it changes{who}; trying again"
            ));
        }
        MigrationProgress::Done(name, time) => {
            say::tell(&format!("{name} done in {:.1} s", time.as_secs_f64()));
        }
    }
}

async fn status(access: Access, json: bool) -> Result<(), CommandFailure> {
    let history = migrations::status(access).await?;
    say::answer(&shown(&history, json))?;
    match history.fit() {
        Fit::Fits | Fit::Behind(_) => Ok(()),
        Fit::Ahead(why) => {
            say::tell(&format!("herald: {why}"));
            Ok(())
        }
        Fit::Foreign(why) => Err(CommandFailure(why)),
    }
}

fn shown(history: &History, json: bool) -> String {
    let all = history.migrations.iter();
    if json {
        let rows: Vec<_> = all
            .map(|one| json!({ "name": one.name, "state": one.state.as_str() }))
            .collect();
        return json!({ "migrations": rows }).to_string();
    }
    let line = |one: &MigrationStatus| format!("{} {}", one.state.as_str(), one.name);
    all.map(line).collect::<Vec<_>>().join("\n")
}

fn done(what: &str, names: &[&str], json: bool) -> String {
    if json {
        return json!({ what: names }).to_string();
    }
    match names {
        [] => format!("nothing {what}: there was nothing to do"),
        names => names
            .iter()
            .map(|name| format!("{what} {name}"))
            .collect::<Vec<_>>()
            .join("\n"),
    }
}
