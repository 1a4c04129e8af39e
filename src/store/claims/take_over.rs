//! Taking over what another run began and cannot end.

use std::collections::HashMap;
use std::time::Duration;

use diesel::sql_types::{Array, Bytea, Double, Int4, Int8, Nullable};
use diesel_async::RunQueryDsl;

use super::{ClaimOwner, key_of};
use crate::domain::{ContentHash, KeyHash};
use crate::store::lease::RunId;
use crate::store::locks::Halves;
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
         expires_at = heir.until, body_hash = old.content, wanted_at = NULL,
         died_owner = coalesce(nullif(old.owner, heir.run), d.died_owner),
         crashes = least(d.crashes, 1000) + CASE WHEN old.owner <> heir.run AND EXISTS (
             SELECT FROM engine_nodes WHERE run_id = old.owner AND lives_until <= ended_at) THEN 1 ELSE 0 END
     FROM old, heir
     WHERE d.idempotency_key = old.key
     RETURNING d.idempotency_key, d.died_owner"
);

/// A claim as it was found, and what the message says that is to be worked on under it.
pub type FoundClaim = (KeyHash, ContentHash, ClaimOwner);

/// A claim that was taken over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TakenOver {
    /// The last run that died with it in hand, if any did: it may have sent it. Remembered with the
    /// claim, so that a heir who gives it back does not make it forgotten.
    pub died: Option<RunId>,
}

/// Takes claims over from owners that are dead or gave them back; leaves out those where somebody else
/// was quicker, or has locked the row. Each stands for its content from now on, and its window starts anew,
/// so that it outlives the work.
///
/// # Errors
/// When the database fails, and nothing could be taken over.
pub async fn take_over(
    database: &Database,
    take: TakeId,
    window: Duration,
    found: &[FoundClaim],
) -> Result<HashMap<KeyHash, TakenOver>, StoreError> {
    let mut taken = HashMap::new();
    let mut halves = Halves::of(found);
    while let Some(part) = halves.pop() {
        let take_over = TakeOver::of(take, window, part);
        let over = database.patiently_unless(halves.is_narrowing(), async |connection| {
            Ok(take_over.load(connection).await?)
        });
        let over: Vec<(Vec<u8>, Option<i32>)> = match over.await {
            Ok(over) => over,
            Err(error) => {
                halves.failed(part, error);
                continue;
            }
        };
        halves.done();
        taken.extend(over.into_iter().filter_map(|(key, died)| {
            let died = died.map(RunId);
            Some((key_of(key)?, TakenOver { died }))
        }));
    }
    match halves.into_left() {
        (left, Some(error))
            if left.len() == found.len() && !matches!(error, StoreError::Locked(_)) =>
        {
            Err(error)
        }
        _ => Ok(taken),
    }
}

impl TakeOver {
    fn of(take: TakeId, window: Duration, found: &[FoundClaim]) -> Self {
        let claim_owners = || found.iter().map(|(.., claim_owner)| claim_owner);
        Self {
            keys: found.iter().map(|(key, ..)| key.0.to_vec()).collect(),
            contents: found.iter().map(|(_, said, _)| said.0.to_vec()).collect(),
            owners: claim_owners().map(|it| it.owner.map(|run| run.0)).collect(),
            takes: claim_owners()
                .map(|it| it.take.map(|take| take.0))
                .collect(),
            heir: take.run().0,
            take: take.0,
            window_seconds: window.as_secs_f64(),
        }
    }
}
