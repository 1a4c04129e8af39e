//! The suppressed addresses of notifications.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

/// The suppressed addresses of each notification, and of which of them nobody knows.
#[derive(Debug, Default)]
pub struct Listed {
    addresses: HashMap<Uuid, Vec<String>>,
    unreadable: HashSet<Uuid>,
}

impl Listed {
    pub(super) fn add(&mut self, id: Uuid, address: String) {
        self.addresses.entry(id).or_default().push(address);
    }

    /// Whether its addresses are listed cannot be read.
    pub(super) fn unread(&mut self, id: Uuid) {
        self.unreadable.insert(id);
    }

    /// Those of a notification; `None` when nobody knows.
    #[must_use]
    pub fn of(&self, id: Uuid) -> Option<Vec<String>> {
        let known = || self.addresses.get(&id).cloned().unwrap_or_default();
        (!self.unreadable.contains(&id)).then(known)
    }

    /// What was known of it is outdated.
    pub fn forget(&mut self, id: Uuid) {
        self.addresses.remove(&id);
        self.unreadable.remove(&id);
    }

    /// Adds what was looked up beside it.
    pub fn extend(&mut self, other: Self) {
        self.addresses.extend(other.addresses);
        self.unreadable.extend(other.unreadable);
    }
}
