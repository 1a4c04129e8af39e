//! The engine as a process: what it meets on a machine, and what its servers are set to.
//!
//! What may happen to it under load is the kill matrix (`loadtest chaos`, docs/faults.md); here are the
//! faults that need no load, or a server with settings of its own. The ledger of the simulated providers
//! says what was accepted, committed rows say what the engine knows.

mod broker;
mod cluster;
mod database;
mod deadly;
mod engines;
mod files;
mod late;
mod lease;
mod limit;
mod logs;
pub(crate) mod process;
mod scene;
mod secured;
mod signals;
mod told;
mod topology;
mod versions;
