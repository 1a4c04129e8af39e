//! `herald users`: all that is stored about a person, told or erased.

use std::str::FromStr;

use clap::Subcommand;
use herald::app::desk_settings;
use herald::config::Required;
use herald::domain::{Channel, address};
use herald::ops::control::{DeskError, erase_person, export_person, find_person};
use herald::store::Database;
use herald::store::audit::DoneBy;
use herald::tickets::desk::{erase_person as forget_at_desk, erase_sender};
use serde_json::json;
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
    /// Erases a person: when this returns, nothing is sent to them any more. By an address, what a stranger without an
    /// account wrote to the support desk by mail.
    Erase {
        /// The person, by their id; or the address of a stranger's mails.
        #[arg(value_name = "UUID|ADDRESS")]
        whom: Whom,
    },
}

/// Who is erased.
#[derive(Debug, Clone)]
pub(super) enum Whom {
    /// Somebody with an account.
    Person(Uuid),
    /// Somebody without, who wrote from this address.
    Stranger(String),
}

impl FromStr for Whom {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(id) = Uuid::parse_str(text) {
            return Ok(Self::Person(id));
        }
        let address = address::canonical(Channel::Email, text);
        let address = address.map_err(|_| "neither a UUID nor an e-mail address")?;
        Ok(Self::Stranger(address))
    }
}

pub(super) fn users(cli: &Cli, users: &Users) -> Result<(), CommandFailure> {
    let settings = cli.settings(&[Required::Database])?;
    let answer = super::on_runtime(async {
        let database = super::database(&settings).await?;
        match users {
            Users::Erase { whom } => {
                let desk = Database::connect(&desk_settings(&settings), &Handle::current()).await?;
                match whom {
                    Whom::Person(id) => {
                        person_erased(&database, &desk, *id).await?;
                        Ok(Some(if cli.json {
                            json!({ "erased": id }).to_string()
                        } else {
                            format!("erased user {id}")
                        }))
                    }
                    Whom::Stranger(address) => {
                        let comments = erase_sender(&desk, None, address.clone()).await?;
                        Ok(Some(if cli.json {
                            json!({ "erased_comments": comments }).to_string()
                        } else {
                            format!("erased {comments} comments that came from this address")
                        }))
                    }
                }
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

/// What came from their address first: only the engine knows it, and only as long as it knows them.
async fn person_erased(
    database: &Database,
    desk: &Database,
    id: Uuid,
) -> Result<(), CommandFailure> {
    match find_person(database, id).await {
        Ok(person) => {
            if let Some(address) = person.fields.email {
                erase_sender(desk, Some(person.tenant_id), address).await?;
            }
        }
        Err(DeskError::NotFound(_)) => {}
        Err(error) => return Err(error.into()),
    }
    let erased = erase_person(database, (None, id), &DoneBy::command_line()).await;
    let had_tickets = forget_at_desk(desk, None, id).await?;
    match erased {
        Err(DeskError::NotFound(_)) if had_tickets => Ok(()),
        erased => Ok(erased?),
    }
}
