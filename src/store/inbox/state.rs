//! One deed of a person: what it changes of an item, written with the next number of their sequence.

use chrono::{DateTime, Utc};
use diesel::sql_types::{Bool, Int8, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::reader;
use crate::domain::inbox::InboxStates;
use crate::store::statement::statement;
use crate::store::time::to_database;
use crate::store::{StoreError, form};

// What is for one person is kept in step with its notification.
statement!(
    Write(
        reader: Uuid => SqlUuid,
        seen_at: Option<DateTime<Utc>> => Nullable<Timestamptz>,
        read_at: Option<DateTime<Utc>> => Nullable<Timestamptz>,
        first_read_at: Option<DateTime<Utc>> => Nullable<Timestamptz>,
        interacted_at: Option<DateTime<Utc>> => Nullable<Timestamptz>,
        archived_at: Option<DateTime<Utc>> => Nullable<Timestamptz>,
        deleted_at: Option<DateTime<Utc>> => Nullable<Timestamptz>,
        snoozed_until: Option<DateTime<Utc>> => Nullable<Timestamptz>,
        pressed: Option<String> => Nullable<Text>,
        id: Uuid => SqlUuid,
        user: Uuid => SqlUuid,
        is_read: bool => Bool,
        was_read_at: Option<DateTime<Utc>> => Nullable<Timestamptz>,
        was_deleted_at: Option<DateTime<Utc>> => Nullable<Timestamptz>,
        notification: Uuid => SqlUuid,
        person: Uuid => SqlUuid,
    ) -> Int8 =
    "WITH counted AS (
         UPDATE inbox_readers SET last_sequence = last_sequence + 1 WHERE user_id = ? RETURNING last_sequence
     ), changed AS (
         UPDATE inbox_items i SET
             sequence = counted.last_sequence, seen_at = ?, read_at = ?, first_read_at = ?, interacted_at = ?,
             archived_at = ?, deleted_at = ?, snoozed_until = ?, pressed = ?::jsonb
         FROM counted WHERE i.id = ? AND i.user_id = ?
     ), mirrored AS (
         UPDATE notifications n SET is_read = ?, read_at = ?, deleted_at = ?
         WHERE n.id = ? AND n.user_id = ?
     )
     SELECT last_sequence FROM counted"
);

/// Holds a person's inbox until the commit, and takes up what is for everybody.
///
/// # Errors
/// There is no such person; the database is out of reach, or others change the inbox at this moment.
pub async fn hold(
    connection: &mut AsyncPgConnection,
    tenant: Uuid,
    user: Uuid,
) -> Result<(), StoreError> {
    reader::hold(connection, tenant, &[user]).await?;
    while reader::held_take_up(connection, tenant, &[user]).await? {}
    Ok(())
}

/// Writes what an item of a person is now, whose inbox is [held](hold); answers the number of this change.
///
/// # Errors
/// The database is out of reach.
pub async fn write(
    connection: &mut AsyncPgConnection,
    user: Uuid,
    id: Uuid,
    states: &InboxStates,
) -> Result<i64, StoreError> {
    let moment = |at: Option<jiff::Timestamp>| at.map(to_database);
    let pressed = (!states.pressed.is_empty()).then(|| form::json(&states.pressed));
    let write = Write {
        reader: user,
        seen_at: moment(states.seen_at),
        read_at: moment(states.read_at),
        first_read_at: moment(states.first_read_at),
        interacted_at: moment(states.interacted_at),
        archived_at: moment(states.archived_at),
        deleted_at: moment(states.deleted_at),
        snoozed_until: moment(states.snoozed_until),
        pressed,
        id,
        user,
        is_read: states.read_at.is_some(),
        was_read_at: moment(states.read_at),
        was_deleted_at: moment(states.deleted_at),
        notification: id,
        person: user,
    };
    Ok(write.get_result(connection).await?)
}
