//! The instrument that measures Herald from outside: provider simulators with a ledger of what they
//! accepted, a publisher, and a report. It knows the engine by its public contract only.

pub mod chaos;
pub mod client;
pub mod command;
pub mod lane;
pub mod ledger;
pub mod marker;
pub mod population;
pub mod process;
pub mod publisher;
pub mod report;
pub mod seed;
pub mod simulator;
