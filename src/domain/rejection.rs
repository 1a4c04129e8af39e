//! Why a message could not be accepted at all.

use super::vocabulary::vocabulary;

vocabulary! {
    /// Why a message went to `herald.rejected`; the value of its `x-herald-reason` header.
    Rejection {
        /// Not JSON, or not UTF-8.
        MalformedJson = "malformed_json",
        /// JSON, but not a version 1 envelope.
        InvalidEnvelope = "invalid_envelope",
        /// JSON, but no event (CloudEvents 1.0).
        InvalidEvent = "invalid_event",
        /// Larger than the configured maximum.
        TooLarge = "too_large",
        /// `channel` or `priority` disagree with the routing key.
        LaneMismatch = "lane_mismatch",
        /// `user_id` is not known and there is no `recipient`.
        UnknownUser = "unknown_user",
        /// No active template of this name for the channel.
        UnknownTemplate = "unknown_template",
        /// `provider` names no account of the channel.
        UnknownProvider = "unknown_provider",
        /// The e-mail or username belongs to another user.
        RecipientConflict = "recipient_conflict",
        /// `to`, or an address in `recipient`, is no address of its channel.
        BadAddress = "bad_address",
        /// The key stands for a message with other content.
        KeyReused = "key_reused",
        /// Returned too often: it may be what kills the engine.
        DeliveryLimit = "delivery_limit",
    }
}
