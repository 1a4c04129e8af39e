//! What operators should see: a curated list of troubles, not a log.

use serde_json::{Map, Value};
use uuid::Uuid;

use super::vocabulary::vocabulary;

vocabulary! {
    /// How bad.
    Severity {
        /// Good to know.
        Low = "low",
        /// Look at it this week.
        Medium = "medium",
        /// Look at it today.
        High = "high",
        /// Nothing is sent until somebody acts.
        Critical = "critical",
    }
}

/// A trouble that operators should see.
#[derive(Debug, Clone, PartialEq)]
pub struct SystemEvent {
    /// What kind, for example `provider_credentials_refused`.
    pub event_type: String,
    /// How bad.
    pub severity: Severity,
    /// One sentence for people.
    pub description: String,
    /// Context; `provider` in it tells apart the same trouble of two accounts.
    pub details: Map<String, Value>,
    /// The tenant, when only one is affected.
    pub tenant_id: Option<Uuid>,
    /// The person, when one is involved.
    pub user_id: Option<Uuid>,
}
