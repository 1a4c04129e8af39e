//! Where a notification stands.

use super::vocabulary::vocabulary;

vocabulary! {
    /// Where a notification stands. All but `pending` are final.
    Status {
        /// Waiting: for its time, for quiet hours to end, for a retry, for a provider.
        Pending = "pending",
        /// Accepted by a provider.
        Sent = "sent",
        /// Will not be sent; a dead letter exists.
        Failed = "failed",
        /// Decided against: by the person's preference, by time, or through the API.
        Cancelled = "cancelled",
    }
}

impl Status {
    /// Whether nothing may change it any more.
    #[must_use]
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Pending)
    }
}
