//! Stand-ins for the providers, over real sockets.
//!
//! Each judges a request as the provider's official description does, refuses what the real one
//! would refuse, writes what it accepts into a [`Ledger`](crate::ledger::Ledger), and misbehaves on
//! demand by its [`Behaviour`]. What must never happen here: a request judged by what Herald is known
//! to send, instead of by what the provider documents.
//!
//! ```
//! use loadtest::simulator::{Provider, Simulator};
//!
//! let simulator = Simulator::start(Provider::SendGrid)?;
//! assert!(simulator.base_url().starts_with("http://127.0.0.1:"));
//! assert_eq!(simulator.stats().accepted, 0);
//! # Ok::<(), std::io::Error>(())
//! ```

use std::fmt;

use serde::{Deserialize, Serialize};

mod answer;
mod behaviour;
mod builder;
mod control;
mod counters;
mod fault;
mod fcm;
mod form;
mod handle;
mod http;
mod judge;
mod latency;
mod sendgrid;
mod slack;
mod smtp;
mod state;
#[cfg(test)]
mod testing;
mod twilio;
mod wire;

pub use behaviour::{Behaviour, Rule, When};
pub use builder::Builder;
pub use counters::{Recorded, Stats};
pub use fault::Fault;
pub(crate) use fcm::{
    CLIENT_EMAIL as TEST_CLIENT_EMAIL, PROJECT, private_key as test_private_key,
    service_account_json,
};
pub use handle::Simulator;
pub use latency::Latency;

/// The header in which the engine names the notification on every provider request.
pub const NOTIFICATION_HEADER: &str = "x-herald-notification-id";

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

#[cfg(test)]
mod tests;
