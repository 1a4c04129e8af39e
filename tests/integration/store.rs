//! The room `store` against PostgreSQL.

mod accounts;
mod catalogue;
mod errors;
mod metrics;
mod migrations;
mod monitoring;
mod partitions;
mod people;
mod pool;
mod provider_health;
mod rates;
mod recipients;
mod roles;
mod templates;
mod vocabularies;
