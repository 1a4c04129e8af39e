//! Hours in which nothing was.

use chrono::{DateTime, Utc};
use diesel::sql_types::{Bool, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::store::statement::statement;
use crate::store::{Database, StoreError};

/// Whether nothing came in in the hour `h.hour`, nothing was begun and nothing ended.
macro_rules! is_empty {
    () => {
        "NOT EXISTS (SELECT FROM intake i WHERE i.hour = h.hour)
         AND NOT EXISTS (SELECT FROM notifications n
                         WHERE n.id >= uuid_bound(h.hour) AND n.id < uuid_bound(h.hour + interval '1 hour'))
         AND NOT EXISTS (SELECT FROM notifications n
                         WHERE n.sent_at >= h.hour AND n.sent_at < h.hour + interval '1 hour')
         AND NOT EXISTS (SELECT FROM notifications n
                         WHERE n.failed_at >= h.hour AND n.failed_at < h.hour + interval '1 hour')
         AND NOT EXISTS (SELECT FROM email_logs e
                         WHERE e.occurred_at >= h.hour AND e.occurred_at < h.hour + interval '1 hour')
         AND NOT EXISTS (SELECT FROM notification_metrics m
                         WHERE m.date = (h.hour AT TIME ZONE 'UTC')::date
                           AND m.hour = extract(hour FROM h.hour AT TIME ZONE 'UTC')::integer)"
    };
}

statement!(
    IsEmpty(hour: DateTime<Utc> => Timestamptz) -> Bool =
    concat!("SELECT ", is_empty!(), " FROM (SELECT ?::timestamptz AS hour) h")
);

statement!(
    CloseEmpty() -> Bool =
    concat!("INSERT INTO counted_hours AS c (hour, counted_marks, took_ms, counted_at, closed_at)
     SELECT h.hour, 0, 0, now(), now()
     FROM generate_series(date_trunc('hour', now(), 'UTC') - interval '46 hours',
              date_trunc('hour', now(), 'UTC') - interval '2 hours', interval '1 hour') AS h (hour)
     WHERE NOT EXISTS (SELECT FROM counted_hours k WHERE k.hour = h.hour) AND ", is_empty!(), "
     ORDER BY 1 ON CONFLICT (hour) DO NOTHING RETURNING true")
);

/// Whether nothing was in an hour.
pub(super) async fn is_empty(
    connection: &mut AsyncPgConnection,
    hour: DateTime<Utc>,
) -> Result<bool, StoreError> {
    Ok(IsEmpty { hour }.get_result(connection).await?)
}

/// Closes the hours of the last two days in which nothing was: of a new database, or of one that nobody used for
/// hours, these are many, and those that are not empty would wait for them.
///
/// # Errors
/// The database is out of reach.
pub async fn close_empty(database: &Database) -> Result<(), StoreError> {
    let _: Vec<bool> = CloseEmpty {}.load(&mut *database.get().await?).await?;
    Ok(())
}
