//! The instrument that measures Herald from outside: provider simulators with a ledger of what they
//! accepted, a publisher, and a report. It knows the engine by its public contract only.

pub mod chaos;
pub mod command;
pub mod events;
pub mod evidence;
pub mod floor;
pub mod harness;
pub mod inbox;
pub mod lane;
pub mod ledger;
pub mod marker;
pub mod measure;
pub mod page;
pub mod population;
pub mod provider;
pub mod publisher;
pub mod receiver;
pub mod report;
pub mod run;
pub mod scenario;
pub mod seed;
pub mod simulator;
pub mod watch;
