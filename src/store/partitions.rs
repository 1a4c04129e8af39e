<<<<<<< HEAD
//! The monthly partitions of `notifications`.

use chrono::{DateTime, Datelike, NaiveDate};
use diesel::sql_types::{Date, Int4};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::statement::statement;
use super::{Database, StoreError};

statement!(
    Ensure(from: NaiveDate => Date, months: i32 => Int4) -> Int4 =
    "SELECT notification_schema.ensure_partitions(?, ?)"
);

/// Makes the partitions that are missing, from a month on; returns how many it made.
///
/// # Errors
/// When the database fails.
pub async fn ensure(
    database: &Database,
    from: NaiveDate,
    months: u8,
) -> Result<i32, StoreError> {
    let mut connection = database.get().await?;
    Ok(Ensure { from, months: i32::from(months) }.get_result(&mut *connection).await?)
}

/// The first day of the month that a UUIDv7 was made in; `None` for other ids.
#[must_use]
pub fn month_of(id: Uuid) -> Option<NaiveDate> {
    let (seconds, _) = id.get_timestamp()?.to_unix();
    let day = DateTime::from_timestamp(i64::try_from(seconds).ok()?, 0)?.date_naive();
    day.with_day(1)
=======
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
/// [`StoreError::Timeout`] when a lock was not to be had; try again.
pub async fn ensure(
    connection: &mut AsyncPgConnection,
    now: Timestamp,
) -> Result<i32, StoreError> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Integer)]
        made: i32,
    }
    let row: Row = diesel::sql_query(
        "SELECT ensure_partitions((($1 AT TIME ZONE 'UTC') - interval '1 month')::date, $2) \
         AS made",
    )
    .bind::<Timestamptz, _>(to_database(now))
    .bind::<Integer, _>(MONTHS)
    .get_result(connection)
    .await?;
    Ok(row.made)
>>>>>>> store
}
