//! `herald migrate`.

use clap::Args;
use herald::config::Required;
use herald::store::migrations::{self, MigrationError, MigrationStatus};
use secrecy::ExposeSecret;
use serde_json::json;

use super::{Cli, Failure};

/// Brings the database to this version's schema.
#[derive(Debug, Args)]
pub(super) struct Migrate {
    /// Takes the newest N migrations back.
    #[arg(long, value_name = "N", conflicts_with = "status")]
    revert: Option<u32>,
    /// Only says which are applied.
    #[arg(long)]
    status: bool,
}

pub(super) fn migrate(cli: &Cli, migrate: &Migrate) -> Result<(), Failure> {
    let settings = cli.settings(&[Required::Database])?;
    let url = settings.database.url.expose_secret();
    super::on_runtime(async {
        let answer = if migrate.status {
            status(url, cli.json).await
        } else if let Some(count) = migrate.revert {
            let count = usize::try_from(count).unwrap_or(usize::MAX);
            migrations::revert(url, count)
                .await
                .map(|names| done("reverted", &names, cli.json))
        } else {
            migrations::migrate(url)
                .await
                .map(|names| done("applied", &names, cli.json))
        };
        println!("{}", answer?);
        Ok(())
    })
}

async fn status(url: &str, json: bool) -> Result<String, MigrationError> {
    let all = migrations::status(url).await?;
    if json {
        let rows: Vec<_> = all
            .iter()
            .map(|m| json!({ "name": m.name, "applied": m.applied }))
            .collect();
        return Ok(json!({ "migrations": rows }).to_string());
    }
    let line = |m: &MigrationStatus| {
        format!(
            "{} {}",
            if m.applied { "applied" } else { "pending" },
            m.name
        )
    };
    Ok(all.iter().map(line).collect::<Vec<_>>().join("\n"))
}

fn done(what: &str, names: &[String], json: bool) -> String {
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
