//! The actors, in the order in which a job walks: ingest, dispatcher, provider, recorder; and
//! beside them the scheduler, the catalog of accounts and templates, and the hourly metrics.
//!
//! A job is never the only copy of work: it holds its claim, and dropped in any way but by the
//! recorder it gives the claim and the delivery back. Nothing is acknowledged here before the
//! recorder's commit.

pub mod account_loader;
pub mod cap_reservations;
pub mod channels;
pub mod claim_guard;
pub mod control;
pub mod dispatcher;
pub mod eligibility;
pub mod event_reporter;
pub mod explain;
pub mod housekeeping;
pub mod in_flight;
pub mod ingest;
pub mod jobs;
pub mod lanes;
pub mod lease_gate;
pub mod lease_keeper;
pub mod listener;
pub mod metrics;
pub mod place;
pub mod provider;
pub mod readiness;
pub mod recipients;
pub mod recorder;
pub mod registry;
pub mod replay;
pub mod retry;
pub mod scheduler;
pub mod settle_queue;
pub mod templates;
pub mod trace;

pub use account_loader::AccountLoader;
pub use channels::{ChannelState, ChannelStates};
pub use control::Control;
pub use dispatcher::{Dispatcher, Dispatchers};
pub use in_flight::InFlight;
pub use ingest::Ingest;
pub use jobs::Job;
pub use lease_gate::LeaseGate;
pub use metrics::HourlyMetrics;
pub use recorder::Recorder;
pub use scheduler::Scheduler;
pub use settle_queue::SettleQueue;
