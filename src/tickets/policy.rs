//! The decisions of the support desk: what a deed makes of a ticket, what its clocks say, who gets it, and what
//! others are told.
//!
//! Pure: a moment arrives as a value, and so does all that is stored.

mod assigning;
mod clocks;
mod deeds;
mod file_names;
mod file_types;
mod filing;
mod hours;
mod looking;
mod mail;
mod orders;
mod quoting;
mod telling;

pub use assigning::{chosen, next_level};
pub use clocks::{ClockFact, ClockProgress, ClockStanding, ClockWord, clock_facts, standings};
pub use deeds::{Done, absorb, assign, comment, create, delete, edit, escalate, merge, set_status};
pub use file_names::safe_name;
pub use file_types::{HEAD_BYTES, media_type};
pub use filing::{attach, detach};
pub use hours::{service_after, service_between};
pub use looking::{LookRules, TicketLook, look};
pub use mail::{MailHead, is_automatic, proof, speaker};
pub use orders::{DeedRefusal, NewTicket, TicketEdit};
pub use quoting::without_quotes;
pub use telling::{TicketTold, shows_requester, told_of, told_of_all};

#[cfg(test)]
mod tests;
