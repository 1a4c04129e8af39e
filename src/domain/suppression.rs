//! An address that nothing may be sent to.

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

impl Suppression {
    /// An address as the list holds it: in the one spelling of its channel.
    #[must_use]
    pub fn address(channel: Channel, address: &str) -> String {
        address::spelt(channel, address)
    }
}
