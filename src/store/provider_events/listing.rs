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

/// What is read of an event.
macro_rules! listed {
    () => {
        "SELECT id, tenant_id, notification_id, matched_by, provider, event, event_id, provider_message_id, code,
                detail, recipient, raw::text AS raw, occurred_at, created_at
         FROM email_logs WHERE id < ? AND (?::text IS NULL OR provider = ?) AND (?::text IS NULL OR event = ?)"
    };
}

statement!(
    ListEvents(
        before: Uuid => SqlUuid,
        provider: Option<String> => Nullable<Text>,
        same_provider: Option<String> => Nullable<Text>,
        event: Option<&'static str> => Nullable<Text>,
        same_event: Option<&'static str> => Nullable<Text>,
        is_any: bool => Bool,
        most: i64 => Int8,
    ) -> Untyped = concat!(listed!(), " AND (? OR notification_id IS NOT NULL) ORDER BY id DESC LIMIT ?")
);

// Those that are about nothing have an index of their own: they are few among very many.
statement!(
    ListUnmatched(
        before: Uuid => SqlUuid,
        provider: Option<String> => Nullable<Text>,
        same_provider: Option<String> => Nullable<Text>,
        event: Option<&'static str> => Nullable<Text>,
        same_event: Option<&'static str> => Nullable<Text>,
        most: i64 => Int8,
    ) -> Untyped = concat!(listed!(), " AND notification_id IS NULL ORDER BY id DESC LIMIT ?")
);

/// At most so many events before an id, the newest first, whosever they are.
///
/// # Errors
/// The database is out of reach.
pub async fn page(
    connection: &mut AsyncPgConnection,
    filter: ProviderEventFilter,
    before: Option<Uuid>,
    most: usize,
) -> Result<Vec<StoredProviderEvent>, StoreError> {
    let event = filter.event.map(ProviderEvent::as_str);
    let before = before.unwrap_or(Uuid::max());
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let (provider, same_provider) = (filter.provider.clone(), filter.provider);
    let rows: Vec<ListedEventRow> = match filter.is_matched {
        Some(false) => {
            let list = ListUnmatched {
                before,
                provider,
                same_provider,
                event,
                same_event: event,
                most,
            };
            list.load(connection).await?
        }
        is_matched => {
            let list = ListEvents {
                before,
                provider,
                same_provider,
                event,
                same_event: event,
                is_any: is_matched.is_none(),
                most,
            };
            list.load(connection).await?
        }
    };
    Ok(rows.into_iter().map(stored).collect())
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
