//! What is kept, and when it may be believed.

use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::hash::Hash;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use quick_cache::sync::Cache;
use tokio::time::Instant;
use uuid::Uuid;

use super::{Outdated, Whose};
use crate::domain::{Recipient, TenantRules};

/// Notices that are remembered, so that a reading that is under way learns what it overtook.
const REMEMBERED: usize = 1_024;

/// People by tenant and user, and tenants' rules; the least used forgotten first.
pub(super) struct Memory {
    people: Cache<Whose, Known<Recipient>>,
    rules: Cache<Uuid, Known<TenantRules>>,
    time_to_live: Duration,
    listening: AtomicBool,
    notices: Mutex<Notices>,
}

pub(super) struct Known<T> {
    what: Arc<T>,
    read_at: Instant,
}

impl<T> Clone for Known<T> {
    fn clone(&self) -> Self {
        Self {
            what: Arc::clone(&self.what),
            read_at: self.read_at,
        }
    }
}

/// What a notice names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Subject {
    /// A person.
    Person(Whose),
    /// What a tenant says for all its people.
    Rules(Uuid),
}

/// When a reading began, in notices; `None` while they do not come.
#[derive(Debug, Clone, Copy)]
pub struct Reading(Option<u64>);

/// The last notices, the newest last, and how many there have been.
#[derive(Default)]
struct Notices {
    count: u64,
    recent: VecDeque<Subject>,
}

/// What is kept of one kind: the cache that it is kept in, and how a notice names it.
pub(super) trait Kept: Sized {
    type Key: Copy + Eq + Hash;

    fn of(memory: &Memory) -> &Cache<Self::Key, Known<Self>>;

    fn subject(key: Self::Key) -> Subject;
}

impl Kept for Recipient {
    type Key = Whose;

    fn of(memory: &Memory) -> &Cache<Whose, Known<Self>> {
        &memory.people
    }

    fn subject(whose: Whose) -> Subject {
        Subject::Person(whose)
    }
}

impl Kept for TenantRules {
    type Key = Uuid;

    fn of(memory: &Memory) -> &Cache<Uuid, Known<Self>> {
        &memory.rules
    }

    fn subject(tenant_id: Uuid) -> Subject {
        Subject::Rules(tenant_id)
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory")
            .field("people", &self.people.len())
            .field("tenants", &self.rules.len())
            .finish_non_exhaustive()
    }
}

impl Memory {
    pub(super) fn new(most: usize, time_to_live: Duration) -> Self {
        Self {
            people: Cache::new(most),
            rules: Cache::new(most),
            time_to_live,
            listening: AtomicBool::new(false),
            notices: Mutex::default(),
        }
    }

    pub(super) fn recall<T: Kept>(&self, key: T::Key, now: Instant) -> Option<Arc<T>> {
        if !self.is_listening() {
            return None;
        }
        let known = T::of(self).get(&key)?;
        let age = now.saturating_duration_since(known.read_at);
        (age < self.time_to_live).then_some(known.what)
    }

    /// To be asked before a reading begins.
    pub(super) fn begin(&self) -> Reading {
        let notices = self.notices();
        Reading(self.is_listening().then_some(notices.count))
    }

    /// Keeps what was read, but for what a notice has named since the reading began.
    pub(super) fn keep<'a, T: Kept + 'a>(
        &self,
        Reading(began): Reading,
        read: impl Iterator<Item = (T::Key, &'a Arc<T>)>,
        now: Instant,
    ) {
        let notices = self.notices();
        let overtaken = began.and_then(|began| notices.since(began));
        let (Some(overtaken), true) = (overtaken, self.is_listening()) else {
            return;
        };
        for (key, what) in read {
            if !overtaken.contains(&T::subject(key)) {
                let what = Arc::clone(what);
                let read_at = now;
                T::of(self).insert(key, Known { what, read_at });
            }
        }
    }

    /// What was named by a notice since then. Of a reading that began while none came, nobody knows:
    /// much time may have passed since.
    pub(super) fn outdated(&self, Reading(began): Reading) -> Outdated {
        let notices = self.notices();
        match began.and_then(|began| notices.since(began)) {
            Some(changed) if self.is_listening() => Outdated::Only(changed),
            _ => Outdated::Anybody,
        }
    }

    pub(super) fn forget(&self, subject: Subject) {
        let mut notices = self.notices();
        notices.add(subject);
        match subject {
            Subject::Person(whose) => drop(self.people.remove(&whose)),
            Subject::Rules(tenant_id) => drop(self.rules.remove(&tenant_id)),
        }
    }

    pub(super) fn listening(&self) {
        let _notices = self.notices();
        self.clear();
        self.listening.store(true, Ordering::Release);
    }

    pub(super) fn deaf(&self) {
        let mut notices = self.notices();
        self.listening.store(false, Ordering::Release);
        // A reading that is under way must not be kept when notices come again.
        notices.miss_some();
        self.clear();
    }

    pub(super) fn is_listening(&self) -> bool {
        self.listening.load(Ordering::Acquire)
    }

    fn clear(&self) {
        self.people.clear();
        self.rules.clear();
    }

    fn notices(&self) -> MutexGuard<'_, Notices> {
        self.notices.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Notices {
    fn add(&mut self, subject: Subject) {
        self.count += 1;
        if self.recent.len() == REMEMBERED {
            self.recent.pop_front();
        }
        self.recent.push_back(subject);
    }

    /// What the notices since then named; `None` when that is no longer known.
    fn since(&self, began: u64) -> Option<HashSet<Subject>> {
        let missed = usize::try_from(self.count.saturating_sub(began)).ok()?;
        let first = self.recent.len().checked_sub(missed)?;
        Some(self.recent.iter().skip(first).copied().collect())
    }

    /// Nobody knows any more what was said until now.
    fn miss_some(&mut self) {
        self.count += 1;
        self.recent.clear();
    }
}

#[cfg(test)]
mod tests;
