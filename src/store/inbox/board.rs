//! Whose inboxes this node has changed, until all nodes are told.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use uuid::Uuid;

/// Hints of one notice: a payload has fewer than 8,000 bytes.
pub(super) const TOGETHER: usize = 200;

/// Whose inbox has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum InboxHint {
    /// A person's.
    Person(Uuid),
    /// That of all people of a tenant, who have not taken it up yet.
    Tenant(Uuid),
}

impl InboxHint {
    /// The hints in a notice. What is none is left out.
    pub fn read(payload: &str) -> impl Iterator<Item = Self> + '_ {
        payload.split(',').filter_map(|word| {
            let id = |text: &str| Uuid::parse_str(text).ok();
            match word.split_at_checked(1)? {
                ("p", rest) => id(rest).map(Self::Person),
                ("t", rest) => id(rest).map(Self::Tenant),
                _ => None,
            }
        })
    }

    pub(super) fn word(self) -> String {
        match self {
            Self::Person(id) => format!("p{}", id.simple()),
            Self::Tenant(id) => format!("t{}", id.simple()),
        }
    }
}

/// What is to be hinted at. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct InboxBoard {
    hints: Arc<Mutex<HashSet<InboxHint>>>,
    awaited: Arc<Notify>,
}

impl InboxBoard {
    /// These have changed, and it is committed.
    pub fn tell(&self, hints: impl IntoIterator<Item = InboxHint>) {
        self.lock().extend(hints);
        self.awaited.notify_one();
    }

    /// Waits until something has changed.
    pub async fn awaited(&self) {
        self.awaited.notified().await;
    }

    /// What has changed since this was asked last.
    #[must_use]
    pub fn take(&self) -> HashSet<InboxHint> {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<InboxHint>> {
        self.hints.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_are_read_back_and_fit_into_a_notice() {
        let all: Vec<InboxHint> = (0..TOGETHER as u128)
            .map(|n| match n % 2 {
                0 => InboxHint::Person(Uuid::from_u128(n)),
                _ => InboxHint::Tenant(Uuid::from_u128(n)),
            })
            .collect();
        let words: Vec<String> = all.iter().map(|hint| hint.word()).collect();
        let payload = words.join(",");
        assert!(payload.len() < 8_000, "{}", payload.len());
        assert_eq!(InboxHint::read(&payload).collect::<Vec<_>>(), all);
        assert_eq!(InboxHint::read(",p,x7,é,p7").count(), 0);
    }
}
