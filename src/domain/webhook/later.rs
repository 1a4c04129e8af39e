//! What webhooks are told of a notification after it was settled: what the provider says of it, and what the
//! person does.

use jiff::Timestamp;
use uuid::Uuid;

use super::event::{EventData, of, tell};
use super::{NewWebhookDelivery, WebhookCatalog, WebhookEvent};
use crate::domain::{Notification, Reason, Status};

/// A notification as it is stored, as far as it is told of.
#[derive(Debug, Clone, PartialEq)]
pub struct ToldNotification {
    /// What was asked for.
    pub notification: Notification,
    /// Where it stands.
    pub status: Status,
    /// Why.
    pub reason: Option<Reason>,
    /// The account that was asked last.
    pub provider: Option<String>,
    /// What that account's provider calls it.
    pub provider_message_id: Option<String>,
}

/// What happened to it, and when.
#[derive(Debug, Clone, Copy)]
pub struct LaterEvent<'a> {
    /// What.
    pub event: WebhookEvent,
    /// When.
    pub at: Timestamp,
    /// The button of the inbox that was pressed, if that is what happened.
    pub action: Option<&'a str>,
}

impl LaterEvent<'_> {
    /// That this happened then.
    #[must_use]
    pub const fn new(event: WebhookEvent, at: Timestamp) -> Self {
        Self {
            event,
            at,
            action: None,
        }
    }
}

/// That something happened to a notification, for those who want to hear of it.
#[must_use]
pub fn later_of(
    catalog: &WebhookCatalog,
    told: &ToldNotification,
    later: LaterEvent<'_>,
) -> Vec<NewWebhookDelivery> {
    let mut deliveries = vec![];
    let (event, at) = (later.event, later.at);
    let data = || EventData {
        action: later.action,
        status: told.status,
        reason: told.reason,
        provider: told.provider.as_deref(),
        provider_message_id: told.provider_message_id.as_deref(),
        attempts: told.notification.attempt_count,
        ..of(&told.notification)
    };
    let about = &told.notification;
    tell(
        catalog,
        about,
        (event, at, Uuid::nil()),
        data,
        &mut deliveries,
    );
    deliveries
}
