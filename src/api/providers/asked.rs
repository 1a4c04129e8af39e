//! What is said of an account: every mistake at once.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::api::fields::SentFields;
use crate::domain::{Channel, ProviderKind};
use crate::ops::control::{AccountFields, ProviderChange};

/// Longest name.
const NAME_CHARS: usize = 50;
/// Largest share among accounts of equal priority.
const MOST_WEIGHT: i64 = 1_000_000;
/// Largest limit, in requests a minute.
const MOST_REQUESTS: i64 = 1_000_000_000;
/// Longest request, in seconds.
const LONGEST_TIMEOUT: i64 = 300;
/// Longest request where nobody says how long.
const TIMEOUT: Duration = Duration::from_secs(30);

/// An account to be made.
#[derive(ToSchema)]
#[schema(example = json!({
    "name": "sendgrid-main",
    "kind": "sendgrid",
    "priority": 10,
    "rate_limit": 6000,
    "api_key": "SG.example",
    "config": { "from": "hello@example.com" },
}))]
#[expect(dead_code, reason = "it describes what `AskedProvider` reads")]
pub(super) struct NewProvider {
    /// Unique name; rows, metrics and logs show it.
    #[schema(min_length = 1, max_length = 50, example = "sendgrid-main")]
    name: String,
    /// Whose protocol it speaks.
    #[schema(example = "sendgrid")]
    kind: String,
    /// The channel that it serves; that of the kind without it, which a sandbox has not.
    channel: Option<String>,
    /// Whether it is used; true without it.
    is_active: Option<bool>,
    /// Higher is asked first; 0 without it.
    priority: Option<i32>,
    /// Share among accounts of equal priority; 1 without it.
    #[schema(minimum = 1, maximum = 1_000_000)]
    weight: Option<u32>,
    /// Requests a minute, over all nodes; unlimited without it.
    #[schema(minimum = 1, maximum = 1_000_000_000)]
    rate_limit: Option<u32>,
    /// Longest that one request may take, in seconds; 30 without it.
    #[schema(minimum = 1, maximum = 300)]
    timeout_seconds: Option<u32>,
    /// First credential, by kind; it is never shown.
    api_key: Option<String>,
    /// Second credential, by kind; it is never shown.
    api_secret: Option<String>,
    /// Settings by kind.
    #[schema(value_type = Option<Object>, example = json!({ "from": "hello@example.com" }))]
    config: Option<BTreeMap<String, String>>,
}

/// What is to be different of an account.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what `AskedProvider` reads")]
pub(super) struct ChangedProvider {
    /// Whether it is used.
    #[schema(example = true)]
    is_active: Option<bool>,
    /// Higher is asked first.
    priority: Option<i32>,
    /// Share among accounts of equal priority.
    #[schema(minimum = 1, maximum = 1_000_000)]
    weight: Option<u32>,
    /// Requests a minute, over all nodes; null takes the limit away.
    #[schema(minimum = 1, maximum = 1_000_000_000)]
    rate_limit: Option<u32>,
    /// Longest that one request may take, in seconds.
    #[schema(minimum = 1, maximum = 300)]
    timeout_seconds: Option<u32>,
    /// First credential; null takes it away.
    api_key: Option<String>,
    /// Second credential; null takes it away.
    api_secret: Option<String>,
    /// Settings by kind that are different; a null takes one away.
    #[schema(value_type = Option<Object>)]
    config: Option<BTreeMap<String, String>>,
}

/// What is said of an account. It has no `Debug`, for its secrets.
pub(in crate::api) struct AskedProvider {
    change: ProviderChange,
}

impl AskedProvider {
    /// What a change may say.
    pub(in crate::api) fn read(sent: &mut SentFields) -> Self {
        let whole = i64::from(i32::MIN)..=i64::from(i32::MAX);
        let priority = sent.integer("priority", whole);
        let weight = sent.integer("weight", 1..=MOST_WEIGHT);
        let timeout = sent.integer("timeout_seconds", 1..=LONGEST_TIMEOUT);
        let no_limit = sent.is_null("rate_limit");
        let limit = sent.integer("rate_limit", 1..=MOST_REQUESTS);
        let limit = limit.and_then(|limit| limit.try_into().ok());
        let change = ProviderChange {
            is_active: sent.flag("is_active"),
            priority: priority.and_then(|number| number.try_into().ok()),
            weight: weight.and_then(|number| number.try_into().ok()),
            rate_limit: given(limit, no_limit),
            timeout: timeout.map(|seconds| Duration::from_secs(seconds.unsigned_abs())),
            api_key: credential(sent, "api_key"),
            api_secret: credential(sent, "api_secret"),
            config: sent.object("config").unwrap_or_default(),
        };
        Self { change }
    }

    /// What is to be different.
    pub(in crate::api) fn change(self) -> ProviderChange {
        self.change
    }

    /// A new account, if what it needs is said.
    pub(super) fn made(self, sent: &mut SentFields) -> Option<AccountFields> {
        let name = sent.text("name", named);
        let name = sent.required("name", name);
        let kind = sent.text("kind", word::<ProviderKind>);
        let kind = sent.required("kind", kind);
        let channel = sent.text("channel", word::<Channel>);
        let channel = match kind {
            Some(kind) => sent.required("channel", channel.or(kind.channel())),
            None => channel,
        };
        let ProviderChange {
            is_active,
            priority,
            weight,
            rate_limit,
            timeout,
            api_key,
            api_secret,
            config,
        } = self.change;
        Some(AccountFields {
            name: name?,
            kind: kind?,
            channel: channel?,
            is_active: is_active.unwrap_or(true),
            priority: priority.unwrap_or(0),
            weight: weight.unwrap_or(1),
            rate_limit: rate_limit.flatten(),
            timeout: timeout.unwrap_or(TIMEOUT),
            api_key: api_key.flatten(),
            api_secret: api_secret.flatten(),
            config: without_nulls(config),
        })
    }
}

/// A value that is to be another one, or to be taken away.
fn given<T>(value: Option<T>, is_null: bool) -> Option<Option<T>> {
    match value {
        Some(value) => Some(Some(value)),
        None => is_null.then_some(None),
    }
}

fn credential(sent: &mut SentFields, name: &str) -> Option<Option<String>> {
    let is_null = sent.is_null(name);
    let text = sent.text(name, |text| match text.is_empty() || text.contains('\0') {
        true => Err("a text that is not empty and holds no NUL".to_owned()),
        false => Ok(text.to_owned()),
    });
    given(text, is_null)
}

fn without_nulls(config: Map<String, Value>) -> Map<String, Value> {
    let config = config.into_iter();
    config.filter(|(_, value)| !value.is_null()).collect()
}

fn word<T: std::str::FromStr>(text: &str) -> Result<T, String>
where
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|error: T::Err| error.to_string())
}

fn named(text: &str) -> Result<String, String> {
    let length = text.chars().count();
    let good = (1..=NAME_CHARS).contains(&length)
        && !text.chars().any(char::is_control)
        && !text.contains('/');
    let why = format!("1 to {NAME_CHARS} characters on one line, and no `/`");
    good.then(|| text.to_owned()).ok_or(why)
}
