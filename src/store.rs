//! PostgreSQL and nothing but: the schema, the pool, errors by SQLSTATE, one file an aggregate.
//!
//! Every query names its tenant, and no type of Diesel or chrono leaves this room. Nothing here
//! decides what is sent, reads the clock, or knows of queues and providers.

pub mod claims;
pub mod due;
pub mod error;
pub mod lease;
pub mod migrations;
pub mod partitions;
pub mod pool;
pub mod settle;
#[expect(missing_docs, reason = "generated: the comments are in the migrations")]
#[rustfmt::skip]
pub mod schema;
mod statement;
pub mod time;

pub use error::StoreError;
pub use pool::{Connection, Database, DatabaseSettings};
