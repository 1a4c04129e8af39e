//! The validated settings, and the declarative file of `herald apply`.
//!
//! Whatever an operator wrote is read here, checked as a whole, and handed on as plain types, or
//! refused with every mistake at once: where it stands, what is wrong, what is allowed. No secret
//! may ever be printed, and nothing here connects to anything.

mod amqp_url;
mod broker;
mod bucket;
mod console;
mod database;
mod document;
mod duration;
mod engine;
mod events;
mod http;
mod inbox;
mod lanes;
mod log;
pub mod manifest;
mod mistake;
mod networks;
mod policy;
mod postgres_url;
mod providers;
mod reader;
mod renamed;
mod retention;
mod retry;
mod schema;
mod secrets;
mod settings;
mod sources;
mod templates;
mod tickets;
mod tls;
mod tree;
mod webhooks;

pub use amqp_url::{AmqpLogin, AmqpUrl, Host};
pub use broker::{Broker, channels_needed};
pub use bucket::{BucketConfig, FilePlace};
pub use console::ConsoleConfig;
pub use database::DatabaseConfig;
pub use engine::EngineConfig;
pub use events::EventRetention;
pub use http::Http;
pub use inbox::Inbox;
pub use lanes::Lanes;
pub use log::{Log, LogFormat};
pub use manifest::Manifest;
pub use mistake::{ConfigError, Mistake, SettingOrigin};
pub use postgres_url::{PostgresUrl, TlsMode};
pub use providers::Providers;
pub use retention::RetentionConfig;
pub use retry::Retry;
pub use schema::DEFAULTS;
pub use secrets::{SealingKey, Secrets};
pub use settings::{Required, Settings};
pub use sources::Sources;
pub use templates::Templates;
pub use tickets::{AttachmentsConfig, TicketMailConfig, TicketsConfig};
pub use webhooks::Webhooks;
