//! What is published to `herald.status`: CloudEvents 1.0 of the same types and with the same data as webhooks.

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use super::WebhookEvent;

/// Stands in the place of a webhook's id for the exchange `herald.status`, which hears of everything.
pub const STATUS_EXCHANGE: Uuid = Uuid::nil();

/// The context in which events happen. With `id` it names an event for ever.
const SOURCE: &str = "urn:herald:notifications";

/// A CloudEvent in JSON, structured mode.
#[derive(Serialize)]
struct CloudEvent<T> {
    specversion: &'static str,
    id: Uuid,
    source: &'static str,
    r#type: &'static str,
    subject: Uuid,
    time: Timestamp,
    tenantid: Uuid,
    datacontenttype: &'static str,
    data: T,
}

/// What happened to a notification of a tenant, as a CloudEvent.
pub(super) fn cloud_event<T: Serialize>(
    id: Uuid,
    (event, time): (WebhookEvent, Timestamp),
    (tenantid, subject): (Uuid, Uuid),
    data: T,
) -> String {
    let event = CloudEvent {
        specversion: "1.0",
        id,
        source: SOURCE,
        r#type: event.as_str(),
        subject,
        time,
        tenantid,
        datacontenttype: "application/json",
        data,
    };
    // As the body of a webhook: nothing of it cannot be serialized.
    serde_json::to_string(&event).unwrap_or_default()
}
