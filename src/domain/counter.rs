//! What a daily cap counts.

use jiff::civil::Date;
use serde::Serialize;

use super::preference::Scope;

/// One counter that a notification is counted in: a preference's scope on a local day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Counter {
    /// What the capped preference is about.
    pub scope: Scope,
    /// The person's calendar day, in the preference's zone.
    pub day: Date,
    /// Most notifications on that day.
    pub cap: u32,
}

/// A counter with what it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Counted {
    /// The counter.
    #[serde(flatten)]
    pub counter: Counter,
    /// Notifications counted on that day, others' reservations included, one's own not.
    pub count: u32,
}

impl Counted {
    /// Whether one more is within the cap.
    #[must_use]
    pub const fn has_room(&self) -> bool {
        self.count < self.counter.cap
    }
}
