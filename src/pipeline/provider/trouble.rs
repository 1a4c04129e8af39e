//! An account whose credentials are refused is taken out, and operators are told.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use super::Desk;
use crate::domain::{Reply, Severity, SystemEvent};
use crate::store::system_events;

/// The `event_type` of refused credentials.
const CREDENTIALS_REFUSED: &str = "provider_credentials_refused";

/// Takes the account out for a while; the first refusal opens an event.
pub(super) fn credentials_refused(desk: &Desk, reply: &Reply, now: Timestamp) {
    let pause = SignedDuration::try_from(desk.credentials_pause).unwrap_or(SignedDuration::MAX);
    let until = now.saturating_add(pause).unwrap_or(Timestamp::MAX);
    if !desk.availability.take_out(until) {
        return;
    }
    let (provider, code) = (desk.account.name.clone(), reply.code.clone());
    tracing::error!(
        provider,
        code,
        "the provider refuses the account's credentials: it is taken out; mend them with `herald apply`"
    );
    let event = SystemEvent {
        event_type: CREDENTIALS_REFUSED.to_owned(),
        severity: Severity::Critical,
        description: format!("provider `{provider}` refuses its credentials and is taken out"),
        details: details(&provider, code),
        tenant_id: None,
        user_id: None,
    };
    let database = desk.database.clone();
    desk.tasks.spawn("report trouble", async move {
        let opened = async { system_events::open(&mut *database.get().await?, &event).await };
        if let Err(error) = opened.await {
            tracing::warn!(%error, "an event for the operators could not be stored");
        }
    });
}

/// The account works: puts it back and resolves its event.
pub(super) fn over(desk: &Desk) {
    if !desk.availability.put_back() {
        return;
    }
    let provider = desk.account.name.clone();
    tracing::info!(
        provider,
        "the provider accepts the account's credentials again"
    );
    let database = desk.database.clone();
    desk.tasks.spawn("report trouble", async move {
        let resolved = async {
            let mut connection = database.get().await?;
            system_events::resolve(&mut connection, CREDENTIALS_REFUSED, &provider).await
        };
        if let Err(error) = resolved.await {
            tracing::warn!(%error, "an event for the operators could not be resolved");
        }
    });
}

fn details(provider: &str, code: Option<String>) -> Map<String, Value> {
    let mut details = Map::new();
    details.insert("provider".to_owned(), Value::from(provider));
    details.insert("code".to_owned(), Value::from(code));
    details
}
