//! Herald: a notification delivery engine.
//!
//! Upstream systems publish to RabbitMQ; Herald decides whether, when and through whom, calls the
//! provider, and records the outcome in PostgreSQL before it acknowledges.
//! `docs/architecture.md` walks through the rooms below in the order that a notification does.

// Whatever is said goes through `telemetry::logging`: these wait for their reader, and panic without one.
#![cfg_attr(not(test), warn(clippy::print_stdout, clippy::print_stderr))]
// Whether the futures of the actors' tasks can be sent is told from types nested deeper than 128.
#![recursion_limit = "256"]

pub mod api;
pub mod app;
pub mod broker;
pub mod cache;
pub mod config;
pub mod delivery;
pub mod domain;
pub mod machine;
pub mod objects;
pub mod ops;
pub mod pipeline;
pub mod policy;
pub mod providers;
pub mod resilience;
pub mod runtime;
pub mod store;
pub mod telemetry;
pub mod templates;
pub mod tickets;
pub mod tls;
pub mod webhooks;
pub mod work;
