//! A sixteenth of the ledger under its own lock, so that simulators do not wait for each other.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;
use std::hash::{BuildHasherDefault, DefaultHasher, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

use super::entry::Entry;

/// SipHash with fixed keys: entries of one run are comparable with those of another.
type Fixed = BuildHasherDefault<DefaultHasher>;

pub(super) type Pairs<K> = HashMap<(K, u64), Entry, Fixed>;

#[derive(Debug, Default)]
pub(super) struct Shard {
    pub(super) sequences: Mutex<Pairs<u64>>,
    pub(super) ids: Mutex<Pairs<Uuid>>,
}

impl Shard {
    /// Whether the pair was new.
    pub(super) fn add_sequence(&self, sequence: u64, recipient: u64, entry: Entry) -> bool {
        add(&self.sequences, (sequence, recipient), entry)
    }

    /// Whether the pair was new.
    pub(super) fn add_id(&self, id: Uuid, recipient: u64, entry: Entry) -> bool {
        add(&self.ids, (id, recipient), entry)
    }

    pub(super) fn lose_answer_of_sequence(&self, sequence: u64, recipient: u64) {
        if let Some(entry) = locked(&self.sequences).get_mut(&(sequence, recipient)) {
            entry.lose_answer();
        }
    }

    pub(super) fn lose_answer_of_id(&self, id: Uuid, recipient: u64) {
        if let Some(entry) = locked(&self.ids).get_mut(&(id, recipient)) {
            entry.lose_answer();
        }
    }

    pub(super) fn clear(&self) {
        locked(&self.sequences).clear();
        locked(&self.ids).clear();
    }
}

fn add<K: std::hash::Hash + Eq>(pairs: &Mutex<Pairs<K>>, key: (K, u64), entry: Entry) -> bool {
    match locked(pairs).entry(key) {
        Slot::Vacant(slot) => {
            slot.insert(entry);
            true
        }
        Slot::Occupied(mut slot) => {
            slot.get_mut().again(entry.answers_lost_now());
            false
        }
    }
}

/// The same number for the same address, whatever the run.
pub(super) fn recipient_hash(recipient: &str) -> u64 {
    let mut hasher = DefaultHasher::default();
    hasher.write(recipient.as_bytes());
    hasher.finish()
}

/// A lock that outlives a panic of another holder: entries are whole after each statement.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
