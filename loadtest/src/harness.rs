//! One harness for everything that is done to an engine: databases, virtual hosts, processes, a network
//! that can fail, and the judge of what came of it.
//!
//! Tests, the kill matrix, scenarios and measurements stand on it, with the simulators, the publisher
//! and the ledger of this library.

pub mod certificates;
pub mod database;
pub mod engine;
pub mod environment;
pub mod http;
pub mod judge;
pub mod load;
pub mod management;
mod meter;
pub mod ports;
pub mod process;
pub mod proxy;
pub mod usage;
pub mod vhost;

pub(crate) use meter::{Meter, OFTEN, middle};
