//! What the engine tells about itself: metrics, log lines, trace context.
//!
//! Every metric is declared in one file. Nothing personal and no unbounded label (a user, an id)
//! may ever get in here.

pub mod declarations;
mod desk_metrics;
mod exposition;
mod lines;
pub mod logging;
pub mod metrics;
mod outcomes;
pub mod provider_metrics;
mod registry;
mod table;
pub mod trace;

pub use desk_metrics::DeskMetrics;
pub use metrics::Metrics;
pub use provider_metrics::ProviderMetrics;
pub use trace::Traceparent;

/// A number that goes up and down; from the `metrics` crate, named here so that no other room
/// needs it.
pub use ::metrics::Gauge;
