//! PostgreSQL and nothing but: the schema, the pool, errors by SQLSTATE, one file an aggregate.
//!
//! Every query names its tenant, and no type of Diesel or chrono leaves this room. Nothing here
//! decides what is sent, reads the clock, or knows of queues and providers.

pub mod accept;
mod access;
pub mod accounts;
pub mod api_key_rates;
pub mod api_keys;
pub mod applied;
pub mod audit;
pub mod cancel;
pub mod categories;
pub mod change;
pub mod changes;
pub mod claims;
pub mod conditions;
pub mod dead_letters;
pub mod declared;
pub mod devices;
pub mod due;
pub mod durability;
pub mod error;
pub mod events;
pub mod fan_outs;
pub mod fingerprint;
pub mod form;
pub mod frequency;
pub mod inbox;
pub mod jobs;
pub mod lease;
pub mod ledger;
pub mod link_keys;
mod locks;
pub mod metrics;
pub mod migrations;
pub mod months;
pub mod notifications;
pub mod observed;
pub mod old_records;
pub mod overview;
pub mod partitions;
mod parts;
pub mod pool;
pub mod pooling;
pub mod preferences;
pub mod provider_events;
pub mod provider_health;
pub mod quarantine;
pub mod rates;
pub mod recipients;
pub mod recorded;
pub mod redaction;
pub mod retention;
pub mod rules;
pub mod runs;
#[expect(missing_docs, reason = "generated: the comments are in the migrations")]
#[rustfmt::skip]
pub mod schema;
pub mod seal;
mod session;
pub mod settle;
mod sift;
pub mod sqlstate;
pub(crate) mod statement;
pub mod status_outbox;
pub mod suppressions;
pub mod system_events;
pub mod takes;
pub mod templates;
pub mod tenants;
pub mod time;
pub mod token_keys;
pub mod topics;
mod transaction;
mod trial;
pub mod turn;
pub mod webhooks;
pub mod workflows;
pub mod zones;

pub use access::{Access, DatabaseRole, DatabaseSettings};
pub use change::WriteChange;
/// A connection of this room's driver; what it can do is behind the aggregates' functions.
pub use diesel_async::AsyncPgConnection as PgConnection;
pub use error::StoreError;
pub use fingerprint::Fingerprint;
pub use locks::{Halves, NotDone};
pub use pool::{Connection, Database};
pub use sift::Sifted;
pub use sqlstate::SqlState;
pub use transaction::savepoint;
