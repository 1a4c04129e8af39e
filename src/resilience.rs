//! Arithmetic of protection: how long to wait, when to stop trying.
//!
//! Pure functions and small state machines over durations. No clock, no randomness, no IO: time
//! and jitter arrive as numbers, so that every case can be tested.

pub mod backoff;
pub mod restart_intensity;

pub use backoff::Backoff;
pub use restart_intensity::{Decision, RestartIntensity};
