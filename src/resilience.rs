//! Arithmetic of protection: how long to wait, when to stop trying, who is next.
//!
//! Pure functions and small state machines over durations. No clock, no randomness, no IO: time
//! and jitter arrive as numbers, so that every case can be tested.

pub mod address_throttle;
pub mod aimd;
mod answer_window;
pub mod backoff;
pub mod circuit_breaker;
pub mod dead_addresses;
pub mod fair_queue;
pub mod rate_limit;
pub mod restart_intensity;
pub mod slow_start;
pub mod suspicion;

pub use address_throttle::AddressThrottle;
pub use aimd::AimdLimiter;
pub use backoff::Backoff;
pub use circuit_breaker::{CircuitBreaker, CircuitSettings};
pub use dead_addresses::{DeadAddressLimit, LimitChange};
pub use fair_queue::{FairQueue, Joins};
pub use rate_limit::TokenRate;
pub use restart_intensity::{RestartDecision, RestartIntensity};
pub use slow_start::SlowStart;
pub use suspicion::Suspicion;
