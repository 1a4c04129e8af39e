//! `herald publish`.

use std::path::PathBuf;

use clap::Args;
use herald::app::publish::{self as app, PublishError, PublishedMessage};
use herald::app::publish_event::{is_event, publish_event};
use herald::config::Required;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::{Cli, CommandFailure, input, say};

/// Checks a message as the engine would, and publishes it: persistent, mandatory, with a confirm.
///
/// With HERALD__DATABASE__URL, the user, the template, the account and the key that it names are looked up
/// before, and the id of the notification is told once a node has taken it on.
///
/// Publishing the same file again is safe: Herald knows the second message by its key, or by its
/// content if it has no key, and sends nothing.
///
/// A CloudEvent (JSON with a `specversion`) goes to herald.events instead.
#[derive(Debug, Args)]
pub(super) struct Publish {
    /// A message in JSON, with its `channel`, or a CloudEvent; "-" reads standard input.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

pub(super) fn publish(cli: &Cli, publish: &Publish) -> Result<(), CommandFailure> {
    let body = input::message(&publish.file)?;
    if is_event(&body) {
        return event(cli, publish, &body);
    }
    let settings = cli.settings(&[Required::Broker])?;
    let has_database = !settings.database.url.expose_secret().is_empty();
    let name = publish.file.display();
    let published = super::on_runtime(async {
        let database = match has_database {
            true => Some(super::database(&settings).await?),
            false => None,
        };
        Ok(app::publish(&settings, database.as_ref(), &body).await)
    })?;
    match published {
        Ok(published) => say::answer(&words(cli.json, published, key_of(&body))),
        Err(error) => {
            if let (true, PublishError::Refused(refusal)) = (cli.json, &error) {
                let refused =
                    json!({ "rejected": refusal.reason.as_str(), "detail": refusal.detail });
                say::answer(&refused.to_string())?;
            }
            Err(CommandFailure(format!("{name} was not published: {error}")))
        }
    }
}

/// Publishes a CloudEvent.
fn event(cli: &Cli, publish: &Publish, body: &[u8]) -> Result<(), CommandFailure> {
    let settings = cli.settings(&[Required::Broker])?;
    let name = publish.file.display();
    let published = super::on_runtime(async { Ok(publish_event(&settings, body).await) })?;
    let published =
        published.map_err(|error| CommandFailure(format!("{name} was not published: {error}")))?;
    let (kind, source, id) = (&published.kind, &published.source, &published.id);
    say::answer(&match cli.json {
        true => json!({ "type": kind, "source": source, "id": id }).to_string(),
        false => format!("published to herald.events: {kind} {id} of {source}"),
    })
}

fn words(json: bool, published: PublishedMessage, key: Option<String>) -> String {
    let PublishedMessage {
        lane,
        notification_id,
        is_duplicate,
    } = published;
    if json {
        let answer = json!({
            "lane": lane.routing_key(),
            "idempotency_key": key,
            "notification_id": notification_id,
            "duplicate": is_duplicate,
        });
        return answer.to_string();
    }
    let by = key.map_or_else(
        || "; its content is its key".to_owned(),
        |key| format!(" with key {key}"),
    );
    let became = match (notification_id, is_duplicate) {
        (Some(id), true) => format!("; a duplicate of notification {id}: it is not sent again"),
        (Some(id), false) => format!("; notification {id}"),
        (None, _) => String::new(),
    };
    format!("published to {lane}{by}{became}")
}

/// The key by which a second message is a duplicate of this one, where it names one.
fn key_of(body: &[u8]) -> Option<String> {
    // The engine, too, skips a byte order mark.
    let body = body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body);
    let message: Value = serde_json::from_slice(body).ok()?;
    Some(message.get("idempotency_key")?.as_str()?.to_owned())
}
