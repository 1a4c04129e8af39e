//! Tells operators of people and tenants of whom something cannot be read: their notifications wait, and
//! nobody else's do.

use serde_json::json;

use crate::cache::recipients::{RecipientCache, UnreadableWishes};
use crate::domain::{Severity, SystemEvent};
use crate::runtime::Shutdown;
use crate::store::{Database, system_events};
use crate::work::retry::retry_until_ok;

/// The `event_type`.
const EVENT: &str = "wishes_unreadable";

/// Tells of them until told to stop.
#[derive(Debug)]
pub struct UnreadablePeople {
    /// The database.
    pub database: Database,
    /// Finds them.
    pub recipients: RecipientCache,
    /// Ends it.
    pub stop: Shutdown,
}

impl UnreadablePeople {
    /// Tells of each: the event of their tenant names the first one's trouble, and who else has one.
    pub async fn run(self) {
        while let Some(found) = self.stop.or(self.recipients.unreadable()).await {
            for one in &found {
                let (tenant_id, user_id) = (one.tenant_id, one.user_id);
                let (sqlstate, why) = (one.error.code(), one.error.without_data());
                tracing::error!(%tenant_id, ?user_id, %sqlstate, why, "a person or a tenant's rules cannot be read; their notifications wait");
                let event = event(one);
                let open = || async {
                    let mut connection = self.database.get().await?;
                    system_events::open_with_others(&mut connection, &event).await
                };
                retry_until_ok("opening an event", &self.stop, open).await;
            }
        }
    }
}

fn event(found: &UnreadableWishes) -> SystemEvent {
    let details = json!({
        "user_id": found.user_id,
        "sqlstate": found.error.code().to_string(),
        "why": found.error.without_data(),
    });
    let whose = match found.user_id {
        Some(_) => "a person or a preference of theirs",
        None => "a tenant's categories, defaults or language",
    };
    SystemEvent {
        event_type: EVENT.to_owned(),
        severity: Severity::High,
        description: format!(
            "PostgreSQL holds {whose} that cannot be read: what is for them waits, since nobody knows what \
             they want, and all else goes on"
        ),
        details: details.as_object().cloned().unwrap_or_default(),
        tenant_id: Some(found.tenant_id),
        user_id: found.user_id,
    }
}
