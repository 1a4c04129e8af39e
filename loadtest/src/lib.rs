//! The instrument that measures Herald from outside: provider simulators with a ledger of what they
//! accepted, a publisher, and a report. It knows the engine by its public contract only.

pub mod broker_admin;
pub mod certificates;
pub mod chaos;
mod child;
pub mod client;
pub mod command;
pub mod comparison;
pub mod database;
pub mod engine;
pub mod evidence;
pub mod floor;
pub mod ground;
pub mod growth;
pub mod lane;
pub mod ledger;
pub mod marker;
mod meter;
pub mod page;
pub mod population;
pub mod ports;
pub mod process;
pub mod proxy;
pub mod publisher;
pub mod report;
pub mod scenario;
pub mod seed;
pub mod simulator;
pub mod stage;
pub mod watch;
