//! How an account stands on every node, and what troubled it.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::shown::ShownPause;
use crate::domain::CircuitState;
use crate::store::accounts::desk::StoredProvider;
use crate::store::provider_health::nodes::NodeHealth;
use crate::store::system_events::troubles::StoredTrouble;

/// How an account stands.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = ProviderHealth)]
pub struct ShownProviderHealth {
    /// The account.
    pub name: String,
    /// Whether it is used.
    pub is_active: bool,
    /// Who has stopped it for a while.
    pub paused: Option<ShownPause>,
    /// Requests a minute, over all nodes; null is unlimited.
    pub rate_limit: Option<i32>,
    /// Messages a second that it takes at present, over all nodes.
    pub pace: f64,
    /// Messages that are being sent, over all nodes.
    pub in_flight: i64,
    /// Messages in its queues, over all nodes.
    pub waiting: i64,
    /// What each living node makes of it. A node that has not used it yet is not here.
    pub nodes: Vec<ShownNodeHealth>,
    /// What troubled it in the last 30 days, the newest first.
    pub troubles: Vec<ShownTrouble>,
}

/// What one node makes of an account.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = ProviderNodeHealth)]
pub struct ShownNodeHealth {
    /// The node's name.
    pub node: String,
    /// Its run.
    pub run: i32,
    /// Where the circuit stands: an account whose circuit is open is not asked.
    #[schema(value_type = String, example = "closed")]
    pub circuit: CircuitState,
    /// Since when.
    pub since: Timestamp,
    /// When it may be asked again, while it is open.
    pub available_at: Option<Timestamp>,
    /// Why it is open.
    pub cause: Option<String>,
    /// Messages a second that it takes at present.
    pub pace: Option<f64>,
    /// Messages that are being sent.
    pub in_flight: Option<i32>,
    /// Messages in its queue.
    pub waiting: Option<i32>,
    /// When that was measured; it is written when it changes.
    pub measured_at: Option<Timestamp>,
}

/// What troubled an account.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = ProviderTrouble)]
pub struct ShownTrouble {
    /// The stable word.
    #[schema(example = "provider_circuit_open")]
    pub event_type: String,
    /// How bad it is.
    #[schema(example = "high")]
    pub severity: String,
    /// In words, with what the provider said.
    pub description: String,
    /// Since when.
    pub created_at: Timestamp,
    /// When it was over; null while it is not.
    pub resolved_at: Option<Timestamp>,
}

impl ShownProviderHealth {
    pub(super) fn new(
        stored: &StoredProvider,
        nodes: Vec<NodeHealth>,
        troubles: Vec<StoredTrouble>,
    ) -> Self {
        let sum =
            |of: fn(&NodeHealth) -> Option<i32>| nodes.iter().filter_map(of).map(i64::from).sum();
        Self {
            name: stored.name.clone(),
            is_active: stored.is_active,
            paused: stored.pause.as_ref().map(ShownPause::from),
            rate_limit: stored.rate_limit,
            pace: nodes
                .iter()
                .filter_map(|node| node.pace)
                .fold(0.0, |all, pace| all + pace),
            in_flight: sum(|node| node.in_flight),
            waiting: sum(|node| node.waiting),
            nodes: nodes.into_iter().map(ShownNodeHealth::from).collect(),
            troubles: troubles.into_iter().map(ShownTrouble::from).collect(),
        }
    }
}

impl From<NodeHealth> for ShownNodeHealth {
    fn from(node: NodeHealth) -> Self {
        Self {
            node: node.node,
            run: node.run.0,
            circuit: node.state,
            since: node.since,
            available_at: node.available_at,
            cause: node.cause,
            pace: node.pace,
            in_flight: node.in_flight,
            waiting: node.waiting,
            measured_at: node.measured_at,
        }
    }
}

impl From<StoredTrouble> for ShownTrouble {
    fn from(trouble: StoredTrouble) -> Self {
        Self {
            event_type: trouble.event_type,
            severity: trouble.severity,
            description: trouble.description,
            created_at: trouble.created_at,
            resolved_at: trouble.resolved_at,
        }
    }
}
