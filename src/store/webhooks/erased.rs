//! Who has been erased of late: what webhooks are told of them is called back until its first byte.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

use crate::runtime::RecentNotices;

/// Those who were erased last, by their ids as a body spells them. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct ErasedPeople(Arc<Mutex<RecentNotices<String>>>);

/// How many had been erased at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErasedMark(u64);

impl ErasedPeople {
    /// To be asked before rows are taken.
    #[must_use]
    pub fn mark(&self) -> ErasedMark {
        ErasedMark(self.lock().count())
    }

    /// This person was erased.
    pub fn add(&self, user_id: Uuid) {
        self.lock().add(user_id.to_string());
    }

    /// Nobody knows who was erased until now.
    pub fn miss_some(&self) {
        self.lock().miss_some();
    }

    /// Whether a body that was read after this mark may name somebody who has been erased since.
    #[must_use]
    pub fn may_be_in(&self, body: &str, ErasedMark(began): ErasedMark) -> bool {
        let last = self.lock();
        let since = last.since(began);
        since.is_none_or(|mut erased| erased.any(|user_id| body.contains(user_id)))
    }

    fn lock(&self) -> MutexGuard<'_, RecentNotices<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::recent_notices::REMEMBERED;

    #[test]
    fn what_names_somebody_who_was_erased_since_it_was_read_is_known() {
        let (erased, ana, ben) = (
            ErasedPeople::default(),
            Uuid::from_u128(1),
            Uuid::from_u128(2),
        );
        let body = format!("{{\"user_id\":\"{ana}\"}}");
        let before = erased.mark();
        assert!(!erased.may_be_in(&body, before));
        erased.add(ben);
        assert!(!erased.may_be_in(&body, before));
        erased.add(ana);
        assert!(erased.may_be_in(&body, before));
        assert!(!erased.may_be_in(&body, erased.mark()), "read anew");
        let before = erased.mark();
        erased.miss_some();
        assert!(erased.may_be_in(&body, before), "nobody knows");
        let before = erased.mark();
        for n in 0..=REMEMBERED {
            erased.add(Uuid::from_u128(n as u128 + 10));
        }
        assert!(erased.may_be_in(&body, before), "too many to remember");
    }
}
