//! Stand-ins for the providers, over real sockets.
//!
//! Each judges a request as the provider's official description does, refuses what the real one
//! would refuse, writes what it accepts into a [`Ledger`](crate::ledger::Ledger), and misbehaves on
//! demand by its [`Behaviour`]. What must never happen here: a request judged by what Herald is known
//! to send, instead of by what the provider documents.
//!
//! ```
//! use loadtest::simulator::{Provider, Simulator};
//!
//! let simulator = Simulator::start(Provider::SendGrid)?;
//! assert!(simulator.base_url().starts_with("http://127.0.0.1:"));
//! assert_eq!(simulator.stats().accepted, 0);
//! # Ok::<(), std::io::Error>(())
//! ```

mod answer;
mod behaviour;
mod builder;
mod control;
mod counters;
mod fault;
mod fcm;
mod form;
mod handle;
mod http;
mod judge;
mod latency;
mod sendgrid;
mod slack;
mod smtp;
mod state;
#[cfg(test)]
mod testing;
mod twilio;
mod wire;

pub use behaviour::{Behaviour, Rule, When};
pub use builder::Builder;
pub use counters::{Recorded, Stats};
pub use fault::Fault;
pub(crate) use fcm::{
    CLIENT_EMAIL as TEST_CLIENT_EMAIL, PROJECT, private_key as test_private_key,
    service_account_json,
};
pub use handle::Simulator;
pub use latency::Latency;

pub use crate::provider::Provider;

/// The header in which the engine names the notification on every provider request.
pub const NOTIFICATION_HEADER: &str = "x-herald-notification-id";

#[cfg(test)]
mod tests;
