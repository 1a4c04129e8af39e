//! The envelope of a published notification, version 1 of the contract.

use serde::Serialize;
use uuid::Uuid;

use crate::lane::Channel;
use crate::marker::Marker;
use crate::population::Person;

/// What a text is filled up with: plain ASCII, so that no encoding on the way changes its size.
const FILLER: &str = "Your parcel has left our warehouse and will be with you soon. ";
/// The largest filling of a text message (the limit is 1,600 characters) and of a push message.
const LARGEST_SMS: usize = 1_400;
const LARGEST_PUSH: usize = 3_000;

#[derive(Debug, Serialize)]
pub(super) struct Envelope<'a> {
    pub(super) version: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tenant_id: Option<Uuid>,
    pub(super) user_id: Uuid,
    pub(super) channel: &'static str,
    pub(super) priority: &'static str,
    pub(super) category: &'static str,
    pub(super) idempotency_key: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) template: Option<Template<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content: Option<Content>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) to: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) send_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) expires_at: Option<String>,
    pub(super) source: Source<'a>,
}

#[derive(Debug, Serialize)]
pub(super) struct Template<'a> {
    name: &'static str,
    variables: Variables<'a>,
}

/// The variables of the templates in the seed file.
#[derive(Debug, Serialize)]
struct Variables<'a> {
    order: &'a str,
    name: String,
    marker: String,
    note: String,
}

#[derive(Debug, Serialize)]
pub(super) struct Content {
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    body: String,
}

#[derive(Debug, Serialize)]
pub(super) struct Source<'a> {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) id: &'a str,
}

/// The name of the seed file's template for a channel.
#[must_use]
pub(crate) fn template_name(channel: Channel) -> &'static str {
    match channel {
        Channel::Email => "order-shipped",
        Channel::Sms => "order-shipped-sms",
        Channel::Push => "order-shipped-push",
        Channel::InApp => "order-shipped-in-app",
        Channel::Chat => "order-shipped-chat",
    }
}

impl<'a> Template<'a> {
    pub(super) fn new(
        channel: Channel,
        person: Person,
        order: &'a str,
        marker: Marker,
        filling: usize,
    ) -> Self {
        Self {
            name: template_name(channel),
            variables: Variables {
                order,
                name: person.username(),
                marker: marker.to_string(),
                note: filler(channel, filling),
            },
        }
    }
}

impl Content {
    pub(super) fn new(channel: Channel, order: &str, marker: Marker, filling: usize) -> Self {
        let head = format!("Order {order} is on its way");
        let (subject, title) = match channel {
            Channel::Email => (Some(head), None),
            Channel::Push | Channel::InApp => (None, Some(head)),
            Channel::Sms | Channel::Chat => (None, None),
        };
        let filling = filler(channel, filling);
        Self {
            subject,
            title,
            // The marker goes first: nothing that shortens a text may lose it.
            body: format!("{marker} Order {order}. {filling}"),
        }
    }

    /// That of every mail of a campaign.
    pub(super) fn campaign(filling: usize) -> Self {
        Self {
            subject: Some("What is new this week".to_owned()),
            title: None,
            // A little is there even when nothing is to be filled up: a mail has to have a text.
            body: format!("Hello. {}", filler(Channel::Email, filling)),
        }
    }
}

/// The address of a campaign's mail, which has no other place for a marker. What an address may not
/// hold is percent-encoded.
pub(super) fn campaign_address(marker: Marker) -> String {
    let marker = marker.to_string().replace(':', "%3a").replace(';', "%3b");
    format!("{marker}@campaign.example")
}

/// `size` bytes of text, as far as the channel has room.
fn filler(channel: Channel, size: usize) -> String {
    let size = match channel {
        Channel::Sms => size.min(LARGEST_SMS),
        Channel::Push => size.min(LARGEST_PUSH),
        Channel::Email | Channel::InApp | Channel::Chat => size,
    };
    FILLER.chars().cycle().take(size).collect()
}
