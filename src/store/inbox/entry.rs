//! Something in an inbox, as it is stored.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use diesel::Queryable;
use diesel::sql_types::{Array, Bool, Int8, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use jiff::Timestamp;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::domain::Source;
use crate::domain::inbox::{InboxAction, InboxStates};
use crate::store::{StoreError, form, time};

/// The columns of an entry, of `i` and, where it is for everybody, of `b`.
macro_rules! entry_columns {
    () => {
        "i.id, i.user_id, i.tenant_id, i.arrival, i.sequence, i.is_broadcast, i.delivered_at, i.expires_at,
         i.category, i.tags, coalesce(i.title, b.title), coalesce(i.body, b.body), coalesce(i.url, b.url),
         coalesce(i.data, b.data), coalesce(i.actions, b.actions), coalesce(i.source_type, b.source_type),
         coalesce(i.source_id, b.source_id), i.seen_at, i.read_at, i.first_read_at, i.interacted_at, i.archived_at,
         i.deleted_at, i.snoozed_until, i.pressed"
    };
}
pub(super) use entry_columns;

/// Where the content of what is for everybody stands.
macro_rules! with_broadcast {
    () => {
        "LEFT JOIN inbox_broadcasts b ON b.id = CASE WHEN i.is_broadcast THEN i.id END"
    };
}
pub(super) use with_broadcast;

/// The types of [`entry_columns`].
pub(super) type EntryColumns = (
    SqlUuid,
    SqlUuid,
    SqlUuid,
    Int8,
    Int8,
    Bool,
    Timestamptz,
    Nullable<Timestamptz>,
    Nullable<Text>,
    Array<Text>,
    Nullable<Text>,
    Nullable<Text>,
    Nullable<Text>,
    Nullable<Jsonb>,
    Nullable<Jsonb>,
    Nullable<Text>,
    Nullable<Text>,
    Nullable<Timestamptz>,
    Nullable<Timestamptz>,
    Nullable<Timestamptz>,
    Nullable<Timestamptz>,
    Nullable<Timestamptz>,
    Nullable<Timestamptz>,
    Nullable<Timestamptz>,
    Nullable<Jsonb>,
);

/// Something in a person's inbox.
#[derive(Debug, Clone, PartialEq)]
pub struct InboxEntry {
    /// The notification's id.
    pub id: Uuid,
    /// The person.
    pub user_id: Uuid,
    /// Their tenant.
    pub tenant_id: Uuid,
    /// The person's sequence with which it was delivered last.
    pub arrival: i64,
    /// The person's sequence with which it changed last.
    pub sequence: i64,
    /// Whether it is for all people of the tenant.
    pub is_broadcast: bool,
    /// When it was delivered, or came back from a snooze.
    pub delivered_at: Timestamp,
    /// When it is gone.
    pub expires_at: Option<Timestamp>,
    /// The category.
    pub category: Option<String>,
    /// The words that lists may be narrowed to.
    pub tags: Vec<String>,
    /// Its title.
    pub title: Option<String>,
    /// Its text.
    pub body: Option<String>,
    /// Where a click leads.
    pub url: Option<String>,
    /// Data for the app.
    pub data: Option<Map<String, Value>>,
    /// Its buttons.
    pub actions: Vec<InboxAction>,
    /// What it is about.
    pub source: Option<Source>,
    /// What the person did with it.
    pub states: InboxStates,
}

impl InboxEntry {
    /// Whether its time is over.
    #[must_use]
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }
}

/// A row of [`entry_columns`].
#[derive(Queryable)]
pub(super) struct EntryRow {
    id: Uuid,
    user_id: Uuid,
    tenant_id: Uuid,
    arrival: i64,
    sequence: i64,
    is_broadcast: bool,
    delivered_at: DateTime<Utc>,
    expires_at: Option<DateTime<Utc>>,
    category: Option<String>,
    tags: Vec<String>,
    title: Option<String>,
    body: Option<String>,
    url: Option<String>,
    data: Option<Value>,
    actions: Option<Value>,
    source_type: Option<String>,
    source_id: Option<String>,
    seen_at: Option<DateTime<Utc>>,
    read_at: Option<DateTime<Utc>>,
    first_read_at: Option<DateTime<Utc>>,
    interacted_at: Option<DateTime<Utc>>,
    archived_at: Option<DateTime<Utc>>,
    deleted_at: Option<DateTime<Utc>>,
    snoozed_until: Option<DateTime<Utc>>,
    pressed: Option<Value>,
}

/// All of these.
///
/// # Errors
/// Something of one cannot be read.
pub(super) fn entries(rows: Vec<EntryRow>) -> Result<Vec<InboxEntry>, StoreError> {
    rows.into_iter().map(EntryRow::entry).collect()
}

impl EntryRow {
    fn entry(self) -> Result<InboxEntry, StoreError> {
        let moment = |at: Option<DateTime<Utc>>| at.map(time::from_database);
        let unread =
            |what: &str| StoreError::Corrupt(format!("inbox_items: its {what} cannot be read"));
        let data = self.data.map(form::read_metadata).transpose();
        let actions = self.actions.map(serde_json::from_value).transpose();
        let pressed = self.pressed.map(serde_json::from_value).transpose();
        let pressed: Option<BTreeMap<String, Timestamp>> =
            pressed.map_err(|_| unread("buttons"))?;
        let source = self.source_type.zip(self.source_id);
        Ok(InboxEntry {
            id: self.id,
            user_id: self.user_id,
            tenant_id: self.tenant_id,
            arrival: self.arrival,
            sequence: self.sequence,
            is_broadcast: self.is_broadcast,
            delivered_at: time::from_database(self.delivered_at),
            expires_at: moment(self.expires_at),
            category: self.category,
            tags: self.tags,
            title: self.title,
            body: self.body,
            url: self.url,
            data: data.map_err(|_| unread("data"))?,
            actions: actions.map_err(|_| unread("actions"))?.unwrap_or_default(),
            source: source.map(|(kind, id)| Source { kind, id }),
            states: InboxStates {
                seen_at: moment(self.seen_at),
                read_at: moment(self.read_at),
                first_read_at: moment(self.first_read_at),
                interacted_at: moment(self.interacted_at),
                archived_at: moment(self.archived_at),
                deleted_at: moment(self.deleted_at),
                snoozed_until: moment(self.snoozed_until),
                pressed: pressed.unwrap_or_default(),
            },
        })
    }
}
