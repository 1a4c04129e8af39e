//! Rows of takes whose answers were lost: freed, so that they are taken again.

use chrono::{DateTime, Utc};
use diesel::sql_types::{Array, Int4, Int8, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::super::lease::RunId;
use super::super::locks::in_halves;
use super::super::statement::statement;
use super::super::takes::TakeId;
use super::super::{Database, StoreError, time};
use super::words;
use crate::domain::Lane;

// By the index of what is due: of millions that wait for tomorrow, none is looked at.
statement!(
    Find(
        channels: Vec<&'static str> => Array<Text>,
        priorities: Vec<&'static str> => Array<Text>,
        until: DateTime<Utc> => Timestamptz,
        run: i32 => Int4,
        takes: Vec<i64> => Array<Int8>,
    ) -> SqlUuid =
    "SELECT id FROM notifications
     WHERE message_type = ANY(?) AND priority = ANY(?) AND due_at <= ?
       AND status = 'pending' AND owner = ? AND take = ANY(?)"
);

statement!(
    LetGo(ids: Vec<Uuid> => Array<SqlUuid>, run: i32 => Int4, takes: Vec<i64> => Array<Int8>) -> SqlUuid =
    "UPDATE notifications SET owner = NULL, takes = greatest(takes - 1, 0)
     WHERE id = ANY(?) AND status = 'pending' AND owner = ? AND take = ANY(?)
     RETURNING id"
);

/// Frees the rows of these lanes, due by `until`, that a run took under these numbers: nothing of
/// those takes is held, since their answers were lost. What was taken again meanwhile stays with its
/// take, however late this statement comes. One that somebody has locked, or that is refused, holds up no
/// other.
///
/// # Errors
/// When the database fails, or not all of them can be freed now.
pub async fn let_go(
    database: &Database,
    run: RunId,
    takes: &[TakeId],
    until: jiff::Timestamp,
    lanes: &[Lane],
) -> Result<(), StoreError> {
    let (channels, priorities) = words(lanes);
    let takes: Vec<i64> = takes.iter().map(|take| take.0).collect();
    let find = Find {
        channels,
        priorities,
        until: time::to_database(until),
        run: run.0,
        takes: takes.clone(),
    };
    let ids: Vec<Uuid> = find.load(&mut *database.get().await?).await?;
    let left = in_halves!(database, &ids, |part| LetGo {
        ids: part.to_vec(),
        run: run.0,
        takes: takes.clone(),
    } => Uuid);
    left.all_done()
}
