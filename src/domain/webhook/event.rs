//! What a webhook is told: the body, and the id under which it is told for ever.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{TEST_EVENT, WebhookCatalog, WebhookEvent};
use crate::domain::{
    Channel, Notification, Origin, Priority, ProviderEvent, Reason, Settlement, Source, Status,
};

/// Longest `metadata` of a publisher that is handed back, as JSON: a body stays below the 20 kB that the
/// standard asks for.
const METADATA_BYTES: usize = 8 * 1_024;

/// Something that a webhook is to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewWebhookDelivery {
    /// The `webhook-id`: the same over all tries and replays.
    pub id: Uuid,
    /// Who is told.
    pub webhook_id: Uuid,
    /// Of which notification.
    pub notification_id: Uuid,
    /// What happened.
    pub event: WebhookEvent,
    /// The bytes that are stored, signed and sent.
    pub body: String,
}

/// The body of a webhook.
#[derive(Serialize)]
struct WebhookBody<T> {
    r#type: &'static str,
    timestamp: Timestamp,
    data: T,
}

/// Nothing of the person but their id: neither address nor content.
#[derive(Serialize)]
pub(super) struct EventData<'a> {
    pub(super) id: Uuid,
    pub(super) tenant_id: Uuid,
    pub(super) user_id: Uuid,
    pub(super) channel: Channel,
    pub(super) priority: Priority,
    pub(super) category: Option<&'a str>,
    pub(super) status: Status,
    pub(super) reason: Option<Reason>,
    pub(super) provider: Option<&'a str>,
    pub(super) provider_message_id: Option<&'a str>,
    pub(super) error: Option<&'a str>,
    pub(super) attempts: u16,
    pub(super) due_at: Option<Timestamp>,
    pub(super) source: Option<&'a Source>,
    pub(super) metadata: Option<&'a Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) provider_event: Option<ProviderEventData<'a>>,
}

/// What the provider told, where that is what happened.
#[derive(Serialize)]
pub(super) struct ProviderEventData<'a> {
    pub(super) event: ProviderEvent,
    pub(super) code: Option<&'a str>,
    pub(super) detail: Option<&'a str>,
}

/// All that follows from what became of notifications, for those who want to hear of it.
#[must_use]
pub fn deliveries_of(
    catalog: &WebhookCatalog,
    settlements: &[&Settlement],
) -> Vec<NewWebhookDelivery> {
    if catalog.is_empty() {
        return vec![];
    }
    let mut deliveries = vec![];
    for settlement in settlements {
        let notification = &settlement.notification;
        // A message from the broker has its row with its first outcome: then it is accepted as well.
        if matches!(settlement.origin, Origin::Broker(_)) {
            accepted(catalog, notification, &mut deliveries);
        }
        let event = match settlement.status {
            Status::Pending => WebhookEvent::Deferred,
            Status::Sent => WebhookEvent::Sent,
            Status::Failed => WebhookEvent::Failed,
            Status::Cancelled => WebhookEvent::Cancelled,
        };
        let told = || outcome(settlement);
        tell(
            catalog,
            notification,
            (event, settlement.decided_at),
            told,
            &mut deliveries,
        );
    }
    deliveries
}

/// That notifications are accepted, for those who want to hear of it.
#[must_use]
pub fn accepted_of<'a>(
    catalog: &WebhookCatalog,
    notifications: impl IntoIterator<Item = &'a Notification>,
) -> Vec<NewWebhookDelivery> {
    let mut deliveries = vec![];
    if !catalog.is_empty() {
        for notification in notifications {
            accepted(catalog, notification, &mut deliveries);
        }
    }
    deliveries
}

/// A notification is accepted once, at the time in its id: whoever tells of it a second time tells the same.
fn accepted(
    catalog: &WebhookCatalog,
    notification: &Notification,
    deliveries: &mut Vec<NewWebhookDelivery>,
) {
    let at = time_in(notification.id).unwrap_or(notification.created_at);
    let told = || of(notification);
    tell(
        catalog,
        notification,
        (WebhookEvent::Accepted, at),
        told,
        deliveries,
    );
}

pub(super) fn tell<'a>(
    catalog: &WebhookCatalog,
    notification: &'a Notification,
    (event, at): (WebhookEvent, Timestamp),
    told: impl Fn() -> EventData<'a>,
    deliveries: &mut Vec<NewWebhookDelivery>,
) {
    let category = notification.category.as_deref();
    let (tenant_id, channel) = (notification.tenant_id, notification.lane.channel);
    let mut body = None;
    for webhook_id in catalog.interested(tenant_id, event, channel, category) {
        // The same for all that hear of it.
        let body = body.get_or_insert_with(|| written(event.as_str(), at, told()));
        deliveries.push(NewWebhookDelivery {
            id: delivery_id(webhook_id, notification.id, event, at),
            webhook_id,
            notification_id: notification.id,
            event,
            body: body.clone(),
        });
    }
}

fn time_in(id: Uuid) -> Option<Timestamp> {
    let (seconds, nanos) = id.get_timestamp()?.to_unix();
    Timestamp::new(seconds.try_into().ok()?, nanos.try_into().ok()?).ok()
}

fn outcome(settlement: &Settlement) -> EventData<'_> {
    EventData {
        status: settlement.status,
        reason: settlement.reason,
        provider: settlement.provider.as_deref(),
        provider_message_id: settlement.provider_message_id.as_deref(),
        error: settlement.error_message.as_deref(),
        attempts: settlement.notification.attempt_count,
        due_at: settlement.due_at,
        ..of(&settlement.notification)
    }
}

pub(super) fn of(notification: &Notification) -> EventData<'_> {
    EventData {
        id: notification.id,
        tenant_id: notification.tenant_id,
        user_id: notification.user_id,
        channel: notification.lane.channel,
        priority: notification.lane.priority,
        category: notification.category.as_deref(),
        status: Status::Pending,
        reason: None,
        provider: None,
        provider_message_id: None,
        error: None,
        attempts: 0,
        due_at: None,
        source: notification.source.as_ref(),
        metadata: notification.metadata.as_ref().filter(|it| fits(it)),
        provider_event: None,
    }
}

fn fits(metadata: &Map<String, Value>) -> bool {
    serde_json::to_string(metadata).is_ok_and(|text| text.len() <= METADATA_BYTES)
}

fn written<T: Serialize>(kind: &'static str, timestamp: Timestamp, data: T) -> String {
    let body = WebhookBody {
        r#type: kind,
        timestamp,
        data,
    };
    // Maps with keys of text, and numbers as they are written: nothing of it cannot be serialized.
    serde_json::to_string(&body).unwrap_or_default()
}

/// The body of what `/test` sends.
#[must_use]
pub fn test_body(webhook_id: Uuid, at: Timestamp) -> String {
    let data = serde_json::json!({ "webhook_id": webhook_id });
    written(TEST_EVENT, at, data)
}

/// The id of what a webhook is told: a UUIDv7 of the time at which it happened, made of what it tells, so
/// that the same told twice is one.
#[must_use]
pub fn delivery_id(webhook: Uuid, notification: Uuid, event: WebhookEvent, at: Timestamp) -> Uuid {
    let hash = Sha256::new()
        .chain_update(webhook)
        .chain_update(notification)
        .chain_update([u8::try_from(event.index()).unwrap_or(u8::MAX)])
        .chain_update(at.as_microsecond().to_be_bytes())
        .finalize();
    let mut random = [0; 10];
    random
        .iter_mut()
        .zip(hash)
        .for_each(|(to, from)| *to = from);
    let milliseconds = u64::try_from(at.as_millisecond()).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(milliseconds, &random).into_uuid()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::{
        Body, Content, DEFAULT_TENANT, KeyHash, Lane, Payload, RunId, TakeId, WebhookFilter,
    };

    const WEBHOOK: Uuid = Uuid::from_u128(7);

    fn sent() -> Settlement {
        let id = "01970f1e-6800-7000-8000-000000000005".parse().unwrap();
        let body = Body::Content(Content::default());
        let notification = Notification {
            id,
            tenant_id: DEFAULT_TENANT,
            user_id: Uuid::from_u128(1),
            lane: Lane {
                channel: Channel::Email,
                priority: Priority::Normal,
            },
            category: Some("orders".to_owned()),
            key: KeyHash([0; 32]),
            payload: Payload {
                body,
                to: Some("ana@example.com".to_owned()),
                provider: None,
                traceparent: None,
            },
            send_at: None,
            expires_at: None,
            max_retries: 5,
            source: Some(Source {
                kind: "ticket".to_owned(),
                id: "12".to_owned(),
            }),
            metadata: Some(Map::from_iter([("cart".to_owned(), json!(3))])),
            created_at: "2025-05-27T00:00:00Z".parse().unwrap(),
            attempt_count: 1,
            attempts: vec![],
            stored_attempts: 0,
        };
        Settlement {
            notification,
            origin: Origin::Broker(TakeId::of(RunId(1), 1)),
            status: Status::Sent,
            reason: None,
            due_at: None,
            waits_for: None,
            decided_at: "2026-11-20T12:00:00.5Z".parse().unwrap(),
            last_attempted: None,
            provider: Some("mail".to_owned()),
            recipient: Some("ana@example.com".to_owned()),
            template_version: None,
            provider_response: None,
            provider_message_id: Some("m-1".to_owned()),
            error_message: None,
            refund: false,
            dead_addresses: vec![],
        }
    }

    fn told(settlement: &Settlement) -> Vec<NewWebhookDelivery> {
        let mut catalog = WebhookCatalog::default();
        assert!(deliveries_of(&catalog, &[settlement]).is_empty());
        let every = WebhookFilter {
            events: super::super::WebhookEvents::ALL,
            ..WebhookFilter::default()
        };
        catalog.add(DEFAULT_TENANT, WEBHOOK, every);
        deliveries_of(&catalog, &[settlement])
    }

    #[test]
    fn a_message_of_the_broker_is_accepted_and_then_what_became_of_it() {
        let told = told(&sent());
        let bodies: Vec<Value> = told
            .iter()
            .map(|it| serde_json::from_str(&it.body).unwrap())
            .collect();
        assert_eq!(bodies[0]["type"], "notification.accepted");
        assert_eq!(bodies[0]["data"]["status"], "pending");
        let expected = json!({
            "type": "notification.sent",
            "timestamp": "2026-11-20T12:00:00.5Z",
            "data": {
                "id": "01970f1e-6800-7000-8000-000000000005",
                "tenant_id": DEFAULT_TENANT,
                "user_id": Uuid::from_u128(1),
                "channel": "email",
                "priority": "normal",
                "category": "orders",
                "status": "sent",
                "reason": null,
                "provider": "mail",
                "provider_message_id": "m-1",
                "error": null,
                "attempts": 1,
                "due_at": null,
                "source": { "type": "ticket", "id": "12" },
                "metadata": { "cart": 3 },
            },
        });
        assert_eq!(bodies[1], expected);
        assert!(!told[1].body.contains("ana@example.com"));
    }

    #[test]
    fn a_row_that_waits_is_deferred_and_was_accepted_long_ago() {
        let put_off = Settlement {
            origin: Origin::Database(TakeId(1)),
            status: Status::Pending,
            reason: Some(Reason::Retry),
            ..sent()
        };
        let told = told(&put_off);
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].event, WebhookEvent::Deferred);
        assert!(told[0].body.contains(r#""reason":"retry""#));
    }

    #[test]
    fn what_is_told_twice_has_one_id_and_what_differs_has_another() {
        let (first, again) = (told(&sent()), told(&sent()));
        assert_eq!(first, again);
        let later = Settlement {
            decided_at: "2026-11-20T12:00:01Z".parse().unwrap(),
            ..sent()
        };
        let later = told(&later);
        let mut catalog = WebhookCatalog::default();
        let accepted = WebhookFilter {
            events: WebhookEvent::Accepted.into(),
            ..WebhookFilter::default()
        };
        catalog.add(DEFAULT_TENANT, WEBHOOK, accepted);
        assert_eq!(accepted_of(&catalog, [&sent().notification]), first[..1]);
        assert_eq!(later[0].id, first[0].id, "accepted once");
        assert_ne!(later[1].id, first[1].id);
        assert_ne!(first[0].id, first[1].id);
        assert_eq!(time_in(first[1].id), "2026-11-20T12:00:00.5Z".parse().ok());
    }

    #[test]
    fn metadata_that_would_make_a_body_too_large_is_left_out() {
        let mut large = sent();
        let text = "x".repeat(METADATA_BYTES);
        large.notification.metadata = Some(Map::from_iter([("text".to_owned(), json!(text))]));
        let told = told(&large);
        assert!(told[1].body.contains(r#""metadata":null"#));
        assert!(told[1].body.len() < 20_000);
    }
}
