//! Claims that nobody works on, and whose keys somebody with other content wants.

use std::collections::HashSet;
use std::time::Duration;

use diesel::sql_types::{Array, Bytea, Double, Int4, Int8, Nullable};
use diesel_async::RunQueryDsl;

use super::{FoundClaim, key_of};
use crate::domain::KeyHash;
use crate::store::statement::statement;
use crate::store::{Database, StoreError};

// The first time is kept: it is forgotten when somebody takes the claim again.
statement!(
    Want(
        keys: Vec<Vec<u8>> => Array<Bytea>,
        owners: Vec<Option<i32>> => Array<Nullable<Int4>>,
        takes: Vec<Option<i64>> => Array<Nullable<Int8>>,
        patience: f64 => Double,
    ) -> Bytea =
    "WITH found AS (
         SELECT * FROM unnest(?, ?, ?) AS found (key, owner, take)
     ), free AS MATERIALIZED (
         SELECT d.idempotency_key AS key, d.wanted_at
         FROM notification_deduplication d JOIN found ON found.key = d.idempotency_key
         WHERE d.owner IS NOT DISTINCT FROM found.owner AND d.take IS NOT DISTINCT FROM found.take
         ORDER BY d.idempotency_key FOR UPDATE OF d SKIP LOCKED
     ), noted AS (
         UPDATE notification_deduplication d SET wanted_at = now()
         FROM free WHERE d.idempotency_key = free.key AND free.wanted_at IS NULL
     )
     SELECT key FROM free WHERE wanted_at <= now() - make_interval(secs => ?)"
);

/// Notes that these are wanted, of which each has nobody who works on it; answers those that have been for so
/// long, without anybody who came for them meanwhile.
///
/// # Errors
/// The database is out of reach.
pub async fn want(
    database: &Database,
    found: &[FoundClaim],
    patience: Duration,
) -> Result<HashSet<KeyHash>, StoreError> {
    if found.is_empty() {
        return Ok(HashSet::new());
    }
    let owners = || found.iter().map(|(.., owner)| owner);
    let want = Want {
        keys: found.iter().map(|(key, ..)| key.0.to_vec()).collect(),
        owners: owners().map(|it| it.owner.map(|run| run.0)).collect(),
        takes: owners().map(|it| it.take.map(|take| take.0)).collect(),
        patience: patience.as_secs_f64(),
    };
    let mut connection = database.get().await?;
    let keys: Vec<Vec<u8>> = want.load(&mut *connection).await?;
    Ok(keys.into_iter().filter_map(key_of).collect())
}
