//! The walk of a job, one actor a step: ingest, dispatcher, then its account (`delivery`), recorder; and
//! beside them the scheduler, which brings back what waited, and the hourly sums. What comes by HTTP is accepted
//! beside ingest, and goes the same way from then on.
//!
//! A job is never the only copy of work: it holds its claim, and dropped in any way but by the
//! recorder it gives the claim and the delivery back. Nothing is acknowledged here before the
//! recorder's commit.

pub mod accept;
pub mod dispatcher;
pub mod flows;
mod hand_over;
pub mod hourly_metrics;
pub mod ingest;
pub(crate) mod pointers;
pub mod recorder;
pub mod scheduler;

pub use accept::Acceptor;
pub use dispatcher::Dispatcher;
pub use hourly_metrics::HourlyMetrics;
pub use ingest::Ingest;
pub use recorder::Recorder;
pub use scheduler::Scheduler;
