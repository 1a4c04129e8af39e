//! What is to be different of an account.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::store::accounts::AccountFields;

/// What is to be different of an account; what is `None` stays. It has no `Debug`, for its secrets.
#[derive(Default)]
pub struct ProviderChange {
    /// Whether it is used.
    pub is_active: Option<bool>,
    /// Higher is asked first.
    pub priority: Option<i32>,
    /// Share among accounts of equal priority.
    pub weight: Option<u32>,
    /// Requests a minute; `Some(None)` takes the limit away.
    pub rate_limit: Option<Option<u32>>,
    /// Longest that one request may take, in whole seconds.
    pub timeout: Option<Duration>,
    /// First credential; `Some(None)` takes it away.
    pub api_key: Option<Option<String>>,
    /// Second credential; `Some(None)` takes it away.
    pub api_secret: Option<Option<String>>,
    /// Settings by kind that are different; a null takes one away.
    pub config: Map<String, Value>,
}

impl ProviderChange {
    /// An account with what is said of it.
    pub(super) fn upon(self, fields: AccountFields) -> AccountFields {
        let mut config = fields.config;
        for (key, value) in self.config {
            match value {
                Value::Null => drop(config.remove(&key)),
                value => drop(config.insert(key, value)),
            }
        }
        AccountFields {
            is_active: self.is_active.unwrap_or(fields.is_active),
            priority: self.priority.unwrap_or(fields.priority),
            weight: self.weight.unwrap_or(fields.weight),
            rate_limit: self.rate_limit.unwrap_or(fields.rate_limit),
            timeout: self.timeout.unwrap_or(fields.timeout),
            api_key: self.api_key.unwrap_or(fields.api_key),
            api_secret: self.api_secret.unwrap_or(fields.api_secret),
            config,
            ..fields
        }
    }
}
