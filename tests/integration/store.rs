//! The room `store` against PostgreSQL.

mod accounts;
mod catalogue;
mod changes;
mod dead_letters;
mod errors;
mod forms;
mod frequency;
mod lease;
mod metrics;
mod migrations;
mod monitoring;
mod partitions;
mod people;
mod pool;
mod provider_health;
mod quarantine;
mod rates;
mod recipients;
mod retention;
mod roles;
mod rules;
mod sessions;
mod settle;
mod templates;
mod vocabularies;
