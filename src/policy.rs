//! Decisions: whether, when and through whom a notification goes, and what a provider's answer
//! leads to.
//!
//! Functions from facts and `now` to a decision. No clock, no randomness (jitter arrives as a
//! number), no IO, no `async`. The send path ([`decide::decide`]) and [`explain::explain`] ask the
//! very same list of rules.

pub mod address;
pub mod after_pass;
pub mod consequence;
pub mod decide;
pub mod expiry;
pub mod explain;
pub mod facts;
pub mod frequency_cap;
pub mod inbox;
pub mod local_time;
pub mod preference;
pub mod quiet_hours;
pub mod refund;
pub mod release;
pub mod routing;
pub mod schedule;
pub mod suppression;
pub mod switches;
pub mod told_before;
pub mod unreadable;
pub mod webhook;
pub mod what_if;

pub use after_pass::{PassResult, after_pass};
pub use decide::decide;
pub use explain::{AccountReport, Explanation, RuleOutcome, RuleReport, RuleSource, explain};
pub use facts::{Decision, Facts, Quota};
pub use routing::AccountFacts;
