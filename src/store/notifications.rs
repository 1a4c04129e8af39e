//! Notifications, for people who look at them: one, a page of a list, what it says.
//!
//! A list is looked at a bounded span at a time, newest first: so many rows at most, in so much time at most.
//! A page may thus be empty and go on.

mod content;
mod listing;
mod row;

use diesel::sql_types::{BigInt, Bool, Nullable, Untyped, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::future::try_join;
use jiff::Timestamp;
use uuid::Uuid;

use self::row::{EventRow, IdRow, WholeRow, summary};
use super::StoreError;
use super::statement::statement;
use super::suppressions;
use crate::domain::suppression::StandingSuppression;
use crate::domain::{
    Channel, Reason, Standing, Status, TimelineLine, TimelineRecord, ToldEvent, timeline,
};

pub use content::{StoredContent, content, versions};
pub use listing::look;

/// What providers told of one notification, at most; and what may be told often, as often again: neither hides the
/// other.
const EVENTS: i64 = 500;
/// Entries of the suppression list that one notification is shown with, at most.
const ENTRIES: i64 = 20;

/// A notification as it is stored. Words are as they stand in the row: a newer version may know more of them.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredNotification {
    /// Its id.
    pub id: Uuid,
    /// The tenant.
    pub tenant_id: Uuid,
    /// To whom; `None` when the person was erased, or for a whole tenant.
    pub user_id: Option<Uuid>,
    /// Through which channel.
    pub channel: String,
    /// How urgent.
    pub priority: String,
    /// The category that may be switched off.
    pub category: Option<String>,
    /// The account that was asked last.
    pub provider: Option<String>,
    /// Where it stands.
    pub status: String,
    /// Why.
    pub reason: Option<String>,
    /// The address that was used.
    pub recipient: Option<String>,
    /// The template, and the version of it that was rendered.
    pub template: Option<(String, Option<i32>)>,
    /// Passes over the route.
    pub attempt_count: i32,
    /// Retries after the first pass.
    pub max_retries: i32,
    /// When the engine accepted it.
    pub created_at: Timestamp,
    /// When a provider was asked last.
    pub last_attempted: Option<Timestamp>,
    /// Not before.
    pub send_at: Option<Timestamp>,
    /// When the scheduler takes it, while it waits.
    pub due_at: Option<Timestamp>,
    /// Not after.
    pub expires_at: Option<Timestamp>,
    /// When it was sent.
    pub sent_at: Option<Timestamp>,
    /// When it failed for good.
    pub failed_at: Option<Timestamp>,
    /// What went wrong, in words.
    pub error_message: Option<String>,
    /// The provider's code.
    pub provider_response: Option<String>,
    /// The provider's id for the message.
    pub provider_message_id: Option<String>,
    /// What the publisher pointed at: kind and id.
    pub source: Option<(String, String)>,
    /// For whom it waits, if for an account.
    pub waits_for: Option<String>,
    /// The run that has it in hand.
    pub owner: Option<i32>,
    /// When its person read it.
    pub read_at: Option<Timestamp>,
    /// When its address and content were taken out.
    pub redacted_at: Option<Timestamp>,
    /// The request by HTTP that brought it.
    pub request_id: Option<Uuid>,
}

/// A notification with all that happened to it.
#[derive(Debug, Clone, PartialEq)]
pub struct WholeNotification {
    /// Its row.
    pub stored: StoredNotification,
    /// Its timeline.
    pub timeline: Vec<TimelineRecord>,
    /// The publisher's own data, as a JSON text.
    pub metadata: Option<String>,
    /// What providers told later, the eldest first.
    pub told: Vec<ToldEvent>,
    /// The entries of the suppression list that stand against its addresses now, if it was cancelled for one.
    pub suppressed_by: Vec<StandingSuppression>,
}

impl WholeNotification {
    /// What happened to it, in plain words and in its order.
    #[must_use]
    pub fn lines(&self) -> Vec<TimelineLine> {
        let stored = &self.stored;
        let standing = Standing {
            created_at: stored.created_at,
            request_id: stored.request_id,
            status: &stored.status,
            reason: stored.reason.as_deref(),
            provider: stored.provider.as_deref(),
            sent_at: stored.sent_at,
            failed_at: stored.failed_at,
            due_at: stored.due_at,
            read_at: stored.read_at,
            redacted_at: stored.redacted_at,
            run: stored.owner,
            error: stored.error_message.as_deref(),
            suppressed_by: &self.suppressed_by,
        };
        timeline(&standing, &self.timeline, &self.told)
    }
}

/// Which notifications are meant; what is absent does not narrow them down.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NotificationFilter {
    /// To this person.
    pub user_id: Option<Uuid>,
    /// That stand there.
    pub status: Option<Status>,
    /// For this reason.
    pub reason: Option<Reason>,
    /// Through this channel.
    pub channel: Option<Channel>,
    /// That this account was asked last for.
    pub provider: Option<String>,
    /// Of this category.
    pub category: Option<String>,
    /// About a thing of this kind.
    pub source_type: Option<String>,
    /// About this thing.
    pub source_id: Option<String>,
}

impl NotificationFilter {
    /// The person, if nothing else narrows a list down.
    fn person_alone(&self) -> Option<Uuid> {
        let without = Self {
            user_id: None,
            ..self.clone()
        };
        self.user_id.filter(|_| without == Self::default())
    }
}

/// A span of ids, thus of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdSpan {
    /// The first.
    pub from: Uuid,
    /// The first that is no longer in it.
    pub before: Uuid,
}

/// What one look found.
#[derive(Debug, Default)]
pub struct ListLook {
    /// The newest first.
    pub found: Vec<StoredNotification>,
    /// Where it stopped before the end of its span: nothing at this id or after it was left out.
    pub stopped_at: Option<Uuid>,
}

/// The lowest id of a moment.
#[must_use]
pub fn bound(moment: Timestamp) -> Uuid {
    let milliseconds = u128::try_from(moment.as_millisecond()).unwrap_or(0);
    Uuid::from_u128(milliseconds << 80)
}

/// The moment of an id; the furthest that there is, of one that is no time.
#[must_use]
pub fn moment(id: Uuid) -> Timestamp {
    let milliseconds = i64::try_from(id.as_u128() >> 80).ok();
    let moment = milliseconds.and_then(|it| Timestamp::from_millisecond(it).ok());
    moment.unwrap_or(Timestamp::MAX)
}

statement!(
    /// A notification of a tenant, or of any.
    FindOne(
        id: Uuid => SqlUuid,
        any_tenant: bool => Bool,
        tenant_id: Option<Uuid> => Nullable<SqlUuid>,
    ) -> Untyped = concat!(
        "SELECT ", summary!(), ", n.attempts, n.metadata::text AS metadata
         FROM notifications n WHERE n.id = ? AND (? OR n.tenant_id = ?)"
    )
);

statement!(
    /// What providers told of a notification, the eldest first.
    FindEvents(
        id: Uuid => SqlUuid,
        most: i64 => BigInt,
        same_id: Uuid => SqlUuid,
        most_repeated: i64 => BigInt,
    ) -> Untyped =
        "SELECT * FROM (
             (SELECT occurred_at, event, provider, code, detail, matched_by, misnamed FROM email_logs
              WHERE notification_id = ?
                AND event NOT IN ('open', 'machine_open', 'click', 'deferred', 'processed', 'other', 'unreadable')
              ORDER BY occurred_at LIMIT ?)
             UNION ALL
             (SELECT occurred_at, event, provider, code, detail, matched_by, misnamed FROM email_logs
              WHERE notification_id = ?
                AND event IN ('open', 'machine_open', 'click', 'deferred', 'processed', 'other', 'unreadable')
              ORDER BY occurred_at LIMIT ?)) told
         ORDER BY occurred_at"
);

statement!(Oldest() -> Untyped = "SELECT id FROM notifications ORDER BY id LIMIT 1");

/// The eldest notification that there is, whosever it is.
///
/// # Errors
/// The database is out of reach.
pub async fn oldest(connection: &mut AsyncPgConnection) -> Result<Option<Uuid>, StoreError> {
    let rows: Vec<IdRow> = Oldest {}.load(connection).await?;
    Ok(rows.into_iter().next().map(|row| row.id))
}

/// One notification of a tenant; of any, without one.
///
/// # Errors
/// The database is out of reach.
pub async fn find(
    connection: &mut AsyncPgConnection,
    tenant_id: Option<Uuid>,
    id: Uuid,
) -> Result<Option<WholeNotification>, StoreError> {
    let found = FindOne {
        id,
        any_tenant: tenant_id.is_none(),
        tenant_id,
    };
    let told = FindEvents {
        id,
        most: EVENTS,
        same_id: id,
        most_repeated: EVENTS,
    };
    // Both are asked at once: the second does not wait for the answer to the first.
    let shared: &AsyncPgConnection = connection;
    let (mut finding, mut hearing) = (shared, shared);
    let (found, told): (Vec<WholeRow>, Vec<EventRow>) =
        try_join(found.load(&mut finding), told.load(&mut hearing)).await?;
    let Some(row) = found.into_iter().next() else {
        return Ok(None);
    };
    let told = told.into_iter().map(EventRow::event).collect();
    let mut whole = row.whole(told);
    if whole.stored.reason.as_deref() == Some(Reason::Suppressed.as_str()) {
        whole.suppressed_by = suppressions::standing_of(connection, id, ENTRIES).await?;
    }
    Ok(Some(whole))
}
