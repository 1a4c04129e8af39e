//! What became of a notification, as it is to be stored.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Channel, InboxContent, Notification, Origin, Reason, Status, SuppressionReason};

/// What became of one notification. Its `attempt_count` and `attempts` are those after the pass.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settlement {
    /// The notification as it is now.
    pub notification: Notification,
    /// Where it came from.
    pub origin: Origin,
    /// Where it stands.
    pub status: Status,
    /// Why; `None` when sent.
    pub reason: Option<Reason>,
    /// When the scheduler should take it, while pending.
    pub due_at: Option<Timestamp>,
    /// For which account it waits, while pending for want of one.
    pub waits_for: Option<WaitsFor>,
    /// When this was decided.
    pub decided_at: Timestamp,
    /// When a provider was last asked.
    pub last_attempted: Option<Timestamp>,
    /// The account that was asked last.
    pub provider: Option<String>,
    /// The address that was used.
    pub recipient: Option<String>,
    /// The version of the template that was rendered.
    pub template_version: Option<i32>,
    /// The provider's code.
    pub provider_response: Option<String>,
    /// The provider's id for the message.
    pub provider_message_id: Option<String>,
    /// What went wrong, in words.
    pub error_message: Option<String>,
    /// Whether it was not sent, so that it goes out of the counters of daily caps.
    pub refund: bool,
    /// Addresses that were found dead.
    pub dead_addresses: Vec<DeadAddress>,
    /// What the inbox shows, of what is delivered there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<InboxContent>,
}

/// What the database has of an outcome after the statement that was to store it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoredAs {
    /// The notification's row says so by this.
    Row,
    /// It was refused for its own data, and the quarantine has it whole.
    Quarantine,
    /// It is not settled yet: it was refused, and not for its own data, or somebody has locked its row.
    NotYet,
    /// Somebody else settled it before: a run that took it over, a cancellation.
    Other,
}

/// What follows for the deliveries of a notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterStatement {
    /// They are acknowledged: the database says what became of it.
    Acknowledge,
    /// They wait: it is settled again, for as long as it takes.
    SettleAgain,
    /// They return: it was not accepted, and is no longer ours. Somebody else may still say what became
    /// of it.
    Return,
}

impl Settlement {
    /// What follows for its deliveries. An acceptance that was not stored has met a final state.
    #[must_use]
    pub fn after(&self, stored: StoredAs) -> AfterStatement {
        match stored {
            StoredAs::NotYet => AfterStatement::SettleAgain,
            StoredAs::Row | StoredAs::Quarantine => AfterStatement::Acknowledge,
            StoredAs::Other if self.status == Status::Sent => AfterStatement::Acknowledge,
            StoredAs::Other => AfterStatement::Return,
        }
    }
}

/// For whom a notification waits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum WaitsFor {
    /// Any account of its channel.
    Any,
    /// The account of this name; others may carry it, too.
    Account(String),
    /// The account of this name alone: it is pinned to it.
    Pinned(String),
}

impl WaitsFor {
    /// The account's name.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Any => None,
            Self::Account(name) | Self::Pinned(name) => Some(name),
        }
    }

    /// Reads what [`fmt::Display`] writes.
    pub(crate) fn read(word: &str) -> Option<Self> {
        match word.split_once(':') {
            Some(("account", name)) => Some(Self::Account(name.to_owned())),
            Some(("pinned", name)) => Some(Self::Pinned(name.to_owned())),
            _ => (word == "any").then_some(Self::Any),
        }
    }
}

/// As it stands in the row.
impl fmt::Display for WaitsFor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any"),
            Self::Account(name) => write!(f, "account:{name}"),
            Self::Pinned(name) => write!(f, "pinned:{name}"),
        }
    }
}

/// An address that a provider says is dead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeadAddress {
    /// A device whose token is not registered any more.
    Device {
        /// The device.
        id: Uuid,
        /// When the provider was asked: an app that has reported since lives.
        asked_at: Timestamp,
    },
    /// An address that nothing more may be sent to.
    Suppress {
        /// The channel.
        channel: Channel,
        /// The address.
        address: String,
        /// Why.
        reason: SuppressionReason,
        /// The only account for whose sender it holds: a STOP is said to a number.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        account: Option<Uuid>,
    },
}
