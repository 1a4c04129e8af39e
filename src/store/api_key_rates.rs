//! The request rate of an API key over all nodes: tokens, leased by the database's clock.

use diesel::sql_types::{BigInt, Integer, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::statement::statement;
use super::{Database, StoreError};
use crate::domain::KeyRate;

statement!(
    /// The clock is read once the row is locked. What no grant can have written is of a clock that was set
    /// back since: it is bounded. Who wants more than may come at once gets it from a full store, and owes.
    Question(
        burst: i64 => BigInt,
        step: i64 => BigInt,
        needed: i64 => BigInt,
        wanted: i64 => BigInt,
        enough: i64 => BigInt,
        again: i64 => BigInt,
        key: Uuid => SqlUuid,
    ) -> (BigInt, BigInt, BigInt) =
    "WITH asked AS ( \
         SELECT ?::bigint AS burst, ?::bigint AS step, ?::bigint AS needed, ?::bigint AS wanted, \
             ?::bigint AS enough, ?::bigint AS again), \
     locked AS MATERIALIZED ( \
         SELECT api_key_id, tat FROM api_key_rates WHERE api_key_id = ? FOR UPDATE), \
     timed AS MATERIALIZED (SELECT api_key_id, tat, clock_timestamp() AS at FROM locked), \
     state AS MATERIALIZED ( \
         SELECT api_key_id, burst, step, needed, wanted, enough, again, \
             greatest(tat, at) AS base, \
             (extract(epoch FROM greatest(tat, at) - at) * 1000000)::bigint AS ahead \
         FROM (SELECT api_key_id, at, burst, step, needed, wanted, enough, again, \
                   least(tat, at + (burst + 1000) * step * interval '1 microsecond') AS tat \
               FROM timed, asked) AS bounded), \
     judged AS MATERIALIZED ( \
         SELECT api_key_id, base, step, room, \
             CASE WHEN room >= enough \
                  THEN greatest(needed, least(wanted, room)) ELSE 0 END AS granted, \
             greatest(ahead - (burst - again) * step, 0) AS retry \
         FROM (SELECT *, floor((burst * step - ahead)::numeric / step)::bigint AS room FROM state) AS roomy), \
     moved AS ( \
         UPDATE api_key_rates r SET tat = j.base + j.granted * j.step * interval '1 microsecond' \
         FROM judged j WHERE r.api_key_id = j.api_key_id AND j.granted > 0) \
     SELECT granted, retry, greatest(room - granted, 0) FROM judged"
);

statement!(
    Make(key: Uuid => SqlUuid) -> Integer =
    "INSERT INTO api_key_rates (api_key_id) VALUES (?) ON CONFLICT DO NOTHING RETURNING 1"
);

/// What was granted to a node for a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyLease {
    /// Tokens to spend; none, when there were fewer than needed.
    pub granted: u32,
    /// When none was granted: microseconds until there are enough.
    pub retry_micros: u64,
    /// Tokens that are left.
    pub left: u32,
}

/// Tokens that are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyTokens {
    /// So many are needed.
    pub needed: u32,
    /// So many of what may come at once are the asker's already: paid for the same request, or held.
    pub had: u32,
    /// So many of these are paid again by a request that comes back later.
    pub paid: u32,
}

impl KeyTokens {
    /// How many must be there. Who needs more than may come at once gets it when nobody else has any.
    fn enough(self, rate: KeyRate) -> u32 {
        self.needed.min(rate.burst.saturating_sub(self.had))
    }
}

/// Leases the tokens that are needed, and more of them if there are: as many as are worth one question.
///
/// # Errors
/// The database is out of reach, or the key is gone.
pub async fn lease(
    database: &Database,
    key_id: Uuid,
    rate: KeyRate,
    asked: KeyTokens,
) -> Result<KeyLease, StoreError> {
    let mut connection = database.get().await?;
    let (needed, enough) = (asked.needed, asked.enough(rate));
    let again = enough.saturating_add(asked.paid).min(rate.burst);
    let question = || Question {
        burst: rate.burst.into(),
        step: i64::try_from(rate.interval().as_micros()).unwrap_or(i64::MAX),
        needed: needed.into(),
        wanted: needed.max(rate.chunk()).into(),
        enough: enough.into(),
        again: again.into(),
        key: key_id,
    };
    // The second round finds the row, whoever made it.
    for _ in 0..2 {
        let answers: Vec<(i64, i64, i64)> = question().get_results(&mut *connection).await?;
        if let Some((granted, retry, left)) = answers.into_iter().next() {
            return Ok(KeyLease {
                granted: u32::try_from(granted).unwrap_or(0),
                retry_micros: retry.unsigned_abs(),
                left: u32::try_from(left).unwrap_or(0),
            });
        }
        let make = Make { key: key_id };
        let _: Vec<i32> = make.get_results(&mut *connection).await?;
    }
    Err(StoreError::NotFound)
}
