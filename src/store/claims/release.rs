//! Letting go of claims: given back, so that somebody else may go on, or removed with what they stood
//! for. Either names the take, and does nothing to a claim that was taken again since.

use chrono::{DateTime, Utc};
use diesel::sql_types::{Array, Bool, Bytea, Int2, Int8, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::Claimant;
use crate::domain::{Channel, KeyHash};
use crate::store::ledger::hour_of;
use crate::store::locks::in_halves;
use crate::store::statement::statement;
use crate::store::takes::TakeId;
use crate::store::{Database, NotDone, StoreError};

/// Those of some claims that are still held under the take that is named. Locked in the order in which
/// batches claim, so that nobody waits in a circle.
macro_rules! held {
    () => {
        "WITH named AS (
             SELECT * FROM unnest(?, ?) AS named (key, take)
         ), held AS MATERIALIZED (
             SELECT d.idempotency_key AS key, d.notification_id AS id
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

// With the claim goes what it was counted for: the message is counted by whoever says what becomes of it.
statement!(
    Remove(
        keys: Vec<Vec<u8>> => Array<Bytea>,
        takes: Vec<i64> => Array<Int8>,
        ids: Vec<Uuid> => Array<SqlUuid>,
        hours: Vec<DateTime<Utc>> => Array<Timestamptz>,
        tenants: Vec<Uuid> => Array<SqlUuid>,
        channels: Vec<&'static str> => Array<Text>,
        shard: i16 => Int2,
    ) -> Bool = concat!(
        held!(),
        ", gone AS (
             DELETE FROM notification_deduplication d USING held
             WHERE d.idempotency_key = held.key RETURNING held.id
         ), whose AS (
             SELECT * FROM unnest(?, ?, ?, ?) AS whose (id, hour, tenant_id, channel)
         ), counted AS (
             INSERT INTO intake (hour, tenant_id, channel, shard, consumed)
             SELECT hour, tenant_id, channel, ?, -count(*) FROM gone JOIN whose ON whose.id = gone.id
             GROUP BY hour, tenant_id, channel ORDER BY hour, tenant_id, channel
             ON CONFLICT (hour, tenant_id, channel, shard)
             DO UPDATE SET consumed = intake.consumed + excluded.consumed
         )
         SELECT true FROM gone"
    )
);

/// A claim that is to be removed with what it stood for.
#[derive(Debug, Clone, Copy)]
pub struct ReleasedClaim {
    /// The key.
    pub key: KeyHash,
    /// The take under which it is held.
    pub take: TakeId,
    /// The notification's id, in whose hour it was counted.
    pub notification_id: Uuid,
    /// For the books.
    pub tenant_id: Uuid,
    /// For the books.
    pub channel: Channel,
}

/// Gives claims back, so that whoever gets the delivery next may take them over at once. Those that cannot be given
/// back now are in the answer, and stay this run's: whoever asked must ask again.
pub async fn give_back(
    database: &Database,
    claims: &[(KeyHash, TakeId)],
) -> NotDone<(KeyHash, TakeId)> {
    let columns = |(key, take): &(KeyHash, TakeId)| (key.0.to_vec(), take.0);
    in_halves!(database, claims, |part| {
        let (keys, takes) = part.iter().map(columns).unzip();
        GiveBack { keys, takes }
    } => bool)
}

/// Removes claims for which nothing was stored: the key is free for a message that can be accepted. They are no
/// longer counted as consumed.
///
/// # Errors
/// When the database fails; to remove them again is safe.
pub async fn release(
    database: &Database,
    claimant: Claimant,
    claims: &[ReleasedClaim],
) -> Result<(), StoreError> {
    if claims.is_empty() {
        return Ok(());
    }
    let all = || claims.iter();
    let remove = Remove {
        keys: all().map(|it| it.key.0.to_vec()).collect(),
        takes: all().map(|it| it.take.0).collect(),
        ids: all().map(|it| it.notification_id).collect(),
        hours: all().map(|it| hour_of(it.notification_id)).collect(),
        tenants: all().map(|it| it.tenant_id).collect(),
        channels: all().map(|it| it.channel.as_str()).collect(),
        shard: claimant.shard(),
    };
    let mut connection = database.get().await?;
    let _: Vec<bool> = remove.load(&mut *connection).await?;
    Ok(())
}
