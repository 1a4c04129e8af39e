//! Who is up: what `/readyz` answers from.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

/// A list of parts and what ails them. Cheap to clone: all clones are one list.
#[derive(Debug, Clone, Default)]
pub struct Health {
    parts: Arc<Mutex<BTreeMap<String, Option<String>>>>,
    changed: Arc<Notify>,
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

    /// Whether every part works. Nothing works before the first part says so.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        let parts = self.lock();
        !parts.is_empty() && parts.values().all(Option::is_none)
    }

    /// Waits until every part works.
    pub async fn ready(&self) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if self.is_ready() {
                return;
            }
            changed.await;
        }
    }

    fn set(&self, part: &str, ailment: Option<String>) {
        let mut parts = self.lock();
        match parts.get_mut(part) {
            Some(known) => *known = ailment,
            None => {
                parts.insert(part.to_owned(), ailment);
            }
        }
        drop(parts);
        self.changed.notify_waiters();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Option<String>>> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
