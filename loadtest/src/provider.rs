//! The providers that Herald sends through, as far as this program knows them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A provider that can be simulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// SendGrid v3 Mail Send.
    SendGrid,
    /// Twilio Messages.
    Twilio,
    /// Firebase Cloud Messaging, HTTP v1, with its token endpoint.
    Fcm,
    /// A mail server.
    Smtp,
    /// Slack: `chat.postMessage` and incoming webhooks.
    Slack,
}

impl Provider {
    /// All providers, in the order in which they are declared.
    pub const ALL: [Self; 5] = [
        Self::SendGrid,
        Self::Twilio,
        Self::Fcm,
        Self::Smtp,
        Self::Slack,
    ];

    /// The name as configuration and reports write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SendGrid => "sendgrid",
            Self::Twilio => "twilio",
            Self::Fcm => "fcm",
            Self::Smtp => "smtp",
            Self::Slack => "slack",
        }
    }

    /// The port that `loadtest simulate` uses unless told otherwise.
    #[must_use]
    pub fn default_port(self) -> u16 {
        match self {
            Self::SendGrid => 4030,
            Self::Twilio => 4031,
            Self::Fcm => 4032,
            Self::Smtp => 4033,
            Self::Slack => 4034,
        }
    }

    pub(crate) fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
