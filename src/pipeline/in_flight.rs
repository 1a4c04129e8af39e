//! The messages from the broker that this process works on, by key, with their receipts.

use std::sync::Arc;

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;

use crate::broker::Receipt;
use crate::domain::KeyHash;

/// A message is in the table from before its claim until after its outcome is stored. A delivery
/// of the same key that comes meanwhile joins it: all are acknowledged together.
#[derive(Debug, Clone, Default)]
pub struct InFlight {
    receipts: Arc<DashMap<KeyHash, Vec<Receipt>>>,
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

    /// How many keys are worked on.
    #[must_use]
    pub fn len(&self) -> usize {
        self.receipts.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.receipts.is_empty()
    }
}
