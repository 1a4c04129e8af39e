//! A provider account: one set of credentials at one provider, for one channel.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::Channel;
use super::vocabulary::vocabulary;

vocabulary! {
    /// Whose protocol an account speaks.
    ProviderKind {
        /// Twilio SendGrid, v3 Mail Send.
        Sendgrid = "sendgrid",
        /// Any SMTP server.
        Smtp = "smtp",
        /// Twilio Messages, 2010-04-01.
        Twilio = "twilio",
        /// Firebase Cloud Messaging, HTTP v1.
        Fcm = "fcm",
        /// Slack: `chat.postMessage` or an incoming webhook.
        Slack = "slack",
        /// Nobody's: accepts everything and sends nothing.
        Sandbox = "sandbox",
    }
}

vocabulary! {
    /// How an account is stopped for a while.
    PauseKind {
        /// No request is started: what waits for it waits, or goes to another account.
        Pause = "pause",
        /// Nothing new comes to it; what it has in hand is sent.
        Drain = "drain",
    }
}

/// An account that is stopped for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountPause {
    /// How.
    pub kind: PauseKind,
    /// Why, in the words of whoever did it.
    pub reason: String,
    /// Who did it: the id of their API key.
    pub by: String,
    /// Since when.
    pub since: Timestamp,
    /// Until when.
    pub until: Timestamp,
}

impl ProviderKind {
    /// The channel that accounts of this kind serve; `None`: each serves one of its own choice.
    #[must_use]
    pub const fn channel(self) -> Option<Channel> {
        match self {
            Self::Sendgrid | Self::Smtp => Some(Channel::Email),
            Self::Twilio => Some(Channel::Sms),
            Self::Fcm => Some(Channel::Push),
            Self::Slack => Some(Channel::Chat),
            Self::Sandbox => None,
        }
    }
}

/// An account as configured, with its secrets opened. Its `Debug` shows no secret.
#[derive(Clone)]
pub struct Account {
    /// The row's id.
    pub id: Uuid,
    /// Unique name; the `provider` of rows and labels.
    pub name: String,
    /// Whose protocol.
    pub kind: ProviderKind,
    /// The channel it serves.
    pub channel: Channel,
    /// Higher is asked first.
    pub priority: i32,
    /// Share among accounts of equal priority.
    pub weight: u32,
    /// Requests a minute for the account over all nodes; `None` is unlimited.
    pub rate_limit: Option<u32>,
    /// Longest that one request may take.
    pub timeout: Duration,
    /// API key, user, bot token; see the contract's table.
    pub api_key: Option<String>,
    /// Secret, password, service-account JSON, incoming-webhook URL.
    pub api_secret: Option<String>,
    /// Settings by kind.
    pub config: Map<String, Value>,
    /// When it was last changed; a change replaces the actor's state.
    pub updated_at: Timestamp,
}

impl Account {
    /// Whether the provider sees the same account: what is known of one holds for the other.
    #[must_use]
    pub fn is_same_to_provider(&self, other: &Self) -> bool {
        self.id == other.id
            && self.name == other.name
            && (self.kind, self.channel) == (other.kind, other.channel)
            && self.api_key == other.api_key
            && self.api_secret == other.api_secret
            && self.config == other.config
    }
}

impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Account")
            .field("name", &self.name)
            .field("kind", &self.kind)
            .field("channel", &self.channel)
            .field("priority", &self.priority)
            .field("rate_limit", &self.rate_limit)
            .finish_non_exhaustive()
    }
}
