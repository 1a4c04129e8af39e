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

impl Priority {
    /// Share of the work when all priorities have work waiting.
    #[must_use]
    pub const fn weight(self) -> u32 {
        match self {
            Self::Urgent => 8,
            Self::High => 4,
            Self::Normal => 2,
            Self::Low => 1,
        }
    }
}
