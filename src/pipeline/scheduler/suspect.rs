//! Rows that may be what ends the process: one at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::super::hold::Turn;

/// Whether such a row is in hand. While one is, no other is taken: if the process ends again, it is
/// known because of which.
#[derive(Debug, Default)]
pub struct Suspect(Arc<AtomicBool>);

impl Suspect {
    /// Whether none is in hand.
    pub(super) fn is_free(&self) -> bool {
        !self.0.load(Ordering::Acquire)
    }

    /// One is taken in hand, until the turn is dropped.
    pub(super) fn begin(&self) -> Turn {
        self.0.store(true, Ordering::Release);
        let in_hand = Arc::clone(&self.0);
        Turn(Box::new(move || in_hand.store(false, Ordering::Release)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_one_may_come_when_the_turn_is_over() {
        let suspect = Suspect::default();
        assert!(suspect.is_free());
        let turn = suspect.begin();
        assert!(!suspect.is_free());
        drop(turn);
        assert!(suspect.is_free());
    }
}
