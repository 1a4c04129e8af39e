//! What a provider tells after it has accepted a message.

use super::vocabulary::vocabulary;

vocabulary! {
    /// What a provider tells after it has accepted a message.
    ProviderEvent {
        /// On its way.
        Processed = "processed",
        /// The receiving side asked to come again later.
        Deferred = "deferred",
        /// Arrived.
        Delivered = "delivered",
        /// The receiving side refused it.
        Bounce = "bounce",
        /// The provider did not send it after all.
        Dropped = "dropped",
        /// Opened.
        Open = "open",
        /// A link in it was followed.
        Click = "click",
        /// Called spam.
        Complaint = "complaint",
        /// Unsubscribed with it.
        Unsubscribe = "unsubscribe",
        /// A text message that did not arrive.
        Undelivered = "undelivered",
    }
}
