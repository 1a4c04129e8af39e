//! Webhooks: which status events there are, and who wants to hear of which.

mod event;
mod later;
mod provider_event;
mod secret;
mod status;
mod url;

use std::collections::HashMap;

use uuid::Uuid;

use super::Channel;
use super::vocabulary::vocabulary;

pub use event::{NewWebhookDelivery, accepted_of, deliveries_of, delivery_id, test_body};
pub use later::{LaterEvent, ToldNotification, later_of};
pub use provider_event::{ToldProviderEvent, told_of};
pub use secret::{WebhookSecret, WebhookSecretError, signature};
pub use status::STATUS_EXCHANGE;
pub use url::{WebhookUrl, WebhookUrlError};

vocabulary! {
    /// What happened to a notification.
    WebhookEvent {
        /// Herald has it.
        Accepted = "notification.accepted",
        /// It waits: it is scheduled, it is quiet at the person's, it is tried again.
        Deferred = "notification.deferred",
        /// A provider accepted it.
        Sent = "notification.sent",
        /// The provider says that it arrived.
        Delivered = "notification.delivered",
        /// It ended unsent.
        Failed = "notification.failed",
        /// It was not sent by somebody's wish, or too late.
        Cancelled = "notification.cancelled",
        /// It came back.
        Bounced = "notification.bounced",
        /// The person complained of it.
        Complained = "notification.complained",
        /// The person opened it.
        Opened = "notification.opened",
        /// The person followed a link in it.
        Clicked = "notification.clicked",
        /// The person wants no more of them.
        Unsubscribed = "notification.unsubscribed",
        /// The person read it in the inbox.
        Read = "notification.read",
    }
}

/// The type of what `/test` sends. Nobody asks for it.
pub const TEST_EVENT: &str = "webhook.test";

vocabulary! {
    /// Why nothing is sent to a webhook.
    WebhookDisabledReason {
        /// Somebody switched it off.
        Owner = "owner",
        /// Nothing but failures for days.
        Failing = "failing",
        /// It answered 410.
        Gone = "gone",
        /// It answered with the header `webhook-delivery: disable`.
        Receiver = "receiver",
    }
}

vocabulary! {
    /// Where something stands that a webhook was to be told.
    WebhookDeliveryStanding {
        /// It is to be sent.
        Pending = "pending",
        /// It has arrived.
        Delivered = "delivered",
        /// It was given up: a replay sends it again.
        Failed = "failed",
        /// The webhook was disabled when it was written: a replay sends it.
        Kept = "kept",
    }
}

/// A set of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WebhookEvents(u16);

/// Which events a webhook wants. What is empty of channels and categories is all of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WebhookFilter {
    /// Of these kinds.
    pub events: WebhookEvents,
    /// Of notifications on these channels.
    pub channels: Vec<Channel>,
    /// Of notifications of these categories.
    pub categories: Vec<String>,
}

/// Who wants to hear of what, by tenant.
#[derive(Debug, Clone, Default)]
pub struct WebhookCatalog {
    by_tenant: HashMap<Uuid, Vec<(Uuid, WebhookFilter)>>,
    tells_exchange: bool,
}

/// A word that names no event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no such event; there are: *, {}", names())]
pub struct UnknownWebhookEvent;

impl WebhookEvents {
    /// Each of them, also those that a later version adds.
    pub const ALL: Self = Self(u16::MAX);
    /// The word for [`Self::ALL`].
    const EVERY: &str = "*";

    /// Whether an event is one of them.
    #[must_use]
    pub const fn contains(self, event: WebhookEvent) -> bool {
        self.0 & (1 << event.index()) != 0
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The events that words name; `*` is all.
    ///
    /// # Errors
    /// A word names none.
    pub fn read<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<Self, UnknownWebhookEvent> {
        let mut events = Self::default();
        for word in words {
            events.0 |= Self::named(word)?.0;
        }
        Ok(events)
    }

    /// The events that a word names.
    ///
    /// # Errors
    /// It names none.
    pub fn named(word: &str) -> Result<Self, UnknownWebhookEvent> {
        if word == Self::EVERY {
            return Ok(Self::ALL);
        }
        let event = word.parse::<WebhookEvent>();
        event.map(Self::from).map_err(|_| UnknownWebhookEvent)
    }

    /// The events of both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The words that name them.
    #[must_use]
    pub fn words(self) -> Vec<&'static str> {
        if self == Self::ALL {
            return vec![Self::EVERY];
        }
        let events = WebhookEvent::ALL.iter();
        let named = events.filter(|event| self.contains(**event));
        named.map(|event| event.as_str()).collect()
    }
}

impl From<WebhookEvent> for WebhookEvents {
    fn from(event: WebhookEvent) -> Self {
        Self(1 << event.index())
    }
}

impl WebhookFilter {
    fn wants(&self, event: WebhookEvent, channel: Channel, category: Option<&str>) -> bool {
        let categories = &self.categories;
        self.events.contains(event)
            && (self.channels.is_empty() || self.channels.contains(&channel))
            && (categories.is_empty()
                || category.is_some_and(|name| categories.iter().any(|known| known == name)))
    }
}

impl WebhookCatalog {
    /// Adds a webhook.
    pub fn add(&mut self, tenant_id: Uuid, webhook_id: Uuid, filter: WebhookFilter) {
        let tenants = self.by_tenant.entry(tenant_id).or_default();
        tenants.push((webhook_id, filter));
    }

    /// The same, where the exchange `herald.status` hears of everything, or of nothing.
    #[must_use]
    pub const fn telling_exchange(mut self, tells_exchange: bool) -> Self {
        self.tells_exchange = tells_exchange;
        self
    }

    /// Whether the exchange hears of everything.
    #[must_use]
    pub const fn tells_exchange(&self) -> bool {
        self.tells_exchange
    }

    /// Whether nobody wants to hear of anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_tenant.is_empty() && !self.tells_exchange
    }

    /// Whether anybody wants to hear of an event of a tenant: a webhook, or the exchange.
    #[must_use]
    pub fn is_wanted(
        &self,
        tenant_id: Uuid,
        event: WebhookEvent,
        channel: Channel,
        category: Option<&str>,
    ) -> bool {
        let mut webhooks = self.interested(tenant_id, event, channel, category);
        self.tells_exchange || webhooks.next().is_some()
    }

    /// Which webhooks of a tenant want to hear of an event.
    pub fn interested<'a>(
        &'a self,
        tenant_id: Uuid,
        event: WebhookEvent,
        channel: Channel,
        category: Option<&'a str>,
    ) -> impl Iterator<Item = Uuid> + 'a {
        let webhooks = self.by_tenant.get(&tenant_id).into_iter().flatten();
        let interested = webhooks.filter(move |(_, it)| it.wants(event, channel, category));
        interested.map(|(id, _)| *id)
    }
}

fn names() -> String {
    let names: Vec<_> = WebhookEvent::ALL.iter().map(|it| it.as_str()).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::DEFAULT_TENANT;

    #[test]
    fn events_are_read_as_they_are_written() {
        let some = ["notification.sent", "notification.failed"];
        let read = WebhookEvents::read(some).unwrap();
        assert_eq!(read.words(), some);
        assert!(read.contains(WebhookEvent::Sent) && !read.contains(WebhookEvent::Read));
        assert_eq!(
            WebhookEvents::read(["*"]).unwrap().words(),
            ["*"],
            "all, and those to come"
        );
        assert!(WebhookEvents::read([]).unwrap().is_empty());
        for odd in ["sent", "notification.*", TEST_EVENT, ""] {
            let error = WebhookEvents::named(odd).unwrap_err();
            assert!(error.to_string().contains("notification.sent"), "{odd}");
        }
    }

    #[test]
    fn a_webhook_hears_of_its_tenants_events_that_pass_all_its_filters() {
        let (all, mails, orders) = (Uuid::from_u128(1), Uuid::from_u128(2), Uuid::from_u128(3));
        let mut catalog = WebhookCatalog::default();
        assert!(catalog.is_empty());
        let every = WebhookFilter {
            events: WebhookEvents::ALL,
            ..WebhookFilter::default()
        };
        catalog.add(DEFAULT_TENANT, all, every.clone());
        let of_mails = WebhookFilter {
            channels: vec![Channel::Email],
            ..every.clone()
        };
        catalog.add(DEFAULT_TENANT, mails, of_mails);
        let of_orders = WebhookFilter {
            events: WebhookEvent::Failed.into(),
            categories: vec!["orders".to_owned()],
            ..every
        };
        catalog.add(DEFAULT_TENANT, orders, of_orders);
        let heard = |event, channel, category| -> Vec<Uuid> {
            let interested = catalog.interested(DEFAULT_TENANT, event, channel, category);
            interested.collect()
        };
        let (sent, failed) = (WebhookEvent::Sent, WebhookEvent::Failed);
        assert_eq!(heard(sent, Channel::Email, Some("orders")), [all, mails]);
        assert_eq!(heard(failed, Channel::Sms, Some("orders")), [all, orders]);
        assert_eq!(heard(failed, Channel::Sms, Some("news")), [all]);
        assert_eq!(heard(failed, Channel::Sms, None), [all]);
        let nobody = Uuid::from_u128(9);
        let wanted =
            |catalog: &WebhookCatalog| catalog.is_wanted(nobody, sent, Channel::Email, None);
        assert!(!wanted(&catalog) && wanted(&catalog.clone().telling_exchange(true)));
        let other = catalog.interested(nobody, sent, Channel::Email, None);
        assert_eq!(other.count(), 0, "another tenant's");
    }
}
