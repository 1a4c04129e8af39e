//! Rows that this version cannot read go back untouched: a node of another version may know them.

use serde_json::json;
use uuid::Uuid;

use super::Poller;
use crate::domain::{Severity, SystemEvent};
use crate::store::takes::TakeId;
use crate::store::{StoreError, due, system_events};

/// The `event_type` of rows that cannot be read.
const UNREADABLE: &str = "notification_unreadable";

impl Poller {
    /// Gives back what cannot be read, and tells operators, once for as long as the event is open.
    pub(super) async fn give_back(&self, take: TakeId, unreadable: &[(Uuid, String)]) {
        for (id, why) in unreadable {
            tracing::warn!(notification_id = %id, why, "a stored notification cannot be read; it is released");
        }
        self.node.claim_guards.metrics.unreadable(unreadable.len());
        let ids: Vec<Uuid> = unreadable.iter().map(|(id, _)| *id).collect();
        let given = due::give_back(&self.node.database, take, &ids).await;
        if let Some(error) = &given.trouble {
            let left = given.left.len();
            tracing::warn!(%error, left, "stored notifications that cannot be read could not be put off; they come again");
        }
        self.abandon(take, given.left);
        if let Some((id, why)) = unreadable.first()
            && let Err(error) = self.tell(*id, why).await
        {
            tracing::warn!(%error, "a system event could not be opened");
        }
    }

    async fn tell(&self, id: Uuid, why: &str) -> Result<(), StoreError> {
        let version = env!("CARGO_PKG_VERSION");
        let details = json!({ "notification_id": id, "why": why, "version": version });
        let event = SystemEvent {
            event_type: UNREADABLE.to_owned(),
            severity: Severity::High,
            description: format!(
                "version {version} cannot read stored notifications; they wait for a node that can"
            ),
            details: details.as_object().cloned().unwrap_or_default(),
            tenant_id: None,
            user_id: None,
        };
        system_events::open(&mut *self.node.database.get().await?, &event).await?;
        Ok(())
    }
}
