//! When a place under a daily cap is given back.
//!
//! A cap that is never passed matters more than a place that is lost to a crash: what may have been
//! delivered stays counted, and so does what this pass has not reserved itself.

use crate::domain::{AttemptRecord, Status};

/// What is known of one notification when its pass ends.
#[derive(Debug, Clone, Copy)]
pub struct PassEnd<'a> {
    /// How the pass ends.
    pub status: Status,
    /// Whether this pass reserved its places.
    pub reserved: bool,
    /// Its timeline, this pass included.
    pub attempts: &'a [AttemptRecord],
}

/// Whether the places that a notification holds go back: it reserved them, it is not sent, and
/// nobody can have sent it, be it a run that died with it in hand.
#[must_use]
pub fn is_due(ending: &PassEnd<'_>) -> bool {
    let mut attempts = ending.attempts.iter();
    ending.status != Status::Sent
        && ending.reserved
        && !attempts.any(AttemptRecord::may_be_delivered)
}

#[cfg(test)]
mod tests;
