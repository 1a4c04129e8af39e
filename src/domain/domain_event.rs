//! An event: what happened in a system beside this one, as it said so.

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// An event (CloudEvents 1.0).
#[derive(Debug, Clone, PartialEq)]
pub struct DomainEvent {
    /// Our own id, in order of time.
    pub id: Uuid,
    /// Whose it is.
    pub tenant_id: Uuid,
    /// Where it happened.
    pub source: String,
    /// Its id there.
    pub event_id: String,
    /// What kind of event it is: `ticket.created`.
    pub kind: String,
    /// What it is about.
    pub subject: Option<String>,
    /// When it happened.
    pub time: Timestamp,
    /// What it says.
    pub data: Value,
    /// What else is said of it, by its name.
    pub extensions: Map<String, Value>,
}

impl DomainEvent {
    /// About how many bytes its data has: as many as it is worth to hold it in memory.
    #[must_use]
    pub fn weight(&self) -> usize {
        weight(&self.data)
    }

    /// What expressions and templates know of it: `event` and `data`.
    #[must_use]
    pub fn known(&self) -> Map<String, Value> {
        let mut event = self.extensions.clone();
        let own = json!({
            "id": self.event_id,
            "source": self.source,
            "type": self.kind,
            "subject": self.subject,
            "time": self.time.to_string(),
        });
        if let Value::Object(own) = own {
            event.extend(own);
        }
        let mut known = Map::new();
        known.insert("event".to_owned(), Value::Object(event));
        known.insert("data".to_owned(), self.data.clone());
        known
    }
}

fn weight(value: &Value) -> usize {
    let inner = match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(weight).sum(),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| name.len() + weight(value))
            .sum(),
    };
    inner + 4
}
