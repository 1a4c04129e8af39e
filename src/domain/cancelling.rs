//! What becomes of notifications that somebody wants to cancel.

use super::vocabulary::vocabulary;

vocabulary! {
    /// Where a notification stands, for somebody who wants to cancel it.
    CancelState {
        /// It waits, and nobody has it in hand.
        Pending = "pending",
        /// A node has it in hand: a provider may be being asked.
        InFlight = "in_flight",
        /// One of its devices has accepted it.
        PartlySent = "partly_sent",
        /// A provider has accepted it.
        Sent = "sent",
        /// It has failed for good.
        Failed = "failed",
        /// It was cancelled.
        Cancelled = "cancelled",
    }
}

/// How many notifications were cancelled, and how many stand where they can be cancelled no more.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CancelCount {
    /// Cancelled by this.
    pub cancelled: u64,
    /// In hand of a node: they may be sent, or be cancelled when asked again.
    pub in_flight: u64,
    /// Accepted by some of their devices.
    pub partly_sent: u64,
    /// Sent before.
    pub sent: u64,
    /// Failed before.
    pub failed: u64,
    /// Cancelled before.
    pub already_cancelled: u64,
}

impl CancelCount {
    /// Counts one that this has not cancelled.
    pub const fn count(&mut self, state: CancelState) {
        match state {
            CancelState::Pending | CancelState::InFlight => self.in_flight += 1,
            CancelState::PartlySent => self.partly_sent += 1,
            CancelState::Sent => self.sent += 1,
            CancelState::Failed => self.failed += 1,
            CancelState::Cancelled => self.already_cancelled += 1,
        }
    }

    /// Where they stand when nothing was cancelled: what may still change is named first. `None` when something
    /// was cancelled, or there was nothing.
    #[must_use]
    pub const fn too_late(&self) -> Option<CancelState> {
        if self.cancelled > 0 {
            None
        } else if self.in_flight > 0 {
            Some(CancelState::InFlight)
        } else if self.partly_sent > 0 {
            Some(CancelState::PartlySent)
        } else if self.sent > 0 {
            Some(CancelState::Sent)
        } else if self.failed > 0 {
            Some(CancelState::Failed)
        } else if self.already_cancelled > 0 {
            Some(CancelState::Cancelled)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_too_late_where_something_was_cancelled_or_nothing_was_there() {
        let mut count = CancelCount::default();
        assert_eq!(count.too_late(), None);
        count.count(CancelState::Cancelled);
        assert_eq!(count.too_late(), Some(CancelState::Cancelled));
        count.count(CancelState::Sent);
        assert_eq!(count.too_late(), Some(CancelState::Sent));
        count.count(CancelState::InFlight);
        assert_eq!(count.too_late(), Some(CancelState::InFlight));
        count.cancelled = 1;
        assert_eq!(count.too_late(), None);
    }
}
