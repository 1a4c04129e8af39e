//! `herald publish`.

use std::path::PathBuf;

use clap::Args;
use herald::app::publish;
use herald::config::Required;
use serde_json::{Value, json};

use super::{Cli, CommandFailure, input, say};

/// Checks a message as the engine would, and publishes it: persistent, mandatory, with a confirm.
///
/// Publishing the same file again is safe: Herald knows the second message by its key, or by its
/// content if it has no key, and sends nothing.
#[derive(Debug, Args)]
pub(super) struct Publish {
    /// A message in JSON, with its `channel`; "-" reads standard input.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

pub(super) fn publish(cli: &Cli, publish: &Publish) -> Result<(), CommandFailure> {
    let body = input::message(&publish.file)?;
    let settings = cli.settings(&[Required::Broker])?;
    let name = publish.file.display();
    let published = super::on_runtime(async {
        let lane = publish::publish(&settings, &body).await;
        lane.map_err(|error| CommandFailure(format!("{name} was not published: {error}")))
    });
    let (lane, key) = (published?, key_of(&body));
    say::answer(&if cli.json {
        json!({ "lane": lane.routing_key(), "idempotency_key": key }).to_string()
    } else {
        match key {
            Some(key) => format!("published to {lane} with key {key}"),
            None => format!("published to {lane}; its content is its key"),
        }
    })
}

/// The key by which a second message is a duplicate of this one, where it names one.
fn key_of(body: &[u8]) -> Option<String> {
    // The engine, too, skips a byte order mark.
    let body = body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body);
    let message: Value = serde_json::from_slice(body).ok()?;
    Some(message.get("idempotency_key")?.as_str()?.to_owned())
}
