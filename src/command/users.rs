//! `herald users`: all that is stored about a person, told or erased.

use clap::Subcommand;
use herald::app::desk_settings;
use herald::config::Required;
use herald::ops::control::{DeskError, erase_person, export_person, find_person};
use herald::store::Database;
use herald::store::audit::DoneBy;
use herald::tickets::desk::erase_person as forget_at_desk;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::{Cli, CommandFailure, say};

/// Tells or erases all that is stored about a person.
#[derive(Debug, Subcommand)]
pub(super) enum Users {
    /// Prints all that is stored about a person, as JSON.
    Export {
        /// The person, by their id.
        #[arg(value_name = "UUID")]
        id: Uuid,
    },
    /// Erases a person: when this returns, nothing is sent to them any more.
    Erase {
        /// The person, by their id.
        #[arg(value_name = "UUID")]
        id: Uuid,
    },
}

pub(super) fn users(cli: &Cli, users: &Users) -> Result<(), CommandFailure> {
    let settings = cli.settings(&[Required::Database])?;
    let answer = super::on_runtime(async {
        let database = super::database(&settings).await?;
        match users {
            Users::Erase { id } => {
                let erased = erase_person(&database, (None, *id), &DoneBy::command_line()).await;
                let desk = Database::connect(&desk_settings(&settings), &Handle::current()).await?;
                let had_tickets = forget_at_desk(&desk, None, *id).await?;
                match erased {
                    Err(DeskError::NotFound(_)) if had_tickets => {}
                    erased => erased?,
                }
                Ok(Some(if cli.json {
                    serde_json::json!({ "erased": id }).to_string()
                } else {
                    format!("erased user {id}")
                }))
            }
            Users::Export { id } => {
                let person = find_person(&database, *id).await?;
                let (parts, mut taken) = mpsc::channel(4);
                let write = async {
                    let written = export_person(&database, &person, &parts).await;
                    drop(parts);
                    written
                };
                let print = async {
                    while let Some(Ok(part)) = taken.recv().await {
                        say::answer(&part)?;
                    }
                    Ok::<(), CommandFailure>(())
                };
                let (written, printed) = tokio::join!(write, print);
                written?;
                printed?;
                Ok(None)
            }
        }
    })?;
    answer.map_or(Ok(()), |answer| say::answer(&answer))
}
