//! Rows that were taken and came to no outcome go back to the scheduler.

use diesel::sql_types::{Array, Int8, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::super::locks::in_halves;
use super::super::statement::statement;
use super::super::takes::TakeId;
use super::super::{Database, NotDone};

statement!(
    /// Gives rows that were taken back to the scheduler, in a little while: one that makes us panic
    /// must not come again at once. What was taken again since stays with its take. Whoever gives
    /// back has not died of it, so that the take does not count. What was given back already is left as it is.
    ReleaseRows(ids: Vec<Uuid> => Array<SqlUuid>, takes: Vec<i64> => Array<Int8>) -> SqlUuid =
    "UPDATE notifications n SET
         owner = CASE WHEN n.take = back.take THEN NULL ELSE n.owner END,
         due_at = CASE WHEN n.take = back.take THEN greatest(n.due_at, now() + interval '5 seconds')
                       ELSE n.due_at END,
         takes = greatest(n.takes - 1, 0)
     FROM unnest(?, ?) AS back (id, take)
     WHERE n.id = back.id AND n.status = 'pending' AND (n.take <> back.take OR n.owner IS NOT NULL)
     RETURNING n.id"
);

/// Gives rows that were taken back to the scheduler. Those that cannot be given back now are in the answer, and
/// stay this run's: whoever asked must ask again, for nobody else takes them while the run lives.
pub async fn release(database: &Database, rows: &[(Uuid, TakeId)]) -> NotDone<(Uuid, TakeId)> {
    in_halves!(database, rows, |part| {
        let (ids, takes) = part.iter().map(|(id, take)| (*id, take.0)).unzip();
        ReleaseRows { ids, takes }
    } => Uuid)
}
