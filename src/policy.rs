//! Decisions: whether, when and through whom a notification goes, and what a provider's answer
//! leads to.
//!
//! Functions from facts and `now` to a decision. No clock, no randomness (jitter arrives as a
//! number), no IO, no `async`. The send path and `explain` call the same [`decide::decide`].

pub mod address;
pub mod after_pass;
pub mod decide;
pub mod expiry;
pub mod preference;
pub mod routing;
pub mod schedule;

pub use after_pass::{Verdict, after_pass};
pub use decide::{Decision, Facts, decide};
pub use routing::AccountFacts;
