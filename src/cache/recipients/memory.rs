//! What is kept, and when it may be believed.

use std::collections::HashSet;
use std::fmt;
use std::hash::Hash;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use quick_cache::sync::Cache;
use tokio::time::Instant;
use uuid::Uuid;

use super::{RecipientKey, Stale};
use crate::domain::{ReadMark, Recipient, TenantRules};
use crate::runtime::RecentNotices;

/// Recipients by tenant and user, and tenants' rules; the least used forgotten first.
pub(super) struct RecipientStore {
    recipients: Cache<RecipientKey, CachedValue<Recipient>>,
    rules: Cache<Uuid, CachedValue<TenantRules>>,
    time_to_live: Duration,
    connected: AtomicBool,
    notices: Mutex<RecentNotices<CacheKey>>,
}

pub(super) struct CachedValue<T> {
    what: Arc<T>,
    read_at: Instant,
}

impl<T> Clone for CachedValue<T> {
    fn clone(&self) -> Self {
        Self {
            what: Arc::clone(&self.what),
            read_at: self.read_at,
        }
    }
}

/// What a notice names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CacheKey {
    /// A recipient.
    Recipient(RecipientKey),
    /// What a tenant says for all its recipients.
    Rules(Uuid),
}

/// What is kept of one kind: the cache that it is kept in, and how a notice names it.
pub(super) trait Cacheable: Sized {
    type Key: Copy + Eq + Hash;

    fn of(memory: &RecipientStore) -> &Cache<Self::Key, CachedValue<Self>>;

    fn cache_key(key: Self::Key) -> CacheKey;
}

impl Cacheable for Recipient {
    type Key = RecipientKey;

    fn of(memory: &RecipientStore) -> &Cache<RecipientKey, CachedValue<Self>> {
        &memory.recipients
    }

    fn cache_key(recipient_key: RecipientKey) -> CacheKey {
        CacheKey::Recipient(recipient_key)
    }
}

impl Cacheable for TenantRules {
    type Key = Uuid;

    fn of(memory: &RecipientStore) -> &Cache<Uuid, CachedValue<Self>> {
        &memory.rules
    }

    fn cache_key(tenant_id: Uuid) -> CacheKey {
        CacheKey::Rules(tenant_id)
    }
}

impl fmt::Debug for RecipientStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecipientStore")
            .field("people", &self.recipients.len())
            .field("tenants", &self.rules.len())
            .finish_non_exhaustive()
    }
}

impl RecipientStore {
    pub(super) fn new(most: usize, time_to_live: Duration) -> Self {
        Self {
            recipients: Cache::new(most),
            rules: Cache::new(most),
            time_to_live,
            connected: AtomicBool::new(false),
            notices: Mutex::default(),
        }
    }

    pub(super) fn lookup<T: Cacheable>(&self, key: T::Key, now: Instant) -> Option<Arc<T>> {
        if !self.is_connected() {
            return None;
        }
        let known = T::of(self).get(&key)?;
        let age = now.saturating_duration_since(known.read_at);
        (age < self.time_to_live).then_some(known.what)
    }

    /// To be asked before a reading begins.
    pub(super) fn begin(&self) -> ReadMark {
        let notices = self.notices();
        match self.is_connected() {
            true => ReadMark::after(notices.count()),
            false => ReadMark::UNKNOWN,
        }
    }

    /// Keeps what was read, but for what a notice has named since the reading began.
    pub(super) fn keep<'a, T: Cacheable + 'a>(
        &self,
        reading: ReadMark,
        read: impl Iterator<Item = (T::Key, &'a Arc<T>)>,
        now: Instant,
    ) {
        let notices = self.notices();
        let overtaken = named_since(&notices, reading);
        let (Some(overtaken), true) = (overtaken, self.is_connected()) else {
            return;
        };
        for (key, what) in read {
            if !overtaken.contains(&T::cache_key(key)) {
                let what = Arc::clone(what);
                let read_at = now;
                T::of(self).insert(key, CachedValue { what, read_at });
            }
        }
    }

    /// What was named by a notice since then. Of a reading that began while none came, nobody knows:
    /// much time may have passed since.
    pub(super) fn stale(&self, reading: ReadMark) -> Stale {
        let notices = self.notices();
        match named_since(&notices, reading) {
            Some(changed) if self.is_connected() => Stale::Only(changed),
            _ => Stale::All,
        }
    }

    /// Whether a notice has named this since then, or may have: what was told is not remembered for ever. A
    /// reading that began while none came is left to its age.
    pub(super) fn may_have_named(&self, reading: ReadMark, key: CacheKey) -> bool {
        let Some(began) = reading.count() else {
            return false;
        };
        let notices = self.notices();
        !self.is_connected()
            || notices
                .since(began)
                .is_none_or(|mut named| named.any(|it| *it == key))
    }

    pub(super) fn forget(&self, cache_key: CacheKey) {
        let mut notices = self.notices();
        notices.add(cache_key);
        match cache_key {
            CacheKey::Recipient(recipient_key) => drop(self.recipients.remove(&recipient_key)),
            CacheKey::Rules(tenant_id) => drop(self.rules.remove(&tenant_id)),
        }
    }

    pub(super) fn connected(&self) {
        let _notices = self.notices();
        self.clear();
        self.connected.store(true, Ordering::Release);
    }

    pub(super) fn disconnected(&self) {
        let mut notices = self.notices();
        self.connected.store(false, Ordering::Release);
        // A reading that is under way must not be kept when notices come again.
        notices.miss_some();
        self.clear();
    }

    pub(super) fn is_connected(&self) -> bool {
        self.connected.load(Ordering::Acquire)
    }

    fn clear(&self) {
        self.recipients.clear();
        self.rules.clear();
    }

    fn notices(&self) -> MutexGuard<'_, RecentNotices<CacheKey>> {
        self.notices.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the notices named that came since a reading began; `None` when that is not known.
fn named_since(notices: &RecentNotices<CacheKey>, reading: ReadMark) -> Option<HashSet<CacheKey>> {
    let named = notices.since(reading.count()?)?;
    Some(named.copied().collect())
}

#[cfg(test)]
mod tests;
