//! When a place under a daily cap is given back.
//!
//! A cap that is never passed matters more than a place that is lost to a crash: what may have been
//! delivered stays counted, and so does what this pass has not reserved itself.

use crate::domain::{AttemptRecord, Status};

/// What is known of one notification when its pass ends.
#[derive(Debug, Clone, Copy)]
pub struct Ending<'a> {
    /// How the pass ends.
    pub status: Status,
    /// Whether this pass reserved its places.
    pub reserved: bool,
    /// Whether a run that died had it in hand before, and so may have sent it.
    pub inherited: bool,
    /// Its timeline, this pass included.
    pub attempts: &'a [AttemptRecord],
}

/// Whether the places that a notification holds go back: it reserved them, it is not sent, and
/// nobody can have sent it.
#[must_use]
pub fn is_due(ending: &Ending<'_>) -> bool {
    let may_be_delivered = || {
        let mut attempts = ending.attempts.iter();
        ending.inherited || attempts.any(AttemptRecord::may_be_delivered)
    };
    ending.status != Status::Sent && ending.reserved && !may_be_delivered()
}

#[cfg(test)]
mod tests;
