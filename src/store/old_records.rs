//! Records for people that are forgotten after more than a year: sums by hour, events of the system,
//! pauses; and the audit trail, after its own term.

use diesel::sql_types::{Int4, Int8};
use diesel_async::RunQueryDsl;

use super::statement::statement;
use super::{Database, StoreError};

/// Rows removed by one statement.
const CHUNK: i64 = 5_000;
/// The same of the audit trail, by a function of the database's owner.
const AUDIT_CHUNK: i32 = 5_000;

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

statement!(
    TrimAudit(days: i32 => Int4, most: i32 => Int4) -> Int8 =
    "SELECT trim_audit_logs(?, ?)"
);

/// Removes what of the audit trail is older than so many days, 90 at least; 0 keeps all of it. Says how many rows went.
///
/// # Errors
/// The database is out of reach, or refuses so few days; what is left is removed the next time.
pub async fn trim_audit(database: &Database, days: i32) -> Result<u64, StoreError> {
    if days == 0 {
        return Ok(0);
    }
    let mut trimmed = 0;
    loop {
        let trim = TrimAudit {
            days,
            most: AUDIT_CHUNK,
        };
        let gone: i64 = trim.get_result(&mut *database.get().await?).await?;
        trimmed += gone.unsigned_abs();
        if gone < i64::from(AUDIT_CHUNK) {
            return Ok(trimmed);
        }
    }
}
