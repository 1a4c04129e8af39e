//! The monthly partitions of `notifications`: there before they are needed.

use diesel::QueryableByName;
use diesel::sql_types::{Integer, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use jiff::Timestamp;

use super::StoreError;
use super::time::to_database;

/// Months kept ready, counted from the one before `now`: what is redelivered keeps its old id.
const MONTHS: i32 = 5;

/// Makes the partitions that are missing around `now`, and says how many it made. Several nodes
/// may do so at once.
///
/// # Errors
/// [`StoreError::Locked`] when a lock was not to be had; try again.
pub async fn ensure(connection: &mut AsyncPgConnection, now: Timestamp) -> Result<i32, StoreError> {
    #[derive(QueryableByName)]
    struct PartitionRow {
        #[diesel(sql_type = Integer)]
        made: i32,
    }
    let row: PartitionRow = diesel::sql_query(
        "SELECT ensure_partitions((($1 AT TIME ZONE 'UTC') - interval '1 month')::date, $2) \
         AS made",
    )
    .bind::<Timestamptz, _>(to_database(now))
    .bind::<Integer, _>(MONTHS)
    .get_result(connection)
    .await?;
    Ok(row.made)
}

/// The moment that a UUIDv7 was made at; `None` for other ids.
#[must_use]
pub fn moment_of(id: uuid::Uuid) -> Option<Timestamp> {
    let (seconds, nanoseconds) = id.get_timestamp()?.to_unix();
    let nanoseconds = i32::try_from(nanoseconds).ok()?;
    Timestamp::new(i64::try_from(seconds).ok()?, nanoseconds).ok()
}
