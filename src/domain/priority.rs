//! How soon a notification wants to be sent.

use super::vocabulary::vocabulary;

vocabulary! {
    /// How soon a notification wants to be sent; declared from the most to the least urgent.
    Priority {
        /// Passes quiet hours and caps (never an opt-out).
        Urgent = "urgent",
        /// Before normal ones.
        High = "high",
        /// The default.
        Normal = "normal",
        /// Bulk.
        Low = "low",
    }
}
