//! What was done to a ticket.

use jiff::Timestamp;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::TicketDeed;

/// A line of a ticket's history that is to be written.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEntry {
    /// What was done.
    pub deed: TicketDeed,
    /// By whom; `None` is the desk itself, or somebody who did not say.
    pub actor_id: Option<Uuid>,
    /// When.
    pub at: Timestamp,
    /// What else is to be known of it.
    pub details: Map<String, Value>,
}

/// A line of a ticket's history.
#[derive(Debug, Clone, PartialEq)]
pub struct HistoryEntry {
    /// Its place: from 1.
    pub sequence: i32,
    /// What it says.
    pub entry: NewEntry,
}

impl NewEntry {
    /// A line without details.
    #[must_use]
    pub fn new(deed: TicketDeed, actor_id: Option<Uuid>, at: Timestamp) -> Self {
        Self {
            deed,
            actor_id,
            at,
            details: Map::new(),
        }
    }

    /// The same with a detail.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.details.insert(name.to_owned(), value.into());
        self
    }

    /// A detail that is a text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.details.get(name)?.as_str()
    }

    /// A detail that is true.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        self.details.get(name) == Some(&Value::Bool(true))
    }
}
