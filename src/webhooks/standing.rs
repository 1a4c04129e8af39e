//! What a try says of the webhook itself: that it works, that it fails, that it wants no more.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::context::WebhookContext;
use super::endpoint::{WebhookEndpoint, WebhookProfile};
use crate::domain::{Severity, SystemEvent, WebhookDisabledReason};
use crate::policy::webhook::{WebhookFailing, WebhookTry};
use crate::store::webhooks::{StoredWebhook, standing};
use crate::store::{PgConnection, StoreError, system_events};
use crate::work::retry::retry_until_ok;

/// Longest time between two notes of failures.
const NOTED_EVERY: Duration = Duration::from_secs(60);
/// The type of the event of one that Herald cannot use as it is stored.
const UNUSABLE: &str = "webhook_unusable";

/// What is written of how a webhook stands.
#[derive(Debug, Clone, Copy)]
enum StandingNote {
    /// It works.
    Works,
    /// It fails; it is disabled once it has for so long.
    Fails(Duration),
    /// It is not to be sent to any more.
    Disable(WebhookDisabledReason),
}

impl WebhookContext {
    /// Notes what a try says of the webhook as it was when it was tried.
    pub(super) async fn note(
        &self,
        endpoint: &WebhookEndpoint,
        tried: &Arc<WebhookProfile>,
        ended: WebhookTry,
    ) {
        let limit = self.settings.disable_after;
        let note = if let Some(reason) = ended.disables() {
            StandingNote::Disable(reason)
        } else if ended.has_arrived() {
            if !endpoint.works() {
                return;
            }
            StandingNote::Works
        } else if endpoint.fails(NOTED_EVERY.min(limit / 10)) {
            StandingNote::Fails(limit)
        } else {
            return;
        };
        let write = || self.write(Arc::clone(tried), note);
        retry_until_ok("noting how a webhook stands", &self.phases.giving_up, write).await;
    }

    async fn write(
        &self,
        profile: Arc<WebhookProfile>,
        note: StandingNote,
    ) -> Result<(), StoreError> {
        let work = async |connection: &mut PgConnection| match note {
            StandingNote::Works => standing::works(connection, &[profile.id]).await,
            StandingNote::Fails(limit) => fails(connection, &profile, limit).await,
            StandingNote::Disable(reason) => disable(connection, &profile, reason).await,
        };
        self.database.transaction(work).await
    }

    /// Opens an event for each webhook that cannot be used as it is stored.
    pub(super) async fn tell_of_unusable(&self, unusable: Vec<(StoredWebhook, String)>) {
        for (webhook, why) in unusable {
            let (id, tenant_id) = (webhook.id, webhook.tenant_id);
            tracing::warn!(webhook_id = %id, why, "a webhook cannot be used as it is stored");
            let words =
                format!("The webhook {id} hears of nothing: {why}. Change it, or delete it.");
            let event = event(UNUSABLE, Severity::High, words, id, tenant_id);
            let opened =
                async { system_events::open(&mut *self.database.get().await?, &event).await };
            if let Err(error) = opened.await {
                tracing::warn!(%error, "an event could not be opened");
            }
        }
    }
}

async fn fails(
    connection: &mut PgConnection,
    profile: &WebhookProfile,
    limit: Duration,
) -> Result<(), StoreError> {
    let Some((since, last, now)) = standing::failing(connection, profile.id).await? else {
        return Ok(());
    };
    let (failing, disables) = WebhookFailing { since, last }.again(now, limit);
    if disables {
        let reason = WebhookDisabledReason::Failing;
        return disable(connection, profile, reason).await;
    }
    let (since, last): (Option<Timestamp>, Option<Timestamp>) = (failing.since, failing.last);
    standing::fails(connection, profile.id, since, last).await
}

async fn disable(
    connection: &mut PgConnection,
    profile: &WebhookProfile,
    reason: WebhookDisabledReason,
) -> Result<(), StoreError> {
    let id = profile.id;
    if !standing::disable(connection, (id, &profile.url), reason).await? {
        return Ok(());
    }
    tracing::warn!(webhook_id = %id, %reason, "a webhook was disabled");
    let why = match reason {
        WebhookDisabledReason::Gone => "it answered 410 Gone",
        WebhookDisabledReason::Receiver => "it asked for it by the header `webhook-delivery`",
        WebhookDisabledReason::Failing | WebhookDisabledReason::Owner => {
            "nothing but failures for longer than webhooks.disable_after"
        }
    };
    let words = format!(
        "Herald disabled the webhook {id}: {why}. What it is told is kept: mend the receiver, set `is_active`, \
         and replay the time that it missed."
    );
    let event = event(
        standing::DISABLED_EVENT,
        Severity::High,
        words,
        id,
        profile.tenant_id,
    );
    system_events::open(connection, &event).await?;
    Ok(())
}

/// The key `provider` tells events of one type apart.
fn event(
    event_type: &str,
    severity: Severity,
    description: String,
    webhook_id: Uuid,
    tenant_id: Uuid,
) -> SystemEvent {
    let id = Value::from(webhook_id.to_string());
    let details = [
        ("provider".to_owned(), id.clone()),
        ("webhook_id".to_owned(), id),
    ];
    SystemEvent {
        event_type: event_type.to_owned(),
        severity,
        description,
        details: Map::from_iter(details),
        tenant_id: Some(tenant_id),
        user_id: None,
    }
}
