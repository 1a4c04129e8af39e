//! What this process works on: messages from the broker by key, with their receipts, and rows that
//! the scheduler took.

use std::sync::Arc;

use dashmap::mapref::entry::Entry;
use dashmap::{DashMap, DashSet};
use uuid::Uuid;

use crate::broker::Receipt;
use crate::domain::{ContentHash, KeyHash};

/// A message is in the table from before its claim until after its outcome is stored. A delivery
/// of the same key that comes meanwhile joins it: all are acknowledged together.
#[derive(Debug, Clone, Default)]
pub struct InFlight {
    messages: Arc<DashMap<KeyHash, Message>>,
    rows: Arc<DashSet<Uuid>>,
}

/// A message that is worked on, with the deliveries of it that wait for its outcome.
#[derive(Debug)]
struct Message {
    content: ContentHash,
    receipts: Vec<Receipt>,
}

/// What became of a delivery that was put into the table.
#[derive(Debug)]
#[must_use]
pub enum Registered {
    /// It is the first with its key.
    First,
    /// It repeats a message that is worked on, and waits for its outcome.
    Joined,
    /// Its key is that of a message with other content.
    KeyReused(Receipt),
}

impl InFlight {
    /// Puts a delivery into the table, or to the one with the same key and content in it.
    pub fn register(&self, key: KeyHash, content: ContentHash, receipt: Receipt) -> Registered {
        match self.messages.entry(key) {
            Entry::Occupied(mut running) if running.get().content == content => {
                running.get_mut().receipts.push(receipt);
                Registered::Joined
            }
            Entry::Occupied(_) => Registered::KeyReused(receipt),
            Entry::Vacant(free) => {
                let receipts = vec![receipt];
                free.insert(Message { content, receipts });
                Registered::First
            }
        }
    }

    /// Takes a key out of the table, with every receipt that has gathered.
    #[must_use]
    pub fn remove(&self, key: KeyHash) -> Vec<Receipt> {
        self.messages
            .remove(&key)
            .map(|(_, message)| message.receipts)
            .unwrap_or_default()
    }

    /// Notes that a row is worked on; `false` when it is already, or when an outcome under its key
    /// is being stored.
    #[must_use]
    pub fn hold_row(&self, key: KeyHash, id: Uuid) -> bool {
        !self.messages.contains_key(&key) && self.rows.insert(id)
    }

    /// A row is no longer worked on.
    pub fn let_row_go(&self, id: Uuid) {
        self.rows.remove(&id);
    }
}
