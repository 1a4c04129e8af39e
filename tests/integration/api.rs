//! The HTTP API against real servers.

mod accept;
mod audit;
mod cancel;
mod choices;
mod components;
mod connections;
mod dlq;
mod document;
mod documents;
pub(crate) mod door;
mod erase;
mod erase_late;
mod examples;
mod explain;
mod fan_outs;
mod first_call;
mod hooks;
mod idle;
mod inbox;
mod inbox_stream;
mod jobs;
mod key_changes;
mod keys;
mod limits;
mod nodes;
mod notifications;
mod pausing;
mod providers;
mod robust;
mod sandbox;
mod schema;
mod sealed;
mod secrets;
mod suppressions;
mod templates;
mod tenants;
mod things;
mod tickets;
mod topics;
mod trials;
mod unsubscribing;
mod user_tokens;
mod users;
mod webhooks;
mod workflows;

use herald::domain::ApiKey;
use serde_json::Value;

use crate::stage::Stage;

/// What a command says in JSON.
fn said(stage: &Stage, arguments: &[&str]) -> Value {
    let output = stage.herald(arguments).output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{words}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A new key: its id and its text.
fn made(stage: &Stage, more: &[&str]) -> (String, ApiKey) {
    let create = ["--json", "keys", "create", "--name", "shop"];
    let made = said(stage, &[&create[..], more].concat());
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    (text("id"), text("key").parse().unwrap())
}
