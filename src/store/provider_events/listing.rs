//! Events, for operators who look at them.

use diesel::QueryableByName;
use diesel::sql_types::{Bool, Int8, Nullable, Text, Timestamptz, Untyped, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use jiff::Timestamp;
use uuid::Uuid;

use super::super::due::Lenient;
use super::super::statement::statement;
use super::super::time::from_database;
use crate::domain::ProviderEvent;
use crate::store::StoreError;

/// Which events are meant; what is absent does not narrow them down.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProviderEventFilter {
    /// Told by this account.
    pub provider: Option<String>,
    /// Of this kind.
    pub event: Option<ProviderEvent>,
    /// Only those of which no notification is known, or only those of which one is.
    pub is_matched: Option<bool>,
}

/// An event as it is stored. Words are as they stand in the row.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredProviderEvent {
    /// Its id.
    pub id: Uuid,
    /// Whose notification it is about.
    pub tenant_id: Option<Uuid>,
    /// The notification.
    pub notification_id: Option<Uuid>,
    /// By what that is known.
    pub matched_by: Option<String>,
    /// Why it is not about the notification that it names.
    pub misnamed: Option<String>,
    /// The account.
    pub provider: String,
    /// What happened.
    pub event: String,
    /// The provider's id of the event.
    pub event_id: String,
    /// The provider's id of the message.
    pub provider_message_id: Option<String>,
    /// The provider's code.
    pub code: Option<String>,
    /// The provider's words.
    pub detail: Option<String>,
    /// The person's address.
    pub address: Option<String>,
    /// As it came, as a JSON text.
    pub raw: Option<String>,
    /// When it happened, as the provider says.
    pub at: Timestamp,
    /// When it came.
    pub received_at: Timestamp,
}

#[derive(QueryableByName)]
struct ListedEventRow {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    tenant_id: Option<Uuid>,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    notification_id: Option<Uuid>,
    #[diesel(sql_type = Nullable<Text>)]
    matched_by: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    misnamed: Option<String>,
    #[diesel(sql_type = Text)]
    provider: String,
    #[diesel(sql_type = Text)]
    event: String,
    #[diesel(sql_type = Text)]
    event_id: String,
    #[diesel(sql_type = Nullable<Text>)]
    provider_message_id: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    code: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    detail: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    recipient: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    raw: Option<String>,
    #[diesel(sql_type = Timestamptz)]
    occurred_at: Lenient<chrono::DateTime<chrono::Utc>>,
    #[diesel(sql_type = Timestamptz)]
    created_at: Lenient<chrono::DateTime<chrono::Utc>>,
}

/// Rows that a page looks at, at most; as many as a page of notifications.
const MOST_LOOKED_AT: i64 = 20_000;

/// What one look found.
#[derive(Debug, Default)]
pub struct EventLook {
    /// The newest first.
    pub found: Vec<StoredProviderEvent>,
    /// Where it stopped before the end of the list: nothing at this id or after it was left out.
    pub stopped_at: Option<Uuid>,
}

/// Those before an id, the newest first; `$narrowed` is known to an index.
macro_rules! before {
    ($columns:literal, $narrowed:literal) => {
        concat!(
            "SELECT ",
            $columns,
            " FROM email_logs WHERE id < ?",
            $narrowed,
            " ORDER BY id DESC"
        )
    };
}

/// Of the first so many of them those that are meant.
macro_rules! listed {
    ($narrowed:literal, $meant:literal) => {
        concat!(
            "SELECT id, tenant_id, notification_id, matched_by, misnamed, provider, event, event_id, provider_message_id,
                    code, detail, recipient, raw::text AS raw, occurred_at, created_at
             FROM (",
            before!("*", $narrowed),
            " LIMIT ?) looked_at
             WHERE (?::text IS NULL OR provider = ?) AND (?::text IS NULL OR event = ?)",
            $meant,
            " ORDER BY id DESC LIMIT ?"
        )
    };
}

statement!(
    ListEvents(
        before: Uuid => SqlUuid,
        most_looked_at: i64 => Int8,
        provider: Option<String> => Nullable<Text>,
        same_provider: Option<String> => Nullable<Text>,
        event: Option<&'static str> => Nullable<Text>,
        same_event: Option<&'static str> => Nullable<Text>,
        is_any: bool => Bool,
        most: i64 => Int8,
    ) -> Untyped = listed!("", " AND (? OR notification_id IS NOT NULL)")
);

// Those that are about nothing have an index of their own: they are few among very many.
statement!(
    ListUnmatched(
        before: Uuid => SqlUuid,
        most_looked_at: i64 => Int8,
        provider: Option<String> => Nullable<Text>,
        same_provider: Option<String> => Nullable<Text>,
        event: Option<&'static str> => Nullable<Text>,
        same_event: Option<&'static str> => Nullable<Text>,
        most: i64 => Int8,
    ) -> Untyped = listed!(" AND notification_id IS NULL", "")
);

statement!(
    /// The id of the row so many further.
    LastLookedAt(before: Uuid => SqlUuid, further: i64 => Int8) -> SqlUuid =
    concat!(before!("id", ""), " OFFSET ? LIMIT 1")
);

statement!(
    LastUnmatchedLookedAt(before: Uuid => SqlUuid, further: i64 => Int8) -> SqlUuid =
    concat!(before!("id", " AND notification_id IS NULL"), " OFFSET ? LIMIT 1")
);

/// At most so many events before an id, the newest first, whosever they are. A look ends after 20,000 rows.
///
/// # Errors
/// The database is out of reach.
pub async fn look(
    connection: &mut AsyncPgConnection,
    filter: ProviderEventFilter,
    before: Option<Uuid>,
    most: usize,
) -> Result<EventLook, StoreError> {
    let event = filter.event.map(ProviderEvent::as_str);
    let before = before.unwrap_or(Uuid::max());
    let limit = i64::try_from(most).unwrap_or(i64::MAX);
    let (provider, same_provider) = (filter.provider.clone(), filter.provider);
    let is_unmatched = filter.is_matched == Some(false);
    let rows: Vec<ListedEventRow> = if is_unmatched {
        let list = ListUnmatched {
            before,
            most_looked_at: MOST_LOOKED_AT,
            provider,
            same_provider,
            event,
            same_event: event,
            most: limit,
        };
        list.load(connection).await?
    } else {
        let list = ListEvents {
            before,
            most_looked_at: MOST_LOOKED_AT,
            provider,
            same_provider,
            event,
            same_event: event,
            is_any: filter.is_matched.is_none(),
            most: limit,
        };
        list.load(connection).await?
    };
    let found: Vec<StoredProviderEvent> = rows.into_iter().map(stored).collect();
    let stopped_at = if found.len() >= most {
        None
    } else {
        let further = MOST_LOOKED_AT - 1;
        let last: Vec<Uuid> = if is_unmatched {
            let last = LastUnmatchedLookedAt { before, further };
            last.load(connection).await?
        } else {
            LastLookedAt { before, further }.load(connection).await?
        };
        last.into_iter().next()
    };
    Ok(EventLook { found, stopped_at })
}

fn stored(row: ListedEventRow) -> StoredProviderEvent {
    let read = |at: Lenient<chrono::DateTime<chrono::Utc>>| {
        at.of("time").map_or(Timestamp::MAX, from_database)
    };
    StoredProviderEvent {
        id: row.id,
        tenant_id: row.tenant_id,
        notification_id: row.notification_id,
        matched_by: row.matched_by,
        misnamed: row.misnamed,
        provider: row.provider,
        event: row.event,
        event_id: row.event_id,
        provider_message_id: row.provider_message_id,
        code: row.code,
        detail: row.detail,
        address: row.recipient,
        raw: row.raw,
        at: read(row.occurred_at),
        received_at: read(row.created_at),
    }
}
