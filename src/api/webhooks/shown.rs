//! Webhooks, deliveries and replays as they are shown. A secret is shown once, by what makes it.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::domain::Channel;
use crate::ops::control::{StoredDelivery, StoredReplay, StoredWebhook};

/// A webhook, without its secret.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Webhook)]
pub(super) struct ShownWebhook {
    /// Names it in paths.
    id: Uuid,
    /// Whose it is.
    tenant_id: Uuid,
    /// By what `herald apply` knows it again.
    name: Option<String>,
    /// Where it is.
    url: String,
    /// What it wants to hear of: `*`, or types of events.
    events: Vec<String>,
    /// Of which channels; empty: of all.
    #[schema(value_type = Vec<String>)]
    channels: Vec<Channel>,
    /// Of which categories; empty: of all.
    categories: Vec<String>,
    /// Whether anything is sent to it.
    is_active: bool,
    /// Why nothing is.
    disabled_reason: Option<&'static str>,
    /// Tries after the first.
    retry_count: u32,
    /// Longest wait for an answer, in seconds.
    timeout_seconds: u64,
    /// Since when every try has failed.
    failing_since: Option<Timestamp>,
    /// Until when the secret before this one signs as well.
    previous_secret_until: Option<Timestamp>,
    /// When it was made.
    created_at: Timestamp,
    /// When it was changed last.
    updated_at: Timestamp,
}

/// A webhook that was made.
#[derive(Serialize, ToSchema)]
pub(super) struct MadeWebhook {
    /// Names it in paths.
    pub(super) id: Uuid,
    /// What signs its deliveries, shown this once.
    pub(super) secret: String,
}

/// A webhook's new secret.
#[derive(Serialize, ToSchema)]
#[schema(as = RotatedWebhook)]
pub(super) struct ShownRotation {
    /// The webhook.
    pub(super) id: Uuid,
    /// What signs its deliveries, shown this once.
    pub(super) secret: String,
    /// Until when the secret before this one signs as well.
    pub(super) previous_secret_until: Timestamp,
}

/// Something that is sent to try a webhook.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookTest)]
pub(super) struct ShownTest {
    /// Its `webhook-id`.
    pub(super) id: Uuid,
}

/// How much a replay would send.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PlannedWebhookReplay)]
pub(super) struct PlannedCount {
    /// How many deliveries.
    pub(super) planned: u64,
}

/// A replay that was ordered.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OrderedWebhookReplay)]
pub(super) struct OrderedReplay {
    /// Names it in paths.
    pub(super) id: Uuid,
    /// How many deliveries it will send.
    pub(super) planned: u64,
}

/// What a webhook was told, and what it answered.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookDelivery)]
pub(super) struct ShownDelivery {
    /// Its `webhook-id`, equal over retries and replays.
    id: Uuid,
    /// What it is about; null for a test.
    notification_id: Option<Uuid>,
    /// The type of the event.
    r#type: String,
    /// What was sent, word for word.
    body: String,
    /// How it stands.
    status: &'static str,
    /// How often it was tried.
    attempts: u32,
    /// When it was written.
    created_at: Timestamp,
    /// When it was tried last.
    last_attempt_at: Option<Timestamp>,
    /// When the webhook took it.
    delivered_at: Option<Timestamp>,
    /// When it is tried again.
    next_attempt_at: Option<Timestamp>,
    /// The HTTP status of the last answer.
    response_status: Option<u16>,
    /// The beginning of the last answer.
    response_body: Option<String>,
    /// Why there was no answer.
    error: Option<String>,
}

/// A replay.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookReplay)]
pub(super) struct ShownReplay {
    /// Names it in paths.
    id: Uuid,
    /// What happened from here on.
    since: Timestamp,
    /// What happened before.
    until: Timestamp,
    /// Also what the webhook has taken already.
    everything: bool,
    /// Where it stands, as a job of this id: `running`, `paused`, `cancelled` or `finished`.
    state: &'static str,
    /// How many deliveries it sends.
    planned: u64,
    /// How many of them are on their way or done.
    done: u64,
    /// When it was ordered.
    created_at: Timestamp,
    /// When it ended.
    finished_at: Option<Timestamp>,
}

impl From<&StoredWebhook> for ShownWebhook {
    fn from(webhook: &StoredWebhook) -> Self {
        let filter = webhook.filter.clone().unwrap_or_default();
        Self {
            id: webhook.id,
            tenant_id: webhook.tenant_id,
            name: webhook.name.clone(),
            url: webhook.url.clone(),
            events: filter.events.words().into_iter().map(Into::into).collect(),
            channels: filter.channels,
            categories: filter.categories,
            is_active: webhook.is_active,
            disabled_reason: webhook.disabled_reason.map(|reason| reason.as_str()),
            retry_count: webhook.retry_count,
            timeout_seconds: webhook.timeout.as_secs(),
            failing_since: webhook.failing_since,
            previous_secret_until: webhook.previous_secret_until,
            created_at: webhook.created_at,
            updated_at: webhook.updated_at,
        }
    }
}

impl From<&StoredDelivery> for ShownDelivery {
    fn from(delivery: &StoredDelivery) -> Self {
        Self {
            id: delivery.id,
            notification_id: delivery.notification_id,
            r#type: delivery.event.clone(),
            body: delivery.body.clone(),
            status: delivery.standing.as_str(),
            attempts: delivery.tries,
            created_at: delivery.created_at,
            last_attempt_at: delivery.tried_at,
            delivered_at: delivery.delivered_at,
            next_attempt_at: delivery.next_at,
            response_status: delivery.status,
            response_body: delivery.answer.clone(),
            error: delivery.error.clone(),
        }
    }
}

impl From<&StoredReplay> for ShownReplay {
    fn from(replay: &StoredReplay) -> Self {
        Self {
            id: replay.id,
            since: replay.window.since,
            until: replay.window.until,
            everything: replay.window.everything,
            state: replay.state.as_str(),
            planned: replay.planned,
            done: replay.done,
            created_at: replay.created_at,
            finished_at: replay.finished_at,
        }
    }
}
