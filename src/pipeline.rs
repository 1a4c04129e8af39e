//! The actors, in the order in which a job walks: ingest, dispatcher, provider, recorder; and
//! beside them the scheduler, the catalog of accounts and templates, and the hourly metrics.
//!
//! A job is never the only copy of work: it holds its claim, and dropped in any way but by the
//! recorder it gives the claim and the delivery back. Nothing is acknowledged here before the
//! recorder's commit.

pub mod catalog;
pub mod channels;
pub mod control;
pub mod directory;
pub mod dispatcher;
pub mod explain;
pub mod fence;
pub mod hold;
pub mod housekeeping;
pub mod in_flight;
pub mod ingest;
pub mod jobs;
pub mod judge;
pub mod lanes;
pub mod lease_keeper;
pub mod listener;
pub mod metrics;
pub mod outbox;
pub mod patience;
pub mod people;
pub mod place;
pub mod provider;
pub mod readiness;
pub mod recorder;
pub mod replay;
pub mod reserver;
pub mod scheduler;
pub mod shelf;
pub mod teller;
pub mod trace;

pub use catalog::Catalog;
pub use channels::{ChannelState, Channels};
pub use control::Control;
pub use dispatcher::{Dispatcher, Dispatchers};
pub use fence::Fence;
pub use in_flight::InFlight;
pub use ingest::Ingest;
pub use jobs::Job;
pub use metrics::HourlyMetrics;
pub use outbox::Outbox;
pub use recorder::Recorder;
pub use scheduler::Scheduler;
