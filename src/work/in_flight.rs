//! What this process works on: messages from the broker by key, with their receipts, and rows that
//! the scheduler took.

use std::fmt;
use std::sync::{Arc, OnceLock};

use dashmap::mapref::entry::Entry;
use dashmap::{DashMap, DashSet};
use uuid::Uuid;

use crate::broker::{Arrival, Receipt};
use crate::domain::{ContentHash, KeyHash};

/// A message is in the table from before its claim until after its outcome is stored. A delivery
/// of the same key that comes meanwhile joins it: all are acknowledged together.
///
/// One that says something else stands behind it: only what becomes of the first says whether its key is
/// that of another message, or free. Then it arrives again.
#[derive(Clone, Default)]
pub struct InFlight {
    messages: Arc<DashMap<KeyHash, InFlightMessage>>,
    rows: Arc<DashSet<Uuid>>,
    again: Arc<OnceLock<Again>>,
}

/// Has deliveries arrive again.
type Again = Box<dyn Fn(Vec<Arrival>) + Send + Sync>;

impl fmt::Debug for InFlight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InFlight")
            .field("messages", &self.messages.len())
            .field("rows", &self.rows.len())
            .finish_non_exhaustive()
    }
}

/// A message that is worked on, with the deliveries of it that wait for its outcome, and those of other
/// messages with its key.
#[derive(Debug)]
struct InFlightMessage {
    content: ContentHash,
    receipts: Vec<Receipt>,
    behind: Vec<Arrival>,
}

/// What became of a delivery that was put into the table.
#[derive(Debug)]
#[must_use]
pub enum Registered {
    /// It is the first with its key.
    First,
    /// It repeats a message that is worked on, and waits for its outcome.
    Joined,
    /// Its key is that of a message with other content, behind which it may stand.
    Behind(Receipt),
}

impl InFlight {
    /// Puts a delivery into the table, or to the one with the same key and content in it.
    pub fn register(&self, key: KeyHash, content: ContentHash, receipt: Receipt) -> Registered {
        match self.messages.entry(key) {
            Entry::Occupied(mut running) if running.get().content == content => {
                running.get_mut().receipts.push(receipt);
                Registered::Joined
            }
            Entry::Occupied(_) => Registered::Behind(receipt),
            Entry::Vacant(free) => {
                free.insert(InFlightMessage {
                    content,
                    receipts: vec![receipt],
                    behind: vec![],
                });
                Registered::First
            }
        }
    }

    /// Has a delivery stand behind the message with its key; if that has gone meanwhile, it arrives again
    /// at once.
    pub fn stand_behind(&self, key: KeyHash, arrival: Arrival) {
        match self.messages.get_mut(&key) {
            Some(mut first) => first.behind.push(arrival),
            None => self.arrive(vec![arrival]),
        }
    }

    /// Says how deliveries arrive again; the first to say it counts.
    pub fn arrives_again(&self, again: impl Fn(Vec<Arrival>) + Send + Sync + 'static) {
        // A second ingest would be a mistake of `app`; the first goes on.
        let _ = self.again.set(Box::new(again));
    }

    fn arrive(&self, arrivals: Vec<Arrival>) {
        if let Some(again) = self.again.get().filter(|_| !arrivals.is_empty()) {
            again(arrivals);
        }
    }

    /// Takes a key out of the table, with every receipt that has gathered. What stood behind it arrives
    /// again: the database must say by now what became of the first.
    #[must_use]
    pub fn remove(&self, key: KeyHash) -> Vec<Receipt> {
        let Some((_, message)) = self.messages.remove(&key) else {
            return vec![];
        };
        self.arrive(message.behind);
        message.receipts
    }

    /// Whether a message with this key is worked on.
    #[must_use]
    pub fn has(&self, key: KeyHash) -> bool {
        self.messages.contains_key(&key)
    }

    /// Notes that a row is worked on; `false` when it is already, or when an outcome under its key
    /// is being stored.
    #[must_use]
    pub fn hold_row(&self, key: KeyHash, id: Uuid) -> bool {
        !self.messages.contains_key(&key) && self.rows.insert(id)
    }

    /// Notes that a row is worked on which was stored just now: nobody else can know of it.
    pub fn hold_new_row(&self, id: Uuid) {
        self.rows.insert(id);
    }

    /// A row is no longer worked on.
    pub fn let_row_go(&self, id: Uuid) {
        self.rows.remove(&id);
    }
}
