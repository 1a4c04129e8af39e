//! Claims: who may send what, decided in PostgreSQL and nowhere else.
//!
//! A claim binds a key to a notification's id and to the run that works on it. The first one in
//! wins; what a second one finds decides what becomes of it.

use std::collections::HashMap;
use std::time::Duration;

use diesel::sql_types::{
    Array, Bool, Bytea, Double, Int2, Int4, Nullable, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::RunQueryDsl;
use jiff::Timestamp;
use uuid::Uuid;

use super::lease::{RunId, living_runs};
use super::observed::Duty;
use super::statement::statement;
use super::{Database, StoreError, time};
use crate::domain::{Channel, ContentHash, KeyHash};

mod books;
mod release;

pub use books::{DoorCount, count};
pub use release::release;

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
    Taken(Holder),
}

/// Who holds a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holder {
    /// The notification that the key stands for.
    pub notification_id: Uuid,
    /// The run that works on it; nobody after it was given back.
    pub owner: Option<RunId>,
    /// Whether that run lives.
    pub owner_lives: bool,
    /// Whether the notification is stored already, or in quarantine: then this is a duplicate.
    pub is_stored: bool,
    /// What the message said that was first, where that was noted.
    pub content: Option<ContentHash>,
}

impl Holder {
    /// Whether the message that was first said the same.
    #[must_use]
    pub fn said(&self, content: ContentHash) -> bool {
        self.content.is_none_or(|first| first == content)
    }
}

// A key whose window is over but which has not been removed yet is free, unless its notification
// still waits. That is looked up only for such a key, by a subquery that stays one.
// The books are kept in the same statement: what is consumed is counted if and only if it is
// claimed. Keys are sorted by the caller and the books by their key, so that two batches that
// share some never wait for each other in a circle.
statement!(
    Insert(
        keys: Vec<Vec<u8>> => Array<Bytea>,
        contents: Vec<Vec<u8>> => Array<Bytea>,
        ids: Vec<Uuid> => Array<SqlUuid>,
        tenants: Vec<Uuid> => Array<SqlUuid>,
        channels: Vec<&'static str> => Array<Text>,
        owner: i32 => Int4,
        window_seconds: f64 => Double,
        hour: chrono::DateTime<chrono::Utc> => Timestamptz,
        shard: i16 => Int2,
    ) -> Bytea =
    "WITH asked AS (
         SELECT * FROM unnest(?, ?, ?, ?, ?) AS asked (key, content, id, tenant_id, channel)
     ), claimed AS (
         INSERT INTO notification_deduplication
             (idempotency_key, body_hash, notification_id, owner, expires_at)
         SELECT key, content, id, ?, now() + make_interval(secs => ?) FROM asked
         ON CONFLICT (idempotency_key) DO UPDATE SET
             body_hash = excluded.body_hash,
             notification_id = excluded.notification_id, owner = excluded.owner, died_owner = NULL,
             created_at = excluded.created_at, expires_at = excluded.expires_at, crashes = 0
         WHERE notification_deduplication.expires_at <= now()
           AND (SELECT n.status FROM notifications n
                WHERE n.id = notification_deduplication.notification_id LIMIT 1)
               IS DISTINCT FROM 'pending'
         RETURNING idempotency_key
     ), counted AS (
         INSERT INTO intake (hour, tenant_id, channel, shard, consumed)
         SELECT ?, tenant_id, channel, ?, count(*)
         FROM asked JOIN claimed ON claimed.idempotency_key = asked.key
         GROUP BY tenant_id, channel ORDER BY tenant_id, channel
         ON CONFLICT (hour, tenant_id, channel, shard)
         DO UPDATE SET consumed = intake.consumed + excluded.consumed
     )
     SELECT idempotency_key FROM claimed"
);

statement!(
    Find(keys: Vec<Vec<u8>> => Array<Bytea>)
        -> (Bytea, SqlUuid, Nullable<Int4>, Bool, Bool, Nullable<Bytea>) = concat!(
    "SELECT d.idempotency_key, d.notification_id, d.owner,
            coalesce(d.owner IN ", living_runs!(), ", false),
            n.id IS NOT NULL OR EXISTS (
                SELECT FROM notification_quarantine q WHERE q.notification_id = d.notification_id),
            d.body_hash
     FROM notification_deduplication d
     LEFT JOIN LATERAL (
         SELECT id FROM notifications WHERE id = d.notification_id LIMIT 1) n ON true
     WHERE d.idempotency_key = ANY(?)")
);

statement!(
    TakeOver(
        key: Vec<u8> => Bytea,
        content: Vec<u8> => Bytea,
        from: Option<i32> => Nullable<Int4>,
        to: i32 => Int4,
        window_seconds: f64 => Double,
    ) -> Nullable<Int4> =
    "WITH old AS (SELECT ?::bytea AS key, ?::bytea AS content, ?::integer AS owner,
                         ?::integer AS heir, now() + make_interval(secs => ?) AS until)
     UPDATE notification_deduplication d SET owner = old.heir, expires_at = old.until,
         body_hash = old.content,
         died_owner = coalesce(nullif(old.owner, old.heir), d.died_owner),
         crashes = least(d.crashes, 1000) + CASE WHEN old.owner <> old.heir AND EXISTS (
             SELECT FROM engine_nodes WHERE run_id = old.owner AND lives_until <= ended_at) THEN 1 ELSE 0 END
     FROM old
     WHERE d.idempotency_key = old.key AND d.owner IS NOT DISTINCT FROM old.owner
     RETURNING d.died_owner"
);

statement!(
    Crashes(key: Vec<u8> => Bytea) -> Int2 =
    "SELECT crashes FROM notification_deduplication WHERE idempotency_key = ?"
);

/// Who claims, and when.
#[derive(Debug, Clone, Copy)]
pub struct Claimant {
    /// The run.
    pub run: RunId,
    /// Which of the run's concurrent claimants; each has its own row of the books.
    pub worker: u8,
    /// The time.
    pub now: Timestamp,
}

impl Claimant {
    /// Spreads concurrent claimants of all nodes over the shards of the books.
    fn shard(self) -> i16 {
        let spread = self
            .run
            .0
            .unsigned_abs()
            .wrapping_mul(4)
            .wrapping_add(u32::from(self.worker));
        i16::try_from(spread % 64).unwrap_or(0)
    }

    fn hour(self) -> chrono::DateTime<chrono::Utc> {
        let second = self.now.as_second();
        let hour = Timestamp::from_second(second - second.rem_euclid(3_600)).unwrap_or(self.now);
        time::to_database(hour)
    }
}

/// Claims distinct keys, in one transaction with the books. What is not [`Claim::New`] is counted
/// nowhere yet.
///
/// # Errors
/// When the database fails: whether anything was claimed is not known, and claiming again is safe.
pub async fn claim(
    database: &Database,
    claimant: Claimant,
    window: Duration,
    requests: &[ClaimRequest],
) -> Result<HashMap<KeyHash, Claim>, StoreError> {
    let work = claim_all(database, claimant, window, requests);
    database.watch(Duty::Claiming, work).await
}

/// Does all that claiming does, for no message: fails as claiming would.
///
/// # Errors
/// As [`claim`].
pub(super) async fn try_out(database: &Database, run: RunId) -> Result<(), StoreError> {
    let claimant = Claimant {
        run,
        worker: 0,
        now: crate::runtime::clock::now(),
    };
    claim_all(database, claimant, Duration::ZERO, &[]).await?;
    Ok(())
}

async fn claim_all(
    database: &Database,
    claimant: Claimant,
    window: Duration,
    requests: &[ClaimRequest],
) -> Result<HashMap<KeyHash, Claim>, StoreError> {
    let mut sorted: Vec<&ClaimRequest> = requests.iter().collect();
    sorted.sort_unstable_by_key(|request| request.key);
    let insert = Insert {
        keys: sorted
            .iter()
            .map(|request| request.key.0.to_vec())
            .collect(),
        contents: sorted
            .iter()
            .map(|request| request.content.0.to_vec())
            .collect(),
        ids: sorted
            .iter()
            .map(|request| request.notification_id)
            .collect(),
        tenants: sorted.iter().map(|request| request.tenant_id).collect(),
        channels: sorted
            .iter()
            .map(|request| request.channel.as_str())
            .collect(),
        owner: claimant.run.0,
        window_seconds: window.as_secs_f64(),
        hour: claimant.hour(),
        shard: claimant.shard(),
    };
    let mut connection = database.get().await?;
    let claimed: Vec<Vec<u8>> = insert.load(&mut *connection).await?;
    let mut claims: HashMap<KeyHash, Claim> = claimed
        .into_iter()
        .filter_map(|key| Some((key_of(key)?, Claim::New)))
        .collect();
    drop(connection);
    let taken: Vec<KeyHash> = sorted
        .iter()
        .map(|r| r.key)
        .filter(|key| !claims.contains_key(key))
        .collect();
    if !taken.is_empty() {
        let holders = find(database, &taken).await?;
        claims.extend(
            holders
                .into_iter()
                .map(|(key, holder)| (key, Claim::Taken(holder))),
        );
    }
    Ok(claims)
}

/// Who holds these keys. A key that nobody holds (its window ended a moment ago) is left out.
///
/// # Errors
/// When the database fails.
pub async fn find(
    database: &Database,
    keys: &[KeyHash],
) -> Result<HashMap<KeyHash, Holder>, StoreError> {
    type Row = (Vec<u8>, Uuid, Option<i32>, bool, bool, Option<Vec<u8>>);
    let find = Find {
        keys: keys.iter().map(|key| key.0.to_vec()).collect(),
    };
    let mut connection = database.get().await?;
    let rows: Vec<Row> = find.load(&mut *connection).await?;
    let holders =
        rows.into_iter()
            .filter_map(|(key, notification_id, owner, lives, is_stored, content)| {
                let owner = owner.map(RunId);
                Some((
                    key_of(key)?,
                    Holder {
                        notification_id,
                        owner,
                        owner_lives: lives,
                        is_stored,
                        content: content
                            .and_then(|bytes| Some(ContentHash(bytes.try_into().ok()?))),
                    },
                ))
            });
    Ok(holders.collect())
}

/// A claim that was taken over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TakenOver {
    /// The last run that died with it in hand, if any did: it may have sent it. Remembered with the
    /// claim, so that a heir who gives it back does not make it forgotten.
    pub died: Option<RunId>,
}

/// Takes a claim over from an owner that is dead or gave it back, by compare-and-swap: `None` when
/// somebody else was quicker. It stands for this content from now on, and its window starts anew, so
/// that it outlives the work.
///
/// # Errors
/// When the database fails.
pub async fn take_over(
    database: &Database,
    (key, content): (KeyHash, ContentHash),
    from: Option<RunId>,
    to: RunId,
    window: Duration,
) -> Result<Option<TakenOver>, StoreError> {
    let take = TakeOver {
        key: key.0.to_vec(),
        content: content.0.to_vec(),
        from: from.map(|run| run.0),
        to: to.0,
        window_seconds: window.as_secs_f64(),
    };
    let mut connection = database.get().await?;
    let taken: Vec<Option<i32>> = take.load(&mut *connection).await?;
    let over = |died: Option<i32>| TakenOver {
        died: died.map(RunId),
    };
    Ok(taken.into_iter().next().map(over))
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
