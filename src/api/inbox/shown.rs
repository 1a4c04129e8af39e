//! What an inbox shows.

use jiff::Timestamp;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::domain::Source;
use crate::domain::inbox::{InboxAction, InboxCounts};
use crate::ops::control::InboxEntry;

/// Something in a person's inbox.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = InboxItem)]
pub(in crate::api) struct ShownInboxItem<'a> {
    /// The notification's id.
    id: Uuid,
    /// The number of its last change, in the person's own sequence: what a stream tells it with. Of two versions of
    /// one item the one with the higher number is the newer.
    sequence: i64,
    /// For whom it is: `person`, or `tenant` for all its people.
    audience: &'static str,
    /// Its title.
    title: Option<&'a str>,
    /// Its text. It is text, and no HTML.
    body: Option<&'a str>,
    /// Where a click leads: https, http, or a path.
    url: Option<&'a str>,
    /// Data for the app.
    #[schema(value_type = Option<Object>)]
    data: Option<&'a Map<String, Value>>,
    /// What a person may switch off.
    category: Option<&'a str>,
    /// Words that lists may be narrowed to.
    tags: &'a [String],
    /// Its buttons.
    actions: Vec<ShownInboxAction<'a>>,
    /// What it is about.
    source: Option<ShownInboxSource<'a>>,
    /// When it was delivered, or came back from a snooze. Lists are in this order.
    delivered_at: Timestamp,
    /// When it is gone.
    expires_at: Option<Timestamp>,
    /// When it was seen.
    seen_at: Option<Timestamp>,
    /// When it was read.
    read_at: Option<Timestamp>,
    /// When a button was pressed first.
    interacted_at: Option<Timestamp>,
    /// When it was put into the archive.
    archived_at: Option<Timestamp>,
    /// When it was deleted.
    deleted_at: Option<Timestamp>,
    /// When it comes back.
    snoozed_until: Option<Timestamp>,
}

/// A button.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = InboxItemAction)]
pub(in crate::api) struct ShownInboxAction<'a> {
    /// Its id.
    id: &'a str,
    /// What stands on it.
    label: &'a str,
    /// Where it leads.
    url: Option<&'a str>,
    /// Whether it is the one to be pressed.
    primary: bool,
    /// `pending`, or `done` once it was pressed.
    state: &'static str,
    /// When it was pressed.
    done_at: Option<Timestamp>,
}

/// What a notification is about.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = InboxItemSource)]
pub(in crate::api) struct ShownInboxSource<'a> {
    /// For example `ticket`.
    r#type: &'a str,
    /// Its id there.
    id: &'a str,
}

/// How many there are.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = InboxCounts)]
pub(in crate::api) struct ShownInboxCounts {
    /// That were not seen: a number to 100, and `"100+"` beyond.
    #[schema(value_type = Value, example = 3)]
    unseen: ShownCount,
    /// That were not read: a number to 100, and `"100+"` beyond.
    #[schema(value_type = Value, example = "100+")]
    unread: ShownCount,
}

/// A number to a hundred.
#[derive(Debug, Clone, Copy)]
struct ShownCount(Option<u8>);

impl Serialize for ShownCount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Some(count) => serializer.serialize_u8(count),
            None => serializer.serialize_str("100+"),
        }
    }
}

impl From<InboxCounts> for ShownInboxCounts {
    fn from(counts: InboxCounts) -> Self {
        Self {
            unseen: ShownCount(counts.unseen),
            unread: ShownCount(counts.unread),
        }
    }
}

impl<'a> From<&'a InboxEntry> for ShownInboxItem<'a> {
    fn from(entry: &'a InboxEntry) -> Self {
        let states = &entry.states;
        let action = |action: &'a InboxAction| {
            let done_at = states.pressed.get(&action.id).copied();
            ShownInboxAction {
                id: &action.id,
                label: &action.label,
                url: action.url.as_deref(),
                primary: action.primary,
                state: done_at.map_or("pending", |_| "done"),
                done_at,
            }
        };
        let source = |source: &'a Source| ShownInboxSource {
            r#type: &source.kind,
            id: &source.id,
        };
        Self {
            id: entry.id,
            sequence: entry.sequence,
            audience: match entry.is_broadcast {
                true => "tenant",
                false => "person",
            },
            title: entry.title.as_deref(),
            body: entry.body.as_deref(),
            url: entry.url.as_deref(),
            data: entry.data.as_ref(),
            category: entry.category.as_deref(),
            tags: &entry.tags,
            actions: entry.actions.iter().map(action).collect(),
            source: entry.source.as_ref().map(source),
            delivered_at: entry.delivered_at,
            expires_at: entry.expires_at,
            seen_at: states.seen_at,
            read_at: states.read_at,
            interacted_at: states.interacted_at,
            archived_at: states.archived_at,
            deleted_at: states.deleted_at,
            snoozed_until: states.snoozed_until,
        }
    }
}
