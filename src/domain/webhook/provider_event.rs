//! What webhooks are told of what a provider told.

use jiff::Timestamp;
use uuid::Uuid;

use super::event::{EventData, ProviderEventData, of, tell};
use super::{NewWebhookDelivery, WebhookCatalog, WebhookEvent};
use crate::domain::{EventMatch, Notification, ProviderEvent, Reason, Status};

/// An event of a provider with the notification that it is about, as that stands now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ToldProviderEvent<'a> {
    /// The notification.
    pub notification: &'a Notification,
    /// Where it stands.
    pub status: Status,
    /// Why.
    pub reason: Option<Reason>,
    /// The account that told it.
    pub provider: &'a str,
    /// The provider's id of the message.
    pub provider_message_id: Option<&'a str>,
    /// The event's own id with us.
    pub id: Uuid,
    /// What it told.
    pub event: ProviderEvent,
    /// When that happened.
    pub at: Timestamp,
    /// The provider's code.
    pub code: Option<&'a str>,
    /// The provider's words.
    pub detail: Option<&'a str>,
    /// By what it is known that it is about the notification.
    pub matched_by: EventMatch,
}

impl ProviderEvent {
    /// What webhooks are told of it, if anything. What a machine opens is nobody's reading.
    #[must_use]
    pub const fn for_webhooks(self) -> Option<WebhookEvent> {
        Some(match self {
            Self::Delivered => WebhookEvent::Delivered,
            Self::Bounce | Self::SoftBounce | Self::Block | Self::Dropped | Self::Undelivered => {
                WebhookEvent::Bounced
            }
            Self::Open => WebhookEvent::Opened,
            Self::Click => WebhookEvent::Clicked,
            Self::Complaint => WebhookEvent::Complained,
            Self::Unsubscribe => WebhookEvent::Unsubscribed,
            Self::Processed
            | Self::Deferred
            | Self::MachineOpen
            | Self::Resubscribe
            | Self::Other
            | Self::Unreadable => return None,
        })
    }
}

/// All that webhooks are told of events, for those who want to hear of it.
#[must_use]
pub fn told_of(
    catalog: &WebhookCatalog,
    events: &[ToldProviderEvent<'_>],
) -> Vec<NewWebhookDelivery> {
    let mut deliveries = vec![];
    for told in events {
        let Some(event) = told.event.for_webhooks() else {
            continue;
        };
        let data = || EventData {
            status: told.status,
            reason: told.reason,
            provider: Some(told.provider),
            provider_message_id: told.provider_message_id,
            attempts: told.notification.attempt_count,
            provider_event: Some(ProviderEventData {
                event: told.event,
                code: told.code,
                detail: told.detail,
                matched_by: told.matched_by,
            }),
            ..of(told.notification)
        };
        tell(
            catalog,
            told.notification,
            (event, told.at, told.id),
            data,
            &mut deliveries,
        );
    }
    deliveries
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_machine_opens_is_nobodys_reading() {
        let told = |event: ProviderEvent| event.for_webhooks();
        assert_eq!(told(ProviderEvent::Open), Some(WebhookEvent::Opened));
        assert_eq!(told(ProviderEvent::MachineOpen), None);
        assert_eq!(told(ProviderEvent::Block), Some(WebhookEvent::Bounced));
    }
}
