//! Webhooks, deliveries and replays as they are shown. A secret is none of it.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::ops::control::{StoredDelivery, StoredReplay, StoredWebhook};

pub(super) fn shown(moment: Option<Timestamp>) -> Option<String> {
    moment.map(|moment| moment.to_string())
}

pub(super) fn in_json(webhook: &StoredWebhook) -> Value {
    let filter = webhook.filter.clone().unwrap_or_default();
    json!({
        "id": webhook.id,
        "tenant_id": webhook.tenant_id,
        "name": webhook.name,
        "url": webhook.url,
        "events": filter.events.words(),
        "channels": filter.channels,
        "categories": filter.categories,
        "is_active": webhook.is_active,
        "disabled_reason": webhook.disabled_reason,
        "retry_count": webhook.retry_count,
        "timeout_seconds": webhook.timeout.as_secs(),
        "failing_since": shown(webhook.failing_since),
        "previous_secret_until": shown(webhook.previous_secret_until),
        "created_at": webhook.created_at.to_string(),
        "updated_at": webhook.updated_at.to_string(),
    })
}

pub(super) fn delivery_in_json(delivery: &StoredDelivery) -> Value {
    json!({
        "id": delivery.id,
        "notification_id": delivery.notification_id,
        "type": delivery.event,
        "body": delivery.body,
        "status": delivery.standing,
        "attempts": delivery.tries,
        "created_at": delivery.created_at.to_string(),
        "last_attempt_at": shown(delivery.tried_at),
        "delivered_at": shown(delivery.delivered_at),
        "next_attempt_at": shown(delivery.next_at),
        "response_status": delivery.status,
        "response_body": delivery.answer,
        "error": delivery.error,
    })
}

pub(super) fn replay_in_json(replay: &StoredReplay) -> Value {
    json!({
        "id": replay.id,
        "since": replay.window.since.to_string(),
        "until": replay.window.until.to_string(),
        "everything": replay.window.everything,
        "planned": replay.planned,
        "done": replay.done,
        "created_at": replay.created_at.to_string(),
        "finished_at": shown(replay.finished_at),
    })
}
