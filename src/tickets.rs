//! The support desk: tickets, their conversations and their clocks.
//!
//! A context of its own, beside the engine: own schema, own role, own connections. It tells what happens as events,
//! which are written with what happened and published to `herald.events`; it knows nothing of notifications, channels
//! or providers, and must never use a room of the engine's beyond what `docs/architecture.md` lists.

pub mod clock;
pub mod desk;
pub mod domain;
pub mod mail;
pub mod outbox;
pub mod policy;
pub mod store;
pub mod sweeping;
