//! What this process works on: messages from the broker by key, with their receipts, and rows that
//! the scheduler took.

use std::sync::Arc;

use dashmap::mapref::entry::Entry;
use dashmap::{DashMap, DashSet};
use uuid::Uuid;

use crate::broker::Receipt;
use crate::domain::KeyHash;

/// A message is in the table from before its claim until after its outcome is stored. A delivery
/// of the same key that comes meanwhile joins it: all are acknowledged together.
#[derive(Debug, Clone, Default)]
pub struct InFlight {
    receipts: Arc<DashMap<KeyHash, Vec<Receipt>>>,
    rows: Arc<DashSet<Uuid>>,
}

impl InFlight {
    /// Puts a delivery into the table; `false` when its key is there already, which it then joins.
    #[must_use]
    pub fn register(&self, key: KeyHash, receipt: Receipt) -> bool {
        match self.receipts.entry(key) {
            Entry::Occupied(mut running) => {
                running.get_mut().push(receipt);
                false
            }
            Entry::Vacant(free) => {
                free.insert(vec![receipt]);
                true
            }
        }
    }

    /// Takes a key out of the table, with every receipt that has gathered.
    #[must_use]
    pub fn remove(&self, key: KeyHash) -> Vec<Receipt> {
        self.receipts
            .remove(&key)
            .map(|(_, receipts)| receipts)
            .unwrap_or_default()
    }

    /// Notes that a row is worked on; `false` when it is already, or when an outcome under its key
    /// is being stored.
    #[must_use]
    pub fn hold_row(&self, key: KeyHash, id: Uuid) -> bool {
        !self.receipts.contains_key(&key) && self.rows.insert(id)
    }

    /// A row is no longer worked on.
    pub fn let_row_go(&self, id: Uuid) {
        self.rows.remove(&id);
    }
}
