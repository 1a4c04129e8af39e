//! Notifications as they came in: what their rows say of it, read in the order of their ids.

use chrono::{DateTime, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use jiff::Timestamp;
use uuid::Uuid;

use super::time::from_database;
use super::{Database, StoreError};
use crate::domain::{Body, Content, KeyHash, Lane, Notification, Payload};

/// The last 80 bits of an id that its time does not say.
const RANDOM_BITS: u32 = 80;

#[derive(QueryableByName)]
struct RecordedRow {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = SqlUuid)]
    tenant_id: Uuid,
    #[diesel(sql_type = SqlUuid)]
    user_id: Uuid,
    #[diesel(sql_type = Text)]
    message_type: String,
    #[diesel(sql_type = Text)]
    priority: String,
    #[diesel(sql_type = Nullable<Text>)]
    category: Option<String>,
    #[diesel(sql_type = Timestamptz)]
    created_at: DateTime<Utc>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    send_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    expires_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Text>)]
    named: Option<String>,
}

/// Some notifications in a row, and the id of the last one that was looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordedPage {
    /// The notifications, without what they say. One that a newer version stored is left out.
    pub notifications: Vec<Notification>,
    /// The last one that was looked at; `None` at the end.
    pub last: Option<Uuid>,
}

/// The lowest id that a notification of this time, or a later one, may have.
#[must_use]
pub fn first_id(moment: Timestamp) -> Uuid {
    let millisecond = u128::try_from(moment.as_millisecond()).unwrap_or(0);
    Uuid::from_u128(millisecond << RANDOM_BITS)
}

/// At most so many notifications of a tenant, of all without one, behind an id and before a time: those for one person.
///
/// # Errors
/// The database is out of reach.
pub async fn page(
    database: &Database,
    tenant_id: Option<Uuid>,
    (after, until): (Uuid, Timestamp),
    most: usize,
) -> Result<RecordedPage, StoreError> {
    let rows: Vec<RecordedRow> = diesel::sql_query(
        "SELECT id, tenant_id, user_id, message_type, priority, category, created_at, send_at, expires_at,
                payload ->> 'to' AS named
         FROM notifications
         WHERE id > $1 AND id < $2 AND ($3 IS NULL OR tenant_id = $3) AND user_id IS NOT NULL
           AND redacted_at IS NULL
         ORDER BY id LIMIT $4",
    )
    .bind::<SqlUuid, _>(after)
    .bind::<SqlUuid, _>(first_id(until))
    .bind::<Nullable<SqlUuid>, _>(tenant_id)
    .bind::<BigInt, _>(i64::try_from(most).unwrap_or(i64::MAX))
    .load(&mut *database.get().await?)
    .await?;
    let last = rows.last().map(|row| row.id);
    let notifications = rows.into_iter().filter_map(RecordedRow::notification);
    Ok(RecordedPage {
        notifications: notifications.collect(),
        last,
    })
}

impl RecordedRow {
    fn notification(self) -> Option<Notification> {
        let channel = self.message_type.parse().ok()?;
        let priority = self.priority.parse().ok()?;
        Some(Notification {
            id: self.id,
            tenant_id: self.tenant_id,
            user_id: self.user_id,
            lane: Lane::new(channel, priority),
            category: self.category,
            key: KeyHash([0; 32]),
            payload: Payload {
                body: Body::Content(Content::default()),
                to: self.named,
                provider: None,
                traceparent: None,
                inbox: None,
            },
            send_at: self.send_at.map(from_database),
            expires_at: self.expires_at.map(from_database),
            max_retries: 0,
            source: None,
            metadata: None,
            created_at: from_database(self.created_at),
            attempt_count: 0,
            attempts: vec![],
            stored_attempts: 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_of_a_time_is_the_first_of_it() {
        let moment: Timestamp = "2026-11-30T12:00:00.123Z".parse().unwrap();
        let of = |nanoseconds: u32| {
            let seconds = moment.as_second().unsigned_abs();
            Uuid::new_v7(uuid::Timestamp::from_unix(
                uuid::NoContext,
                seconds,
                nanoseconds,
            ))
        };
        let first = first_id(moment);
        assert!(of(122_999_999) < first && first < of(123_000_000));
    }
}
