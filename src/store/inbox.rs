//! Inboxes: what is in whose, and what its person did with it.
//!
//! Whoever changes something of a person's inbox holds their row of `inbox_readers` until the commit and counts its
//! sequence up ([`reader`]): the order of sequences is the order of commits, and none is missing. What has
//! changed behind a sequence is read from the items themselves ([`changes`]); a notice only says that it is worth a
//! look ([`hints`]).

mod board;
pub mod bulk;
pub mod changes;
pub(super) mod deliver;
pub mod entry;
pub mod hints;
pub mod listening;
pub mod listing;
pub mod reader;
pub mod state;
pub mod streams;
pub mod upkeep;

pub use board::{InboxBoard, InboxHint};
pub use entry::InboxEntry;
