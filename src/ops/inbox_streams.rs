//! Streams of inboxes: whoever has one open hears of what changes, in the order of their own sequence and without a
//! gap.
//!
//! The table is the truth. A stream knows the sequence up to which it was told; the hub reads what has a higher one
//! when a hint says that it is worth a look, and every few seconds anyway. Nobody waits for a stream: one that is
//! not read is told nothing more until it is, and ended when it is too far behind.

mod book;
mod event;
mod hub;
mod open_stream;
mod settings;
mod streams;
mod subscription;
mod views;

pub use self::event::{StreamEnd, StreamEvent, StreamOrder, StreamRefusal, StreamStep};
pub use self::settings::StreamSettings;
pub use self::streams::InboxStreams;
pub use self::subscription::InboxSubscription;
