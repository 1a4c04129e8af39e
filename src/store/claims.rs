//! Claims: who may send what, decided in PostgreSQL and nowhere else.
//!
//! A claim binds a key to a notification's id, to the run that works on it and to the number of its take
//! (`store::takes`). The first one in wins; what a second one finds decides what becomes of it.

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::sql_types::{
    Array, Bytea, Double, Int2, Int4, Int8, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::RunQueryDsl;
use jiff::Timestamp;
use uuid::Uuid;

use super::lease::RunId;
use super::ledger::hour_of;
use super::locks::Halves;
use super::observed::Duty;
use super::statement::statement;
use super::takes::TakeId;
use super::{Database, StoreError, time};
use crate::domain::{Channel, ContentHash, KeyHash, ledger};
use crate::runtime::clock;

mod books;
mod claim_owner;
mod over;
mod release;
mod take_over;
mod wanted;

pub use books::{IntakeCount, count};
pub use claim_owner::{ClaimOwner, Repeated, find};
pub(super) use over::is_over;
pub use release::{ReleasedClaim, give_back, release};
pub use take_over::{FoundClaim, TakenOver, take_over};
pub use wanted::want;

/// A key to be claimed. Keys of one batch are distinct.
#[derive(Debug, Clone, Copy)]
pub struct ClaimRequest {
    /// The key.
    pub key: KeyHash,
    /// What a repetition must say again.
    pub content: ContentHash,
    /// The id that the notification gets if it is new.
    pub notification_id: Uuid,
    /// For the books.
    pub tenant_id: Uuid,
    /// For the books.
    pub channel: Channel,
}

/// What a claim found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// It is new, and ours.
    New,
    /// Another message with this key was first.
    Taken(ClaimOwner),
    /// Not claimed yet: somebody has locked the key's row, or it is refused. To be claimed again.
    Held,
}

// A key that is over but has not been removed yet is free.
// The books are kept in the same statement: what is consumed is counted if and only if it is
// claimed, in the hour of its id. Keys are sorted by the caller and the books by their key, so that two batches that
// share some never wait for each other in a circle.
statement!(
    Insert(
        keys: Vec<Vec<u8>> => Array<Bytea>,
        contents: Vec<Vec<u8>> => Array<Bytea>,
        ids: Vec<Uuid> => Array<SqlUuid>,
        tenants: Vec<Uuid> => Array<SqlUuid>,
        channels: Vec<&'static str> => Array<Text>,
        hours: Vec<DateTime<Utc>> => Array<Timestamptz>,
        owner: i32 => Int4,
        take: i64 => Int8,
        window_seconds: f64 => Double,
        shard: i16 => Int2,
    ) -> Bytea = concat!(
    "WITH asked AS (
         SELECT * FROM unnest(?, ?, ?, ?, ?, ?) AS asked (key, content, id, tenant_id, channel, hour)
     ), claimed AS (
         INSERT INTO notification_deduplication AS d
             (idempotency_key, body_hash, notification_id, tenant_id, channel, owner, take, expires_at)
         SELECT key, content, id, tenant_id, channel, ?, ?, now() + make_interval(secs => ?) FROM asked
         ON CONFLICT (idempotency_key) DO UPDATE SET
             body_hash = excluded.body_hash,
             notification_id = excluded.notification_id, tenant_id = excluded.tenant_id,
             channel = excluded.channel, owner = excluded.owner, take = excluded.take,
             died_owner = NULL, created_at = excluded.created_at, expires_at = excluded.expires_at,
             crashes = 0, wanted_at = NULL
         WHERE ", is_over!(), "
         RETURNING idempotency_key
     ), counted AS (
         INSERT INTO intake (hour, tenant_id, channel, shard, consumed)
         SELECT hour, tenant_id, channel, ?, count(*)
         FROM asked JOIN claimed ON claimed.idempotency_key = asked.key
         GROUP BY hour, tenant_id, channel ORDER BY hour, tenant_id, channel
         ON CONFLICT (hour, tenant_id, channel, shard)
         DO UPDATE SET consumed = intake.consumed + excluded.consumed
     )
     SELECT idempotency_key FROM claimed")
);

statement!(
    Crashes(key: Vec<u8> => Bytea) -> Int2 =
    "SELECT crashes FROM notification_deduplication WHERE idempotency_key = ?"
);

/// Who counts in the books, and when.
#[derive(Debug, Clone, Copy)]
pub struct Claimant {
    /// The run, if there is one at present.
    pub run: Option<RunId>,
    /// Which of the run's concurrent claimants; each has its own row of the books.
    pub worker: u8,
    /// The time.
    pub now: Timestamp,
}

impl Claimant {
    /// Spreads concurrent claimants of all nodes over the shards of the books.
    pub(super) fn shard(self) -> i16 {
        let spread = self
            .run
            .map_or(0, |run| run.0.unsigned_abs())
            .wrapping_mul(4)
            .wrapping_add(u32::from(self.worker));
        i16::try_from(spread % 64).unwrap_or(0)
    }

    pub(super) fn hour(self) -> chrono::DateTime<chrono::Utc> {
        time::to_database(ledger::hour_of(self.now))
    }
}

/// Claims distinct keys under this take, in one transaction with the books. What is not [`Claim::New`]
/// is counted nowhere yet. A key whose row somebody has locked holds up no other.
///
/// # Errors
/// When the database fails: whether anything was claimed is not known, and claiming again is safe.
pub async fn claim(
    database: &Database,
    claimant: Claimant,
    take: TakeId,
    window: Duration,
    requests: &[ClaimRequest],
) -> Result<HashMap<KeyHash, Claim>, StoreError> {
    claim_watched(database, claimant, take, (window, false), requests).await
}

/// As [`claim`], for what was held before: waits for nobody's locks.
///
/// # Errors
/// As [`claim`].
pub async fn claim_again(
    database: &Database,
    claimant: Claimant,
    take: TakeId,
    window: Duration,
    requests: &[ClaimRequest],
) -> Result<HashMap<KeyHash, Claim>, StoreError> {
    claim_watched(database, claimant, take, (window, true), requests).await
}

async fn claim_watched(
    database: &Database,
    claimant: Claimant,
    take: TakeId,
    how: (Duration, bool),
    requests: &[ClaimRequest],
) -> Result<HashMap<KeyHash, Claim>, StoreError> {
    let work = claim_all(database, claimant, take, how, requests);
    match database.watch(Duty::Claiming, clock::instant(), work).await {
        Err(StoreError::Locked(_)) => {
            let held = requests.iter().map(|request| (request.key, Claim::Held));
            Ok(held.collect())
        }
        claimed => claimed,
    }
}

/// Does all that claiming does, for no message: fails as claiming would.
///
/// # Errors
/// As [`claim`].
pub(super) async fn try_out(database: &Database, run: RunId) -> Result<(), StoreError> {
    let claimant = Claimant {
        run: Some(run),
        worker: 0,
        now: clock::now(),
    };
    claim_all(
        database,
        claimant,
        TakeId::unnumbered(run),
        (Duration::ZERO, false),
        &[],
    )
    .await?;
    Ok(())
}

/// Claims in halves what cannot be claimed together; an error when nothing of it can.
async fn claim_all(
    database: &Database,
    claimant: Claimant,
    take: TakeId,
    (window, is_again): (Duration, bool),
    requests: &[ClaimRequest],
) -> Result<HashMap<KeyHash, Claim>, StoreError> {
    let mut sorted = requests.to_vec();
    sorted.sort_unstable_by_key(|request| request.key);
    if sorted.is_empty() {
        let trial = Insert::of(claimant, take, window, &[]);
        let _: Vec<Vec<u8>> = trial.load(&mut *database.get().await?).await?;
        return Ok(HashMap::new());
    }
    let (mut claims, mut taken) = (HashMap::new(), vec![]);
    let mut halves = Halves::of(&sorted);
    while let Some(part) = halves.pop() {
        let insert = Insert::of(claimant, take, window, part);
        let at_once = is_again || halves.is_narrowing();
        match insert_all(database, &insert, at_once).await {
            Ok(claimed) => {
                halves.done();
                let claimed = claimed.into_iter().filter_map(key_of);
                claims.extend(claimed.map(|key| (key, Claim::New)));
                let rest = part.iter().map(|request| request.key);
                taken.extend(rest.filter(|key| !claims.contains_key(key)));
            }
            Err(error) => halves.failed(part, error),
        }
    }
    match halves.into_left() {
        (left, Some(error)) if left.len() == sorted.len() => return Err(error),
        (left, _) => claims.extend(left.into_iter().map(|one| (one.key, Claim::Held))),
    }
    if !taken.is_empty() {
        let claim_owners = find(database, &taken).await?.into_iter();
        claims.extend(claim_owners.map(|(key, claim_owner)| (key, Claim::Taken(claim_owner))));
    }
    Ok(claims)
}

async fn insert_all(
    database: &Database,
    insert: &Insert,
    at_once: bool,
) -> Result<Vec<Vec<u8>>, StoreError> {
    database
        .patiently_unless(at_once, async |connection| {
            Ok(insert.load(connection).await?)
        })
        .await
}

impl Insert {
    fn of(claimant: Claimant, take: TakeId, window: Duration, part: &[ClaimRequest]) -> Self {
        let bytes = |hash: &[u8; 32]| hash.to_vec();
        Self {
            keys: part.iter().map(|it| bytes(&it.key.0)).collect(),
            contents: part.iter().map(|it| bytes(&it.content.0)).collect(),
            ids: part.iter().map(|it| it.notification_id).collect(),
            tenants: part.iter().map(|it| it.tenant_id).collect(),
            channels: part.iter().map(|it| it.channel.as_str()).collect(),
            hours: part.iter().map(|it| hour_of(it.notification_id)).collect(),
            owner: take.run().0,
            take: take.0,
            window_seconds: window.as_secs_f64(),
            shard: claimant.shard(),
        }
    }
}

/// How many runs have died with a key's message in hand, without having given it back or come to an
/// orderly end; `None` when the key was never claimed.
///
/// # Errors
/// When the database fails.
pub async fn crashes(database: &Database, key: KeyHash) -> Result<Option<u16>, StoreError> {
    let crashes = Crashes {
        key: key.0.to_vec(),
    };
    let mut connection = database.get().await?;
    let counts: Vec<i16> = crashes.load(&mut *connection).await?;
    let count = |count: i16| u16::try_from(count).unwrap_or(0);
    Ok(counts.into_iter().next().map(count))
}

fn key_of(bytes: Vec<u8>) -> Option<KeyHash> {
    Some(KeyHash(bytes.try_into().ok()?))
}
