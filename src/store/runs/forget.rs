//! Forgetting a person.

use diesel::sql_types::{Array, Int8, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use crate::store::StoreError;
use crate::store::statement::statement;

/// Rows of one statement: somebody may have very many.
const PART: i64 = 5_000;

statement!(
    /// Removes some runs of a person, with what they have put into digests. Answers their events.
    ForgetSomeRuns(user_id: Uuid => SqlUuid, most: i64 => Int8) -> SqlUuid =
        "DELETE FROM workflow_runs WHERE id = ANY (ARRAY(
             SELECT id FROM workflow_runs WHERE user_id = ? ORDER BY id LIMIT ?))
         RETURNING event_id"
);

statement!(
    /// Removes events that nobody else was told of, or will be.
    ForgetEvents(ids: Vec<Uuid> => Array<SqlUuid>) -> SqlUuid =
        "DELETE FROM events e WHERE e.id = ANY (?)
             AND NOT EXISTS (SELECT 1 FROM workflow_runs r WHERE r.event_id = e.id AND r.user_id IS NOT NULL)
             AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.kind = 'fan_out' AND j.state IN ('running', 'paused')
                 AND j.filter #>> '{what,run,event_id}' = e.id::text)
         RETURNING e.id"
);

/// What is removed behind the runs, each in parts.
const REMOVALS: [&str; 3] = [
    "DELETE FROM digest_items WHERE ctid = ANY (ARRAY( \
         SELECT i.ctid FROM digests d JOIN digest_items i ON i.digest_id = d.id WHERE d.user_id = $1 LIMIT $2))",
    "DELETE FROM digests WHERE id = ANY (ARRAY(SELECT id FROM digests WHERE user_id = $1 LIMIT $2))",
    "DELETE FROM throttles WHERE ctid = ANY (ARRAY(SELECT ctid FROM throttles WHERE user_id = $1 LIMIT $2))",
];

/// Forgets what runs, digests and throttles know of a person, and the events that nobody else was told of; their
/// notifications are erased elsewhere.
///
/// # Errors
/// The database's.
pub async fn forget(connection: &mut AsyncPgConnection, user_id: Uuid) -> Result<(), StoreError> {
    loop {
        let some = ForgetSomeRuns {
            user_id,
            most: PART,
        };
        let mut ids: Vec<Uuid> = some.load(connection).await?;
        if ids.is_empty() {
            break;
        }
        ids.sort_unstable();
        ids.dedup();
        let _: Vec<Uuid> = ForgetEvents { ids }.load(connection).await?;
    }
    for text in REMOVALS {
        loop {
            let removed = diesel::sql_query(text)
                .bind::<SqlUuid, _>(user_id)
                .bind::<Int8, _>(PART)
                .execute(connection)
                .await?;
            if i64::try_from(removed).unwrap_or(i64::MAX) < PART {
                break;
            }
        }
    }
    Ok(())
}
