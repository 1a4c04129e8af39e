//! Channels, priorities and their pairs, as the routing keys of the contract name them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The topic exchange that notifications are published to.
pub const EXCHANGE: &str = "herald.notifications";

/// A way to reach a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// Mail.
    Email,
    /// Text message.
    Sms,
    /// Push to the person's devices.
    Push,
    /// The engine's own inbox; no provider.
    InApp,
    /// Chat.
    Chat,
}

impl Channel {
    /// All channels.
    pub const ALL: [Self; 5] = [Self::Email, Self::Sms, Self::Push, Self::InApp, Self::Chat];

    /// The name in envelopes and routing keys.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Sms => "sms",
            Self::Push => "push",
            Self::InApp => "in_app",
            Self::Chat => "chat",
        }
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// How much a message hurries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// Now, whatever the hour.
    Urgent,
    /// Before the ordinary.
    High,
    /// The ordinary.
    Normal,
    /// Bulk.
    Low,
}

impl Priority {
    /// All priorities, the most urgent first.
    pub const ALL: [Self; 4] = [Self::Urgent, Self::High, Self::Normal, Self::Low];

    /// The name in envelopes and routing keys.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Urgent => "urgent",
            Self::High => "high",
            Self::Normal => "normal",
            Self::Low => "low",
        }
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A channel and a priority: what a queue is for. Shown as its routing key, `email.normal`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Lane {
    /// The channel.
    pub channel: Channel,
    /// The priority.
    pub priority: Priority,
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.channel, self.priority)
    }
}
