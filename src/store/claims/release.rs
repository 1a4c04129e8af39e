//! Letting go of claims: given back, so that somebody else may go on, or removed with what they stood
//! for. Either names the take, and does nothing to a claim that was taken again since.

use diesel::sql_types::{Array, Bool, Bytea, Int8};
use diesel_async::RunQueryDsl;

use crate::domain::KeyHash;
use crate::store::statement::statement;
use crate::store::takes::TakeId;
use crate::store::{Database, StoreError};

/// Those of some claims that are still held under the take that is named. Locked in the order in which
/// batches claim, so that nobody waits in a circle.
macro_rules! held {
    () => {
        "WITH named AS (
             SELECT * FROM unnest(?, ?) AS named (key, take)
         ), held AS MATERIALIZED (
             SELECT d.idempotency_key AS key
             FROM notification_deduplication d JOIN named ON named.key = d.idempotency_key
             WHERE d.take = named.take AND d.owner = (named.take >> 32)::integer
             ORDER BY d.idempotency_key FOR UPDATE OF d
         ) "
    };
}

statement!(
    GiveBack(keys: Vec<Vec<u8>> => Array<Bytea>, takes: Vec<i64> => Array<Int8>) -> Bool = concat!(
        held!(),
        "UPDATE notification_deduplication d SET owner = NULL FROM held
         WHERE d.idempotency_key = held.key RETURNING true"
    )
);

statement!(
    Remove(keys: Vec<Vec<u8>> => Array<Bytea>, takes: Vec<i64> => Array<Int8>) -> Bool = concat!(
        held!(),
        "DELETE FROM notification_deduplication d USING held
         WHERE d.idempotency_key = held.key RETURNING true"
    )
);

fn columns(claims: &[(KeyHash, TakeId)]) -> (Vec<Vec<u8>>, Vec<i64>) {
    let columns = |(key, take): &(KeyHash, TakeId)| (key.0.to_vec(), take.0);
    claims.iter().map(columns).unzip()
}

/// Gives claims back, so that whoever gets the delivery next may take them over at once.
///
/// # Errors
/// When the database fails; the end of the run frees them all the same.
pub async fn give_back(
    database: &Database,
    claims: &[(KeyHash, TakeId)],
) -> Result<(), StoreError> {
    if claims.is_empty() {
        return Ok(());
    }
    let (keys, takes) = columns(claims);
    let mut connection = database.get().await?;
    let _: Vec<bool> = GiveBack { keys, takes }.load(&mut *connection).await?;
    Ok(())
}

/// Removes claims for which nothing was stored: the key is free for a message that can be accepted.
///
/// # Errors
/// When the database fails; to remove them again is safe.
pub async fn release(database: &Database, claims: &[(KeyHash, TakeId)]) -> Result<(), StoreError> {
    if claims.is_empty() {
        return Ok(());
    }
    let (keys, takes) = columns(claims);
    let mut connection = database.get().await?;
    let _: Vec<bool> = Remove { keys, takes }.load(&mut *connection).await?;
    Ok(())
}
