//! RabbitMQ and nothing but: connections, topology, consumers, receipts, publishing, and the
//! envelope that messages come in.
//!
//! A delivery is never acknowledged here on its own account: only a redeemed [`Receipt`] does, and
//! a dropped one returns its delivery. Events are acknowledged where they are consumed, once they are stored.

pub mod ack_window;
pub mod arrival;
pub mod cloud_event;
pub mod connection;
pub mod consumer;
pub mod envelope;
pub mod error;
pub mod event_consumer;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
pub mod lane_channel;
pub mod publisher;
pub mod receipt;
pub mod set_aside;
pub mod status;
pub mod submission;
pub mod topology;
pub mod unreadable;

pub use arrival::Arrival;
pub use envelope::{Envelope, Refusal};
pub use error::BrokerError;
pub use publisher::Rejected;
pub use receipt::Receipt;
pub use unreadable::Unreadable;
