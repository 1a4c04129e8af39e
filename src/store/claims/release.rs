//! Removing claims of messages that could not be accepted after all.

use diesel::sql_types::{Array, Bool, Bytea, Int4, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use crate::domain::KeyHash;
use crate::store::lease::RunId;
use crate::store::statement::statement;
use crate::store::{Database, StoreError};

// Locked in the order in which batches claim, so that nobody waits in a circle.
statement!(
    Remove(
        keys: Vec<Vec<u8>> => Array<Bytea>,
        ids: Vec<Uuid> => Array<SqlUuid>,
        owner: i32 => Int4,
    ) -> Bool =
    "WITH asked AS (
         SELECT * FROM unnest(?, ?) AS asked (key, id)
     ), mine AS MATERIALIZED (
         SELECT d.idempotency_key AS key
         FROM notification_deduplication d
         JOIN asked ON asked.key = d.idempotency_key AND asked.id = d.notification_id
         WHERE d.owner = ? ORDER BY d.idempotency_key FOR UPDATE OF d
     )
     DELETE FROM notification_deduplication d USING mine
     WHERE d.idempotency_key = mine.key
     RETURNING true"
);

/// Removes claims of this run for which nothing was stored: the key is free for a message that can
/// be accepted. What is another's by now stays.
///
/// # Errors
/// When the database fails; to remove them again is safe.
pub async fn release(
    database: &Database,
    run: RunId,
    claims: &[(KeyHash, Uuid)],
) -> Result<(), StoreError> {
    let (keys, ids) = claims.iter().map(|(key, id)| (key.0.to_vec(), *id)).unzip();
    let remove = Remove {
        keys,
        ids,
        owner: run.0,
    };
    let mut connection = database.get().await?;
    let _: Vec<bool> = remove.load(&mut *connection).await?;
    Ok(())
}
