//! `[[providers]]`

use std::fmt;
use std::time::Duration;

use serde_json::{Map, Value as Json};

use super::fields::EntryFields;
use super::template::CHANNELS;
use crate::config::document::{Node, Table, Value};
use crate::domain::{Channel, ProviderKind};

const KINDS: &str = "sendgrid, smtp, twilio, fcm, slack, sandbox";

/// A provider account. Its `Debug` shows no secret.
#[derive(Clone, PartialEq)]
pub struct DeclaredProvider {
    /// Unique name.
    pub name: String,
    /// Whose protocol it speaks.
    pub kind: ProviderKind,
    /// The channel it serves.
    pub channel: Channel,
    /// Higher is asked first.
    pub priority: i32,
    /// Share among accounts of equal priority.
    pub weight: u32,
    /// Requests a minute for the account; `None` is unlimited.
    pub rate_limit: Option<u32>,
    /// Longest that one request may take.
    pub timeout: Duration,
    /// Whether it is used.
    pub is_active: bool,
    /// First credential; see the contract's table.
    pub api_key: Option<String>,
    /// Second credential.
    pub api_secret: Option<String>,
    /// Settings by kind.
    pub config: Map<String, Json>,
}

impl fmt::Debug for DeclaredProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeclaredProvider")
            .field("name", &self.name)
            .field("kind", &self.kind)
            .field("channel", &self.channel)
            .finish_non_exhaustive()
    }
}

pub(super) fn read(fields: &mut EntryFields) -> Option<DeclaredProvider> {
    fields.required("name", "a text");
    fields.required("kind", KINDS);
    let name = fields.line("name", 50);
    let kind: Option<ProviderKind> = fields.word("kind", KINDS);
    let channel = channel(fields, kind);
    let whole = i64::from(i32::MIN)..=i64::from(i32::MAX);
    let timeout = fields.integer("timeout_seconds", 1..=300, "seconds");
    let priority = fields.integer("priority", whole, "higher is asked first");
    let weight = fields.integer("weight", 1..=1_000_000, "a share");
    let rate_limit = fields.integer("rate_limit", 1..=1_000_000_000, "requests a minute");
    let is_active = fields.flag("is_active");
    let (api_key, api_secret) = (fields.text("api_key"), fields.text("api_secret"));
    let config = config(fields);
    Some(DeclaredProvider {
        name: name?,
        kind: kind?,
        channel: channel?,
        priority: priority.unwrap_or(0),
        weight: weight.unwrap_or(1),
        rate_limit,
        timeout: Duration::from_secs(timeout.unwrap_or(30)),
        is_active,
        api_key,
        api_secret,
        config,
    })
}

/// The kind says the channel, and one that is given must agree; a sandbox serves any.
fn channel(fields: &mut EntryFields, kind: Option<ProviderKind>) -> Option<Channel> {
    let given: Option<Channel> = fields.word("channel", CHANNELS);
    let Some(serves) = kind?.channel() else {
        fields.required("channel", CHANNELS);
        return given;
    };
    match given {
        Some(channel) if channel != serves => {
            let problem = format!("{} does not serve {channel}", kind?);
            fields.refuse_with("channel", problem, serves.as_str())
        }
        _ => Some(serves),
    }
}

fn config(fields: &mut EntryFields) -> Map<String, Json> {
    match fields.get("config").map(|node| node.value) {
        None => Map::new(),
        Some(Value::Table(table)) => object(table),
        Some(other) => fields
            .wrong_type("config", "a table", &other)
            .unwrap_or_default(),
    }
}

fn object(table: Table) -> Map<String, Json> {
    let entry = |(key, node): (String, Node)| (key, json(node.value));
    table.into_iter().map(entry).collect()
}

fn json(value: Value) -> Json {
    match value {
        Value::Text(text) | Value::Time(text) => Json::String(text),
        Value::Integer(number) => Json::from(number),
        Value::Float(number) => Json::from(number),
        Value::Flag(flag) => Json::Bool(flag),
        Value::List(items) => items.into_iter().map(|item| json(item.value)).collect(),
        Value::Table(table) => Json::Object(object(table)),
    }
}
