//! A deed about much at once: everything up to a time, a part in each transaction.

use chrono::{DateTime, Utc};
use diesel::sql_types::{Array, Bool, Int8, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use jiff::Timestamp;
use uuid::Uuid;

use super::listing::{InboxPart, unread, unseen, visible};
use crate::domain::inbox::InboxState;
use crate::store::StoreError;
use crate::store::statement::statement;
use crate::store::time::to_database;

/// Items of one transaction.
pub const AT_ONCE: i64 = 1_000;

/// Its notification stays as it is.
macro_rules! kept {
    () => {
        "SELECT FROM (SELECT ?::timestamptz, ?::uuid) unchanged"
    };
}

/// A statement that changes those of a person's items that a predicate finds.
macro_rules! bulk_statement {
    ($(#[$meta:meta])* $name:ident, $predicate:expr, $change:literal, $first_read:literal, $mirror:expr) => {
        statement!(
            $(#[$meta])*
            $name(
                user: Uuid => SqlUuid,
                until: DateTime<Utc> => Timestamptz,
                tags: Vec<String> => Array<Text>,
                any_tag: Vec<String> => Array<Text>,
                is_off: bool => Bool,
                hidden: Vec<String> => Array<Text>,
                most: i64 => Int8,
                reader: Uuid => SqlUuid,
                at: DateTime<Utc> => Timestamptz,
                owner: Uuid => SqlUuid,
                mirrored_at: DateTime<Utc> => Timestamptz,
                person: Uuid => SqlUuid,
            ) -> (SqlUuid, Bool) = concat!(
            "WITH picked AS MATERIALIZED (
                 SELECT i.id, ", $first_read, " AS is_first_read,
                        row_number() OVER (ORDER BY i.delivered_at, i.id) AS place, count(*) OVER () AS many
                 FROM (SELECT i.* FROM inbox_items i
                       WHERE i.user_id = ? AND ", $predicate, " AND i.delivered_at <= ?
                         AND (cardinality(?::text[]) = 0 OR i.tags && ?) AND ", visible!(), "
                       ORDER BY i.delivered_at, i.id LIMIT ?) i
             ), counted AS (
                 UPDATE inbox_readers r SET last_sequence = r.last_sequence + found.many
                 FROM (SELECT many FROM picked LIMIT 1) found WHERE r.user_id = ?
                 RETURNING r.last_sequence
             ), moment AS (
                 SELECT ?::timestamptz AS at
             ), changed AS (
                 UPDATE inbox_items i SET sequence = counted.last_sequence - picked.many + picked.place, ", $change, "
                 FROM picked, counted, moment WHERE i.id = picked.id AND i.user_id = ?
             ), mirrored AS (", $mirror, ")
             SELECT id, is_first_read FROM picked")
        );
    };
}

bulk_statement!(
    /// Everything is seen.
    SeeAll, unseen!(), "seen_at = moment.at", "false", kept!()
);
bulk_statement!(
    /// Everything is read, and thus seen.
    ReadAll, unread!(),
    "seen_at = coalesce(i.seen_at, moment.at), read_at = moment.at, first_read_at = coalesce(i.first_read_at, moment.at)",
    "i.first_read_at IS NULL AND NOT i.is_broadcast",
    "UPDATE notifications n SET is_read = true, read_at = moment.at
     FROM picked, (SELECT ?::timestamptz AS at) moment WHERE n.id = picked.id AND n.user_id = ?"
);
bulk_statement!(
    /// Everything is put away.
    ArchiveAll, "i.archived_at IS NULL AND i.deleted_at IS NULL AND i.snoozed_until IS NULL",
    "archived_at = moment.at", "false", kept!()
);

/// Says this of what was delivered up to a time, the oldest first and at most [`AT_ONCE`] of them; the person's inbox
/// is [held](super::state::hold). Answers their ids, and whether each was read for the first time.
///
/// # Errors
/// The database is out of reach.
pub async fn write(
    connection: &mut AsyncPgConnection,
    part: &InboxPart,
    state: InboxState,
    (until, at): (Timestamp, Timestamp),
) -> Result<Vec<(Uuid, bool)>, StoreError> {
    macro_rules! run {
        ($statement:ident) => {{
            let statement = $statement {
                user: part.user,
                until: to_database(until),
                tags: part.tags.clone(),
                any_tag: part.tags.clone(),
                is_off: part.view.is_off,
                hidden: part.view.hidden.clone(),
                most: AT_ONCE,
                reader: part.user,
                at: to_database(at),
                owner: part.user,
                mirrored_at: to_database(at),
                person: part.user,
            };
            Ok(statement.load(connection).await?)
        }};
    }
    match state {
        InboxState::Seen => run!(SeeAll),
        InboxState::Read => run!(ReadAll),
        InboxState::Archived => run!(ArchiveAll),
    }
}
