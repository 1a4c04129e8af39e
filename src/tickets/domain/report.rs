//! How the desk kept its targets.

use super::TicketPriority;

/// How the targets of one kind of tickets were kept.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceLine {
    /// What they are about.
    pub category: Option<String>,
    /// How soon they must be worked on.
    pub priority: TicketPriority,
    /// How many were made.
    pub asked: i64,
    /// The first answer.
    pub first_response: ServiceKept,
    /// The end of the matter.
    pub resolution: ServiceKept,
}

/// How one target was kept.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ServiceKept {
    /// Tickets of which it was done in time.
    pub in_time: i64,
    /// Tickets of which it was done too late, or is still to be done.
    pub missed: i64,
    /// Seconds that half of them took at most, by the clock on the wall; `None` if it was never done.
    pub median: Option<f64>,
    /// Seconds that nine of ten took at most.
    pub p90: Option<f64>,
}
