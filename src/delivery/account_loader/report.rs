//! Operators see which accounts cannot be used.

use std::sync::Arc;

use serde_json::Value;

use super::LoaderContext;
use crate::delivery::registry::AccountEntry;
use crate::domain::{Severity, SystemEvent};
use crate::store::lease::RunId;
use crate::store::{Database, StoreError, system_events};
use crate::work::retry::retry_until_ok;

/// The `event_type` of accounts that cannot be read, or not be used as they are configured.
const UNUSABLE: &str = "provider_unusable";

/// Opens an event for each account that cannot be used, with the reason, and resolves those of the
/// others.
pub(super) fn tell(
    context: &LoaderContext,
    unusable: Vec<(String, String)>,
    used: &[Arc<AccountEntry>],
) {
    let used: Vec<String> = used
        .iter()
        .map(|entry| entry.account.name.clone())
        .collect();
    let (database, run) = (context.node.database.clone(), context.node.lease_gate.run());
    let stop = context.node.phases.no_calls.clone();
    context.node.tasks.spawn("report accounts", async move {
        let report = || report(&database, run, &unusable, &used);
        // What is left unsaid when the engine stops is said when it starts again.
        let _ = retry_until_ok("reporting accounts", &stop, report).await;
    });
}

async fn report(
    database: &Database,
    run: Option<RunId>,
    unusable: &[(String, String)],
    used: &[String],
) -> Result<(), StoreError> {
    let mut connection = database.get().await?;
    for provider in used {
        system_events::close_of(&mut connection, run, UNUSABLE, Some(provider)).await?;
    }
    for (provider, why) in unusable {
        let details = [("provider", provider), ("why", why)];
        let details = details.map(|(name, value)| (name.to_owned(), Value::from(value.as_str())));
        let event = SystemEvent {
            event_type: UNUSABLE.to_owned(),
            severity: Severity::High,
            description: format!("provider `{provider}` cannot be used as it is stored"),
            details: details.into_iter().collect(),
            tenant_id: None,
            user_id: None,
        };
        system_events::open_of(&mut connection, run, &event).await?;
    }
    Ok(())
}
