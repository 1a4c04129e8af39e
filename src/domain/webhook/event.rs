//! What a webhook is told: the body, and the id under which it is told for ever.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::status::{STATUS_EXCHANGE, cloud_event};
use super::{TEST_EVENT, WebhookCatalog, WebhookEvent};
use crate::domain::{
    Channel, EventMatch, Notification, Origin, Priority, ProviderEvent, Reason, Settlement, Source,
    Status,
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
    /// The channel of the notification.
    pub channel: Channel,
    /// What happened.
    pub event: WebhookEvent,
    /// The bytes that are stored, signed and sent.
    pub body: String,
}

impl NewWebhookDelivery {
    /// Whether it is for the exchange, and not for a webhook.
    #[must_use]
    pub fn is_for_exchange(&self) -> bool {
        self.webhook_id == STATUS_EXCHANGE
    }

    /// The routing key at the exchange: `<channel>.<event>`, such as `email.sent`.
    #[must_use]
    pub fn routing_key(&self) -> String {
        let event = self.event.as_str();
        let event = event.rsplit('.').next().unwrap_or(event);
        format!("{}.{event}", self.channel)
    }
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
    pub(super) user_id: Option<Uuid>,
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
    pub(super) action: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) provider_event: Option<ProviderEventData<'a>>,
}

/// What the provider told, where that is what happened.
#[derive(Serialize)]
pub(super) struct ProviderEventData<'a> {
    pub(super) event: ProviderEvent,
    pub(super) code: Option<&'a str>,
    pub(super) detail: Option<&'a str>,
    pub(super) matched_by: EventMatch,
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
            (event, settlement.decided_at, Uuid::nil()),
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
        (WebhookEvent::Accepted, at, Uuid::nil()),
        told,
        deliveries,
    );
}

pub(super) fn tell<'a>(
    catalog: &WebhookCatalog,
    notification: &'a Notification,
    (event, at, which): (WebhookEvent, Timestamp, Uuid),
    told: impl Fn() -> EventData<'a>,
    deliveries: &mut Vec<NewWebhookDelivery>,
) {
    let category = notification.category.as_deref();
    let (tenant_id, channel) = (notification.tenant_id, notification.lane.channel);
    let id = |whom| delivery_id(whom, notification.id, event, (at, which));
    if catalog.tells_exchange() {
        let (whose, id) = ((tenant_id, notification.id), id(STATUS_EXCHANGE));
        deliveries.push(NewWebhookDelivery {
            id,
            webhook_id: STATUS_EXCHANGE,
            notification_id: notification.id,
            channel,
            event,
            body: cloud_event(id, (event, at), whose, told()),
        });
    }
    let mut body = None;
    for webhook_id in catalog.interested(tenant_id, event, channel, category) {
        // The same for all that hear of it.
        let body = body.get_or_insert_with(|| written(event.as_str(), at, told()));
        deliveries.push(NewWebhookDelivery {
            id: id(webhook_id),
            webhook_id,
            notification_id: notification.id,
            channel,
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
        user_id: notification.person(),
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
        action: None,
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
/// that the same told twice is one. `which` tells those apart that happened at one time: providers know only seconds.
#[must_use]
pub fn delivery_id(
    webhook: Uuid,
    notification: Uuid,
    event: WebhookEvent,
    (at, which): (Timestamp, Uuid),
) -> Uuid {
    let hash = Sha256::new()
        .chain_update(webhook)
        .chain_update(notification)
        .chain_update([u8::try_from(event.index()).unwrap_or(u8::MAX)])
        .chain_update(at.as_microsecond().to_be_bytes())
        .chain_update(which)
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
mod tests;
