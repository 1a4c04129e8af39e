//! An address that nothing may be sent to.

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use super::vocabulary::vocabulary;
use super::{Channel, address};

vocabulary! {
    /// Why an address is suppressed.
    SuppressionReason {
        /// The mailbox does not exist.
        HardBounce = "hard_bounce",
        /// The person called it spam.
        Complaint = "complaint",
        /// The person answered STOP.
        Stop = "stop",
        /// The person unsubscribed.
        Unsubscribe = "unsubscribe",
        /// An operator's decision.
        Manual = "manual",
    }
}

/// An entry of the suppression list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suppression {
    /// The tenant.
    pub tenant_id: Uuid,
    /// The channel of the address.
    pub channel: Channel,
    /// The address, see [`Suppression::address`].
    pub address: String,
    /// Why.
    pub reason: SuppressionReason,
    /// The only category of messages that is kept from it; all are without it.
    pub category: Option<String>,
}

/// An entry that stands against an address now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StandingSuppression {
    /// Its id.
    pub id: Uuid,
    /// Why the address is on the list.
    pub reason: SuppressionReason,
    /// The only category that it keeps from the address.
    pub category: Option<String>,
    /// Since when.
    pub since: Timestamp,
    /// When it ends by itself.
    pub until: Option<Timestamp>,
    /// The provider's event that put it there, if it was one that is still known.
    pub told_by: Option<SuppressionOrigin>,
}

/// The provider's event that put an address on the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SuppressionOrigin {
    /// The account that told it.
    pub provider: String,
    /// What it told: a word of [`super::ProviderEvent`], or of a newer version.
    pub event: String,
    /// When that happened, as the provider says.
    pub at: Timestamp,
}

impl StandingSuppression {
    /// Why and since when, to stand behind "the address is on the suppression list".
    #[must_use]
    pub fn says(&self) -> String {
        let mut says = format!("{} since {}", self.reason.says(), self.since);
        if let Some(told) = &self.told_by {
            let told = format!(", as {} told ({})", told.provider, told.event);
            says.push_str(&told);
        }
        if let Some(category) = &self.category {
            says.push_str(&format!(", for `{category}` alone"));
        }
        if let Some(until) = self.until {
            says.push_str(&format!(", until {until}"));
        }
        says
    }
}

impl SuppressionReason {
    /// The reason in words.
    #[must_use]
    pub const fn says(self) -> &'static str {
        match self {
            Self::HardBounce => "it is dead (`hard_bounce`)",
            Self::Complaint => "the person called mail spam (`complaint`)",
            Self::Stop => "the person answered STOP (`stop`)",
            Self::Unsubscribe => "the person unsubscribed (`unsubscribe`)",
            Self::Manual => "an operator put it there (`manual`)",
        }
    }
}

impl Suppression {
    /// An address as the list holds it: in the one spelling of its channel.
    #[must_use]
    pub fn address(channel: Channel, address: &str) -> String {
        address::spelt(channel, address)
    }
}
