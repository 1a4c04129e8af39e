//! Taking over what another run began and cannot end.

use std::collections::HashMap;
use std::time::Duration;

use diesel::sql_types::{Array, Bytea, Double, Int4, Int8, Nullable};
use diesel_async::RunQueryDsl;

use super::{Holder, key_of};
use crate::domain::{ContentHash, KeyHash};
use crate::store::lease::RunId;
use crate::store::statement::statement;
use crate::store::takes::TakeId;
use crate::store::{Database, StoreError};

// By compare-and-swap of owner and take: a take that comes late finds another number. Locked in the
// order in which batches claim, so that nobody waits in a circle.
statement!(
    TakeOver(
        keys: Vec<Vec<u8>> => Array<Bytea>,
        contents: Vec<Vec<u8>> => Array<Bytea>,
        owners: Vec<Option<i32>> => Array<Nullable<Int4>>,
        takes: Vec<Option<i64>> => Array<Nullable<Int8>>,
        heir: i32 => Int4,
        take: i64 => Int8,
        window_seconds: f64 => Double,
    ) -> (Bytea, Nullable<Int4>) =
    "WITH found AS (
         SELECT * FROM unnest(?, ?, ?, ?) AS found (key, content, owner, take)
     ), old AS MATERIALIZED (
         SELECT d.idempotency_key AS key, found.content, d.owner
         FROM notification_deduplication d JOIN found ON found.key = d.idempotency_key
         WHERE d.owner IS NOT DISTINCT FROM found.owner AND d.take IS NOT DISTINCT FROM found.take
         ORDER BY d.idempotency_key FOR UPDATE OF d
     ), heir AS (
         SELECT ?::integer AS run, ?::bigint AS take, now() + make_interval(secs => ?) AS until
     )
     UPDATE notification_deduplication d SET owner = heir.run, take = heir.take,
         expires_at = heir.until, body_hash = old.content,
         died_owner = coalesce(nullif(old.owner, heir.run), d.died_owner),
         crashes = least(d.crashes, 1000) + CASE WHEN old.owner <> heir.run AND EXISTS (
             SELECT FROM engine_nodes WHERE run_id = old.owner AND lives_until <= ended_at) THEN 1 ELSE 0 END
     FROM old, heir
     WHERE d.idempotency_key = old.key
     RETURNING d.idempotency_key, d.died_owner"
);

/// A claim as it was found, and what the message says that is to be worked on under it.
pub type Found = (KeyHash, ContentHash, Holder);

/// A claim that was taken over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TakenOver {
    /// The last run that died with it in hand, if any did: it may have sent it. Remembered with the
    /// claim, so that a heir who gives it back does not make it forgotten.
    pub died: Option<RunId>,
}

/// Takes claims over from owners that are dead or gave them back; leaves out those where somebody else
/// was quicker. Each stands for its content from now on, and its window starts anew, so that it
/// outlives the work.
///
/// # Errors
/// When the database fails.
pub async fn take_over(
    database: &Database,
    take: TakeId,
    window: Duration,
    found: &[Found],
) -> Result<HashMap<KeyHash, TakenOver>, StoreError> {
    if found.is_empty() {
        return Ok(HashMap::new());
    }
    let holders = || found.iter().map(|(.., holder)| holder);
    let take_over = TakeOver {
        keys: found.iter().map(|(key, ..)| key.0.to_vec()).collect(),
        contents: found.iter().map(|(_, said, _)| said.0.to_vec()).collect(),
        owners: holders().map(|it| it.owner.map(|run| run.0)).collect(),
        takes: holders().map(|it| it.take.map(|take| take.0)).collect(),
        heir: take.run().0,
        take: take.0,
        window_seconds: window.as_secs_f64(),
    };
    let mut connection = database.get().await?;
    let taken: Vec<(Vec<u8>, Option<i32>)> = take_over.load(&mut *connection).await?;
    let over = |died: Option<i32>| TakenOver {
        died: died.map(RunId),
    };
    let taken = taken.into_iter();
    Ok(taken
        .filter_map(|(key, died)| Some((key_of(key)?, over(died))))
        .collect())
}
