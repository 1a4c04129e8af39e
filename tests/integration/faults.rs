//! Faults under load: nothing is lost, and nobody gets it twice beyond what was in flight.
//!
//! The ledger of the simulated providers says what was accepted, committed rows say what the engine
//! knows. What the process that was hit says of itself counts for nothing here.

mod broker;
mod cluster;
mod connection;
mod database;
mod deadly;
mod engines;
mod files;
mod kill;
mod lease;
mod limit;
mod logs;
mod panics;
pub(crate) mod process;
mod scene;
mod secured;
mod signals;
mod storing;
mod topology;
mod verdict;
mod versions;
