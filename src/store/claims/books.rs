//! The books of the door: what came in and ended there.

use std::collections::HashMap;

use diesel::sql_types::{Array, Bool, Int2, Int8, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::Claimant;
use crate::domain::Channel;
use crate::store::statement::statement;
use crate::store::{Database, StoreError};

statement!(
    Count(
        tenants: Vec<Uuid> => Array<SqlUuid>,
        channels: Vec<&'static str> => Array<Text>,
        rejected: Vec<i64> => Array<Int8>,
        duplicates: Vec<i64> => Array<Int8>,
        hour: chrono::DateTime<chrono::Utc> => Timestamptz,
        shard: i16 => Int2,
    ) -> Bool =
    "WITH counts AS (
         SELECT * FROM unnest(?, ?, ?, ?) AS counts (tenant_id, channel, rejected, duplicates)
     )
     INSERT INTO intake (hour, tenant_id, channel, shard, consumed, rejected, duplicates)
     SELECT h.hour, tenant_id, channel, h.shard, rejected + duplicates, rejected, duplicates
     FROM counts, (SELECT ?::timestamptz AS hour, ?::smallint AS shard) h
     ORDER BY tenant_id, channel
     ON CONFLICT (hour, tenant_id, channel, shard) DO UPDATE SET
         consumed = intake.consumed + excluded.consumed,
         rejected = intake.rejected + excluded.rejected,
         duplicates = intake.duplicates + excluded.duplicates
     RETURNING true"
);

/// Messages that end at the door, for the books: each is counted as consumed by this, and by no claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IntakeCount {
    /// The tenant.
    pub tenant_id: Uuid,
    /// The channel.
    pub channel: Channel,
    /// Put into `herald.rejected`.
    pub rejected: u32,
    /// Another message with the same key was first.
    pub duplicates: u32,
}

/// Counts what ended at the door. Entries for the same tenant and channel are added up.
///
/// # Errors
/// When the database fails.
pub async fn count(
    database: &Database,
    claimant: Claimant,
    counts: &[IntakeCount],
) -> Result<(), StoreError> {
    let mut sums: HashMap<(Uuid, Channel), (i64, i64)> = HashMap::new();
    for count in counts {
        let sum = sums.entry((count.tenant_id, count.channel)).or_default();
        sum.0 += i64::from(count.rejected);
        sum.1 += i64::from(count.duplicates);
    }
    if sums.is_empty() {
        return Ok(());
    }
    let count = Count {
        tenants: sums.keys().map(|(tenant, _)| *tenant).collect(),
        channels: sums.keys().map(|(_, channel)| channel.as_str()).collect(),
        rejected: sums.values().map(|(rejected, _)| *rejected).collect(),
        duplicates: sums.values().map(|(_, duplicates)| *duplicates).collect(),
        hour: claimant.hour(),
        shard: claimant.shard(),
    };
    let mut connection = database.get().await?;
    let _: Vec<bool> = count.load(&mut *connection).await?;
    Ok(())
}
