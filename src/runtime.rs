//! How the engine lives: time, tasks, supervision. Nothing here knows what a notification is.

pub mod clock;
