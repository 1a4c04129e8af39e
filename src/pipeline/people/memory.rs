//! What is kept, and when it may be believed.

use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use quick_cache::sync::Cache;
use tokio::time::Instant;

use super::{Outdated, Whose};
use crate::domain::Recipient;

/// Notices that are remembered, so that a reading that is under way learns what it overtook.
const REMEMBERED: usize = 1_024;

/// People by tenant and user, the least used forgotten first.
pub(super) struct Memory {
    cache: Cache<Whose, Known>,
    time_to_live: Duration,
    listening: AtomicBool,
    notices: Mutex<Notices>,
}

#[derive(Clone)]
struct Known {
    recipient: Arc<Recipient>,
    read_at: Instant,
}

/// When a reading began, in notices; `None` while they do not come.
#[derive(Debug, Clone, Copy)]
pub struct Reading(Option<u64>);

/// The last notices, the newest last, and how many there have been.
#[derive(Default)]
struct Notices {
    count: u64,
    recent: VecDeque<Whose>,
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory")
            .field("people", &self.cache.len())
            .finish_non_exhaustive()
    }
}

impl Memory {
    pub(super) fn new(most: usize, time_to_live: Duration) -> Self {
        Self {
            cache: Cache::new(most),
            time_to_live,
            listening: AtomicBool::new(false),
            notices: Mutex::default(),
        }
    }

    pub(super) fn recall(&self, whose: Whose, now: Instant) -> Option<Arc<Recipient>> {
        if !self.is_listening() {
            return None;
        }
        let known = self.cache.get(&whose)?;
        let age = now.saturating_duration_since(known.read_at);
        (age < self.time_to_live).then_some(known.recipient)
    }

    /// To be asked before a reading begins.
    pub(super) fn begin(&self) -> Reading {
        let notices = self.notices();
        Reading(self.is_listening().then_some(notices.count))
    }

    /// Keeps what was read, but for those that a notice has named since the reading began.
    pub(super) fn keep<'a>(
        &self,
        Reading(began): Reading,
        read: impl Iterator<Item = (Whose, &'a Arc<Recipient>)>,
        now: Instant,
    ) {
        let notices = self.notices();
        let overtaken = began.and_then(|began| notices.since(began));
        let (Some(overtaken), true) = (overtaken, self.is_listening()) else {
            return;
        };
        for (whose, recipient) in read {
            if !overtaken.contains(&whose) {
                let recipient = Arc::clone(recipient);
                let read_at = now;
                self.cache.insert(whose, Known { recipient, read_at });
            }
        }
    }

    /// Who was named by a notice since then. A reading that began while none came was one of the
    /// database itself.
    pub(super) fn outdated(&self, Reading(began): Reading) -> Outdated {
        let Some(began) = began else {
            return Outdated::Only(HashSet::new());
        };
        let notices = self.notices();
        match notices.since(began) {
            Some(changed) if self.is_listening() => Outdated::Only(changed),
            _ => Outdated::Anybody,
        }
    }

    pub(super) fn forget(&self, whose: Whose) {
        let mut notices = self.notices();
        notices.add(whose);
        self.cache.remove(&whose);
    }

    pub(super) fn listening(&self) {
        let _notices = self.notices();
        self.cache.clear();
        self.listening.store(true, Ordering::Release);
    }

    pub(super) fn deaf(&self) {
        let mut notices = self.notices();
        self.listening.store(false, Ordering::Release);
        // A reading that is under way must not be kept when notices come again.
        notices.miss_some();
        self.cache.clear();
    }

    pub(super) fn is_listening(&self) -> bool {
        self.listening.load(Ordering::Acquire)
    }

    fn notices(&self) -> MutexGuard<'_, Notices> {
        self.notices.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Notices {
    fn add(&mut self, whose: Whose) {
        self.count += 1;
        if self.recent.len() == REMEMBERED {
            self.recent.pop_front();
        }
        self.recent.push_back(whose);
    }

    /// Whom the notices since then named; `None` when that is no longer known.
    fn since(&self, began: u64) -> Option<HashSet<Whose>> {
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
mod tests {
    use super::*;
    use uuid::Uuid;

    const ANA: Whose = (Uuid::from_u128(1), Uuid::from_u128(2));
    const BEN: Whose = (Uuid::from_u128(1), Uuid::from_u128(3));
    const MINUTE: Duration = Duration::from_secs(60);

    fn memory() -> (Memory, Instant) {
        let now = crate::runtime::clock::instant();
        (Memory::new(16, MINUTE), now)
    }

    fn keep(memory: &Memory, reading: Reading, people: &[Whose], now: Instant) {
        let read: Vec<_> = people
            .iter()
            .map(|whose| (*whose, Arc::new(Recipient::nobody(*whose))))
            .collect();
        memory.keep(reading, read.iter().map(|(whose, one)| (*whose, one)), now);
    }

    #[test]
    fn nothing_is_kept_while_nobody_listens() {
        let (memory, now) = memory();
        let deaf = memory.begin();
        memory.listening();
        keep(&memory, deaf, &[ANA], now);
        assert!(memory.recall(ANA, now).is_none());
        keep(&memory, memory.begin(), &[ANA], now);
        assert!(memory.recall(ANA, now).is_some());
        memory.deaf();
        assert!(memory.recall(ANA, now).is_none());
        memory.listening();
        assert!(memory.recall(ANA, now).is_none(), "it may be wrong by now");
    }

    #[test]
    fn a_reading_that_a_notice_overtook_is_not_kept() {
        let (memory, now) = memory();
        memory.listening();
        let reading = memory.begin();
        memory.forget(ANA);
        keep(&memory, reading, &[ANA, BEN], now);
        assert!(memory.recall(ANA, now).is_none());
        assert!(memory.recall(BEN, now).is_some());
        let reading = memory.begin();
        memory.deaf();
        memory.listening();
        keep(&memory, reading, &[ANA], now);
        assert!(memory.recall(ANA, now).is_none());
    }

    #[test]
    fn who_was_named_since_a_reading_began_is_outdated() {
        let (memory, _) = memory();
        let nobody = Outdated::Only(HashSet::new());
        let deaf = memory.begin();
        memory.listening();
        memory.forget(BEN);
        assert_eq!(memory.outdated(deaf), nobody);
        let reading = memory.begin();
        assert_eq!(memory.outdated(reading), nobody);
        memory.forget(ANA);
        let outdated = memory.outdated(reading);
        assert!(outdated.includes(&ANA) && !outdated.includes(&BEN));
        memory.deaf();
        assert_eq!(memory.outdated(reading), Outdated::Anybody);
        memory.listening();
        assert_eq!(memory.outdated(reading), Outdated::Anybody);
    }

    #[test]
    fn a_reading_that_more_notices_overtook_than_are_remembered_is_not_kept() {
        let (memory, now) = memory();
        memory.listening();
        let reading = memory.begin();
        for _ in 0..=REMEMBERED {
            memory.forget(BEN);
        }
        keep(&memory, reading, &[ANA], now);
        assert!(memory.recall(ANA, now).is_none());
    }

    #[test]
    fn nobody_is_believed_in_for_longer_than_the_time_to_live() {
        let (memory, now) = memory();
        memory.listening();
        keep(&memory, memory.begin(), &[ANA], now);
        assert!(memory.recall(ANA, now + MINUTE / 2).is_some());
        assert!(memory.recall(ANA, now + MINUTE).is_none());
    }
}
