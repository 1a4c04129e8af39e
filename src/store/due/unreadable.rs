//! What was taken and cannot be read: another node may know it, and nobody may lose it.

use diesel::sql_types::{Array, Int8, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::super::locks::in_halves;
use super::super::statement::statement;
use super::super::takes::TakeId;
use super::super::{Database, NotDone};

// A minute, two, four, up to an hour; also what waits for an account, which would be taken again as
// soon as there is room. Whoever gives back has not died of it: the take does not count.
statement!(
    GiveBack(ids: Vec<Uuid> => Array<SqlUuid>, take: i64 => Int8) -> SqlUuid =
    "UPDATE notifications SET
         owner = NULL,
         takes = greatest(takes - 1, 0),
         waits_for = NULL,
         due_at = now() + interval '1 minute' * least(60, 2 ^ least(unreadable_count, 6)),
         unreadable_count = least(unreadable_count + 1, 1000)
     WHERE id = ANY(?) AND take = ? AND status = 'pending'
     RETURNING id"
);

/// Gives rows back that this version cannot read, and leaves them as they are: due again in a minute,
/// in twice as long each time, and in an hour at most. Those that cannot be given back now are in the answer, and
/// stay this run's.
pub async fn give_back(database: &Database, take: TakeId, ids: &[Uuid]) -> NotDone<Uuid> {
    in_halves!(database, ids, |part| GiveBack {
        ids: part.to_vec(),
        take: take.0,
    } => Uuid)
}
