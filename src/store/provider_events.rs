//! What providers tell later: kept once each, with what is known of the notification that it is about.
//!
//! Whoever takes a batch in keeps it by one statement and does what follows in the same transaction. Locks are
//! taken in the order of settling: events, notifications, suppressions.

mod addressed;
mod awaiting;
mod before;
mod changes;
mod doubted;
mod early;
mod keep;
pub mod listing;
mod place;
mod standing;
mod turns;
mod verdict;
mod wishes;

use diesel::sql_types::{Array, Bool, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use jiff::Timestamp;
use uuid::Uuid;

use super::StoreError;
use super::change::word;
use super::time::from_database;
use crate::domain::{Channel, EventBlame, EventMatch, EventMisnaming, ProviderEvent, Status};

pub use addressed::{SoftBounces, full_mailboxes, tenants_of};
pub use awaiting::{await_outcome, take_settled};
pub use before::told_before;
pub use changes::{ChangedNotification, HandBack, LateAcceptance, accept, hand_back};
pub use doubted::{dead_lately, doubt, doubted, take_doubted};
pub use early::{forget_unmatched, take_early, take_nobodys};
pub use keep::keep;
pub use place::{AwaitedThing, EventPlace};
pub use standing::{Arrivals, StandingNotification, announce, arrived, hold, read};
pub use turns::take_turns;
pub use wishes::{DeadWord, LiftedWish, StoredWish, learn_dead, lift, suppress};

/// An event that is stored now and was not before, with what is known of its notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptEvent {
    /// The row's id.
    pub id: Uuid,
    /// The account that told it.
    pub provider: String,
    /// Other accounts of which it may speak.
    pub speaks_for: Vec<String>,
    /// The account's channel.
    pub channel: Channel,
    /// What happened.
    pub event: ProviderEvent,
    /// When, as the provider says.
    pub at: Timestamp,
    /// The person's address.
    pub address: Option<String>,
    /// The provider's code.
    pub code: Option<String>,
    /// The provider's words.
    pub detail: Option<String>,
    /// Whom a failure is about.
    pub blame: Option<EventBlame>,
    /// The notification that it is about, if that is known.
    pub about: Option<EventSubject>,
    /// Why it is not about the notification that it names.
    pub misnamed: Option<EventMisnaming>,
    /// Whether it names a notification that has no row yet: it is looked at again.
    pub is_early: bool,
    /// What is still to follow from it.
    pub rest: EventRest,
}

/// What is still to follow from an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventRest {
    /// All.
    All,
    /// What follows for its notification: that was in hand till now.
    Notification,
    /// What follows for its address: it was not believed till now.
    Address,
}

/// The notification that an event is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventSubject {
    /// Its id.
    pub id: Uuid,
    /// Whose it is.
    pub tenant_id: Uuid,
    /// By what that is known.
    pub matched_by: EventMatch,
    /// Where it stands; `None` when only a newer version has a word for that.
    pub status: Option<Status>,
    /// The account that was asked last.
    pub sent_by: Option<String>,
    /// Its category.
    pub category: Option<String>,
    /// Whether a person may switch that off.
    pub may_disable: bool,
}

/// The columns of a [`KeptRow`], of an event `f`, its notification `n` and the category `c`.
macro_rules! kept_columns {
    () => {
        "f.id, f.provider, f.message_type, f.event, f.occurred_at, f.recipient, f.code, f.detail, f.blame,
         f.tenant_id, f.notification_id, f.matched_by, f.misnamed, f.status, f.sent_by, f.category,
         coalesce(c.may_disable, true), f.speaks_for"
    };
}
use kept_columns;

/// Takes the events of `ready` (a sub-query with `id` and `notification_id`) out of the waiting that the column `$mark`
/// stands for, and answers them with what is known of their notifications.
macro_rules! take_ready {
    ($mark:literal) => {
        concat!(
            ", f AS (
         UPDATE email_logs e SET ",
            $mark,
            " = false
         FROM ready LEFT JOIN LATERAL (
             SELECT n.status, n.provider, n.category FROM notifications n
             WHERE n.id = ready.notification_id LIMIT 1) n ON true
         WHERE e.id = ready.id
         RETURNING e.id, e.provider, e.message_type, e.event, e.occurred_at, e.recipient, e.code, e.detail,
                   e.blame, e.tenant_id, e.notification_id, e.matched_by, e.misnamed, n.status, n.provider AS sent_by,
                   n.category, e.speaks_for
     )
     SELECT ",
            crate::store::provider_events::kept_columns!(),
            "
     FROM f LEFT JOIN categories c ON c.tenant_id = f.tenant_id AND c.name = f.category
     ORDER BY f.occurred_at, f.id"
        )
    };
}
use take_ready;

/// The types of [`kept_columns`].
type KeptColumns = (
    SqlUuid,
    Text,
    Text,
    Text,
    Timestamptz,
    Nullable<Text>,
    Nullable<Text>,
    Nullable<Text>,
    Nullable<Text>,
    Nullable<SqlUuid>,
    Nullable<SqlUuid>,
    Nullable<Text>,
    Nullable<Text>,
    Nullable<Text>,
    Nullable<Text>,
    Nullable<Text>,
    Bool,
    Nullable<Array<Text>>,
);

/// An event as a statement answers it.
type KeptRow = (
    Uuid,
    String,
    String,
    String,
    chrono::DateTime<chrono::Utc>,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<Uuid>,
    Option<Uuid>,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
    bool,
    Option<Vec<String>>,
);

fn kept(row: KeptRow) -> Result<KeptEvent, StoreError> {
    #[rustfmt::skip]
    let (
        id, provider, channel, event, at, address, code, detail, blame, tenant_id, notification_id, matched_by,
        misnamed, status, sent_by, category, may_disable, speaks_for,
    ) = row;
    let matched_by = matched_by.as_deref().map(word).transpose()?;
    let about = tenant_id.zip(notification_id).zip(matched_by);
    let is_early = tenant_id.is_none() && notification_id.is_some();
    Ok(KeptEvent {
        is_early,
        rest: EventRest::All,
        id,
        provider,
        speaks_for: speaks_for.unwrap_or_default(),
        channel: word(&channel)?,
        event: word(&event)?,
        at: from_database(at),
        address,
        code,
        detail,
        blame: blame.as_deref().map(word).transpose()?,
        misnamed: misnamed.and_then(|it| it.parse().ok()),
        about: about.map(|((tenant_id, id), matched_by)| EventSubject {
            id,
            tenant_id,
            matched_by,
            status: status.and_then(|it| it.parse().ok()),
            sent_by,
            category,
            may_disable,
        }),
    })
}
