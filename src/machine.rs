//! The state machine of a notification on its way: what happens goes in, what is to be done comes out.
//!
//! The engine runs it with actors, tasks and locks around it; the simulation (`tests/simulation`) runs
//! the same code in a world that it makes up. So nothing here waits, reads a clock, draws at random or
//! touches the world: time, chance and the facts arrive as values.
//!
//! | what happens | asked | what comes out |
//! |---|---|---|
//! | a message came with a key that somebody holds | [`claim::what_becomes_of`] | wait, take over, repeated, refused |
//! | a job came to its channel, or a place under a cap was reserved | [`eligibility::dispatch`] | render, reserve, store |
//! | a job came to an account | [`queue::Queue`] | who goes next, who has waited too long |
//! | something waits in the database for an account | [`load::Load::room`] | how many it can take |
//! | whoever waits for an account looks | [`account::AccountState::turn`] | go, wait, lease tokens |
//! | a token came or not, time passed, the lease was lost, the engine stops | [`delivery::look`] | recheck, wait, call, pass on, store, give back |
//! | a further address has its token | [`request::admit_another`] | call, or not asked |
//! | the recipient was looked up again | [`delivery::rechecked`] | go on, store |
//! | the answers came | [`delivery::answered`] | pass on, store |
//! | it waited too long, or nobody is left to be asked | [`delivery::unavailable`] | store |
//! | the account went out of use | [`delivery::retired`] | route anew, hand over |
//! | one answer came | [`account::AccountState::answered`] | what others are to be told |
//!
//! What an outcome leads to that has met the database says [`Settlement::after`](crate::domain::Settlement::after).

pub mod account;
pub mod batch;
pub mod claim;
pub mod delivery;
pub mod eligibility;
pub mod job;
pub mod load;
pub mod queue;
pub mod request;

pub use account::AccountState;
pub use delivery::{Exit, NextAction};
pub use job::{Guard, Job, Outcome};
