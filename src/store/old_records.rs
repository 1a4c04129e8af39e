//! Records for people that are forgotten after more than a year: sums by hour, events of the system, pauses.

use diesel::sql_types::Int8;
use diesel_async::RunQueryDsl;

use super::statement::statement;
use super::{Database, StoreError};

/// Rows removed by one statement.
const CHUNK: i64 = 5_000;

macro_rules! removal {
    ($name:ident, $table:literal, $which:literal) => {
        statement!(
            $name(most: i64 => Int8) -> Int8 = concat!(
            "WITH gone AS (
                 DELETE FROM ", $table, " WHERE ctid = ANY (ARRAY(
                     SELECT ctid FROM ", $table, " WHERE ", $which, " LIMIT ? FOR UPDATE SKIP LOCKED))
                 RETURNING 1
             )
             SELECT count(*) FROM gone")
        );
    };
}

removal!(
    ForgetSums,
    "notification_metrics",
    "date < current_date - 400"
);
// By the index of when they were made: an event is resolved after that.
removal!(
    ForgetEvents,
    "admin_system_events",
    "created_at < now() - interval '400 days' AND resolved_at < now() - interval '400 days'"
);
removal!(
    ForgetPauses,
    "provider_pauses",
    "ended_at < now() - interval '400 days'"
);

/// Removes what is older than 400 days: sums by hour, resolved events of the system, pauses that ended; says how many
/// rows went.
///
/// # Errors
/// The database is out of reach; what is left is removed the next time.
pub async fn forget(database: &Database) -> Result<u64, StoreError> {
    let mut forgotten = 0;
    loop {
        let mut connection = database.get().await?;
        let gone: [i64; 3] = [
            ForgetSums { most: CHUNK }
                .get_result(&mut *connection)
                .await?,
            ForgetEvents { most: CHUNK }
                .get_result(&mut *connection)
                .await?,
            ForgetPauses { most: CHUNK }
                .get_result(&mut *connection)
                .await?,
        ];
        forgotten += gone.iter().map(|gone| gone.unsigned_abs()).sum::<u64>();
        if gone.iter().all(|gone| *gone < CHUNK) {
            return Ok(forgotten);
        }
    }
}
