//! Forgetting what has had its time.

use diesel::sql_types::Int8;
use diesel_async::RunQueryDsl;

use super::statement::statement;
use super::{Database, StoreError};

/// Rows removed by one statement: short transactions leave others alone.
const CHUNK: i64 = 5_000;

statement!(
    ForgetKeys(most: i64 => Int8) -> Int8 =
    "WITH gone AS (
         DELETE FROM notification_deduplication WHERE ctid = ANY (ARRAY(
             SELECT ctid FROM notification_deduplication WHERE expires_at <= now() LIMIT ?))
           AND expires_at <= now()
         RETURNING 1
     )
     SELECT count(*) FROM gone"
);

/// Removes the keys whose deduplication window is over; returns how many.
///
/// # Errors
/// When the database fails; what is left is removed the next time.
pub async fn forget_keys(database: &Database) -> Result<u64, StoreError> {
    let mut forgotten = 0;
    loop {
        let mut connection = database.get().await?;
        let gone: i64 = ForgetKeys { most: CHUNK }
            .get_result(&mut *connection)
            .await?;
        forgotten += u64::try_from(gone).unwrap_or(0);
        if gone < CHUNK {
            return Ok(forgotten);
        }
    }
}
