//! Accounts as they are shown, and as the audit trail keeps them: without their secrets.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use crate::domain::{AccountPause, PauseKind, ProviderKind};
use crate::providers::catalog;
use crate::store::accounts::AccountFields;
use crate::store::accounts::desk::StoredProvider;
use crate::store::audit::AuditChanges;

/// A secret.
const MASK: &str = "***";
/// A secret that is another one now.
const CHANGED: &str = "*** (changed)";

/// An account at a provider, without its secrets.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Provider)]
pub struct ShownProvider {
    /// Names it in paths, rows and metrics.
    #[schema(example = "sendgrid-main")]
    pub name: String,
    /// Whose protocol it speaks.
    #[schema(example = "sendgrid")]
    pub kind: String,
    /// The channel that it serves.
    #[schema(example = "email")]
    pub channel: String,
    /// Whether it is used.
    pub is_active: bool,
    /// Higher is asked first.
    pub priority: i32,
    /// Share among accounts of equal priority.
    pub weight: i32,
    /// Requests a minute, over all nodes; null is unlimited.
    pub rate_limit: Option<i32>,
    /// Longest that one request may take, in seconds.
    pub timeout_seconds: i32,
    /// Whether there is a first credential.
    pub api_key_set: bool,
    /// Whether there is a second one.
    pub api_secret_set: bool,
    /// Settings by kind; `***` stands for a secret.
    #[schema(value_type = Object)]
    pub config: Map<String, Value>,
    /// Why it cannot be read as it is stored, if so: it is not used.
    pub trouble: Option<String>,
    /// Who has stopped it for a while.
    pub paused: Option<ShownPause>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
}

/// An account that is stopped for a while.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = ProviderPause)]
pub struct ShownPause {
    /// `pause`: no request is started; `drain`: nothing new comes, and what it has in hand is sent.
    #[schema(value_type = String, example = "pause")]
    pub kind: PauseKind,
    /// Why.
    pub reason: String,
    /// Who did it: the id of their API key.
    pub by: String,
    /// Since when.
    pub since: Timestamp,
    /// Until when; it ends by itself.
    pub until: Timestamp,
}

impl From<&AccountPause> for ShownPause {
    fn from(pause: &AccountPause) -> Self {
        Self {
            kind: pause.kind,
            reason: pause.reason.clone(),
            by: pause.by.clone(),
            since: pause.since,
            until: pause.until,
        }
    }
}

impl From<&StoredProvider> for ShownProvider {
    fn from(stored: &StoredProvider) -> Self {
        let fields = stored.fields.as_ref();
        Self {
            name: stored.name.clone(),
            kind: stored.kind.clone(),
            channel: stored.channel.clone(),
            is_active: stored.is_active,
            priority: stored.priority,
            weight: stored.weight,
            rate_limit: stored.rate_limit,
            timeout_seconds: stored.timeout_seconds,
            api_key_set: stored.has_key,
            api_secret_set: stored.has_secret,
            config: fields
                .map(|fields| masked(fields.kind, &fields.config))
                .unwrap_or_default(),
            trouble: fields.err().cloned(),
            paused: stored.pause.as_ref().map(ShownPause::from),
            created_at: stored.created_at,
            updated_at: stored.updated_at,
        }
    }
}

/// Settings by kind: what is not known to be harmless is masked.
fn masked(kind: ProviderKind, config: &Map<String, Value>) -> Map<String, Value> {
    masked_upon(kind, config, None)
}

/// The same; what is masked says whether it is another one than before.
fn masked_upon(
    kind: ProviderKind,
    config: &Map<String, Value>,
    before: Option<&Map<String, Value>>,
) -> Map<String, Value> {
    let shown = |(key, value): (&String, &Value)| {
        let value = match catalog::is_shown(kind, key) {
            true => value.clone(),
            false => Value::from(mask(value, before.and_then(|before| before.get(key)))),
        };
        (key.clone(), value)
    };
    config.iter().map(shown).collect()
}

/// What stands for a secret.
fn mask<T: PartialEq>(secret: &T, before: Option<&T>) -> &'static str {
    match before.is_some_and(|before| before != secret) {
        true => CHANGED,
        false => MASK,
    }
}

/// An account for the audit trail.
pub(super) fn audited(fields: &AccountFields) -> Value {
    audited_upon(fields, None)
}

fn audited_upon(fields: &AccountFields, before: Option<&AccountFields>) -> Value {
    let key = |of: fn(&AccountFields) -> Option<&String>| {
        of(fields).map(|secret| mask(secret, before.and_then(of)))
    };
    let config = before.map(|before| &before.config);
    json!({
        "name": fields.name,
        "kind": fields.kind.as_str(),
        "channel": fields.channel.as_str(),
        "is_active": fields.is_active,
        "priority": fields.priority,
        "weight": fields.weight,
        "rate_limit": fields.rate_limit,
        "timeout_seconds": fields.timeout.as_secs(),
        "api_key": key(|fields| fields.api_key.as_ref()),
        "api_secret": key(|fields| fields.api_secret.as_ref()),
        "config": masked_upon(fields.kind, &fields.config, config),
    })
}

/// What differs between two states of an account. That a secret is another one is told, and no more.
pub(super) fn difference(old: &AccountFields, new: &AccountFields) -> AuditChanges {
    AuditChanges::between(audited(old), audited_upon(new, Some(old)))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::Channel;

    fn twilio(secret: &str, token: &str) -> AccountFields {
        let config = json!({ "from": "+4915112345678", "auth_token": token });
        AccountFields {
            name: "texts".to_owned(),
            kind: ProviderKind::Twilio,
            channel: Channel::Sms,
            is_active: true,
            priority: 1,
            weight: 1,
            rate_limit: None,
            timeout: Duration::from_secs(30),
            api_key: Some("AC1".to_owned()),
            api_secret: Some(secret.to_owned()),
            config: config.as_object().cloned().unwrap_or_default(),
        }
    }

    #[test]
    fn the_trail_says_that_a_secret_has_changed_and_shows_none() {
        let (old, new) = (twilio("first", "token-one"), twilio("second", "token-two"));
        let changes = format!("{:?}", difference(&old, &new));
        for secret in ["first", "second", "token-one", "token-two"] {
            assert!(!changes.contains(secret), "{changes}");
        }
        assert_eq!(changes.matches(CHANGED).count(), 2, "{changes}");
        assert!(
            !changes.contains("AC1") && !changes.contains("weight"),
            "{changes}"
        );
        assert!(difference(&old, &old).is_empty());
        let shown = masked(old.kind, &old.config);
        assert_eq!(shown.get("from"), Some(&json!("+4915112345678")));
        assert_eq!(shown.get("auth_token"), Some(&json!(MASK)));
    }
}
