//! Who is up: what `/readyz` answers from.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// A list of parts and what ails them. Cheap to clone: all clones are one list.
#[derive(Debug, Clone, Default)]
pub struct Health {
    parts: Arc<Mutex<BTreeMap<String, Option<String>>>>,
}

impl Health {
    /// Nothing known yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A part works.
    pub fn up(&self, part: &str) {
        self.set(part, None);
    }

    /// A part does not work; `why` is one sentence.
    pub fn down(&self, part: &str, why: impl Into<String>) {
        self.set(part, Some(why.into()));
    }

    /// A part is no more (an account that was removed).
    pub fn forget(&self, part: &str) {
        self.lock().remove(part);
    }

    /// Every part, with what ails it.
    #[must_use]
    pub fn parts(&self) -> BTreeMap<String, Option<String>> {
        self.lock().clone()
    }

    /// Whether every part works.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.lock().values().all(Option::is_none)
    }

    fn set(&self, part: &str, ailment: Option<String>) {
        let mut parts = self.lock();
        match parts.get_mut(part) {
            Some(known) => *known = ailment,
            None => {
                parts.insert(part.to_owned(), ailment);
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Option<String>>> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
