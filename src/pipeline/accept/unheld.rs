//! Rows that this run owns and that nobody holds yet.

use std::collections::HashSet;

use uuid::Uuid;

use crate::store::takes::TakeId;
use crate::work::release_queue::{Abandoned, ReleaseQueue};

/// Rows that are stored, or may be, under a take of this run, and that no claim guard holds. Nobody else takes them
/// while this run lives: dropped, they are given back.
#[derive(Debug)]
pub(super) struct UnheldRows {
    take: TakeId,
    rows: HashSet<Uuid>,
    release_queue: ReleaseQueue,
}

impl UnheldRows {
    pub(super) fn new(take: TakeId, release_queue: ReleaseQueue) -> Self {
        Self {
            take,
            rows: HashSet::new(),
            release_queue,
        }
    }

    pub(super) const fn take(&self) -> TakeId {
        self.take
    }

    /// It may be stored from now on.
    pub(super) fn expect(&mut self, id: Uuid) {
        self.rows.insert(id);
    }

    /// Somebody holds it, or there is no such row.
    pub(super) fn forget(&mut self, id: Uuid) {
        self.rows.remove(&id);
    }

    /// The same rows once more: a statement that was given up may still store them after they were given back.
    pub(super) fn again(&self) -> Self {
        Self {
            take: self.take,
            rows: self.rows.clone(),
            release_queue: self.release_queue.clone(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

impl Drop for UnheldRows {
    fn drop(&mut self) {
        for id in std::mem::take(&mut self.rows) {
            self.release_queue.abandon(Abandoned::row(id, self.take));
        }
    }
}
