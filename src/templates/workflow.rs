//! Workflows: what happened becomes what people are told. A definition is read and checked as a whole, and a run of
//! it is decided a step at a time from facts.
//!
//! Nothing here reads a clock or touches the world: the engine and the tests drive the same functions.

pub mod audience;
pub mod calendar;
pub mod definition;
mod fields;
pub mod machine;
mod mistake;
pub mod pattern;
pub mod reading;
pub mod span;
mod step;
pub mod trial;

pub use audience::{Audience, MOST_RECIPIENTS, NoAudience, audience};
pub use definition::{
    CancelRule, Deed, DelayRule, DigestRule, DigestWindow, Move, Reach, Reached, RecipientRule,
    SendRule, SourceRule, ThrottleRule, ThrottleScope, Workflow,
};
pub use machine::decide;
pub use mistake::WorkflowMistake;
pub use pattern::TypePattern;
pub use reading::read;
pub use step::{DigestAsk, RunNote, SendOrder, StepDecision, StepFacts, ThrottleAsk};
pub use trial::{Trial, TrialStep, trial};
