//! What has changed in inboxes behind a sequence, for streams.
//!
//! There is no log beside the items: each knows the sequence of its last change. Whoever goes on behind a sequence
//! gets what has a higher one, as it is now. What changed twice since comes once.

use diesel::sql_types::{Array, Int8, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::entry::{EntryColumns, EntryRow, InboxEntry, entries, entry_columns, with_broadcast};
use crate::store::statement::statement;
use crate::store::{Database, StoreError};

statement!(
    Since(users: Vec<Uuid> => Array<SqlUuid>, after: Vec<i64> => Array<Int8>, most: i64 => Int8) -> EntryColumns =
    concat!(
    "SELECT ", entry_columns!(), "
     FROM unnest(?, ?) AS asked (user_id, after)
     CROSS JOIN LATERAL (
         SELECT * FROM inbox_items i WHERE i.user_id = asked.user_id AND i.sequence > asked.after
         ORDER BY i.sequence LIMIT ?) i ", with_broadcast!(), "
     ORDER BY i.user_id, i.sequence")
);

statement!(
    Latest(users: Vec<Uuid> => Array<SqlUuid>) -> (SqlUuid, Int8) =
    "SELECT user_id, last_sequence FROM inbox_readers WHERE user_id = ANY(?)"
);

/// What has changed of these people's inboxes, each behind a sequence: by person, in the order of sequences, at
/// most so many of each. An entry whose `arrival` is higher than that sequence is new there, or on top again; any
/// other one has another state. What was deleted and what has expired is among them.
///
/// What is for everybody is among them once it was [taken up](super::reader::take_up).
///
/// # Errors
/// The database is out of reach.
pub async fn since(
    database: &Database,
    people: &[(Uuid, i64)],
    most: usize,
) -> Result<Vec<InboxEntry>, StoreError> {
    let (users, after) = people.iter().copied().unzip();
    let since = Since {
        users,
        after,
        most: i64::try_from(most).unwrap_or(i64::MAX),
    };
    let rows: Vec<EntryRow> = since.load(&mut *database.get().await?).await?;
    entries(rows)
}

/// The last sequence of each of these people who has an inbox.
///
/// # Errors
/// The database is out of reach.
pub async fn latest(database: &Database, people: &[Uuid]) -> Result<Vec<(Uuid, i64)>, StoreError> {
    let latest = Latest {
        users: people.to_vec(),
    };
    Ok(latest.load(&mut *database.get().await?).await?)
}
