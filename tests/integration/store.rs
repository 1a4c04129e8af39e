//! The room `store` against PostgreSQL.

mod accounts;
mod catalogue;
mod dead_letters;
mod errors;
mod metrics;
mod migrations;
mod monitoring;
mod partitions;
mod people;
mod pool;
mod recipients;
mod roles;
mod templates;
mod vocabularies;
