//! Where the engines of a round are, for crowds that ask them while they die and come back.

use std::sync::{Arc, Mutex, PoisonError};

/// `http://host:port` of each engine. Clones share it.
#[derive(Debug, Clone)]
pub(super) struct EngineAddresses(Arc<Mutex<Vec<String>>>);

impl EngineAddresses {
    pub(super) fn of(engines: Vec<String>) -> Self {
        Self(Arc::new(Mutex::new(engines)))
    }

    /// An engine is at another address since.
    pub(super) fn change_to(&self, engines: Vec<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = engines;
    }

    /// One of the first two engines, in turn; empty if there is none.
    pub(super) fn one(&self, turn: usize) -> String {
        let engines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let engine = engines.iter().cycle().nth(turn % 2);
        engine.cloned().unwrap_or_default()
    }
}
