//! Months of notifications that have had their time: how they are copied, and how they go.

use bytes::Bytes;
use diesel::sql_types::{Bool, Date, Int4, Int8, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use futures_util::{Stream, TryStreamExt as _};
use jiff::civil;
use jiff::tz::TimeZone;
use tokio_postgres::Client;
use uuid::Uuid;

use super::notifications::bound;
use super::statement::statement;
use super::{Access, Database, StoreError, session};

/// Rows removed by one statement.
const CHUNK: i64 = 5_000;
/// Longest wait for a connection.
const CONNECT_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(10);

/// A month of UTC, by the ids of notifications.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Month {
    first: civil::Date,
    from: Uuid,
    to: Uuid,
}

impl Month {
    /// The month of its name, `YYYY-MM`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let first: civil::Date = format!("{name}-01").parse().ok()?;
        let after = first.checked_add(jiff::Span::new().months(1)).ok()?;
        let moment = |date: civil::Date| Some(date.to_zoned(TimeZone::UTC).ok()?.timestamp());
        Some(Self {
            first,
            from: bound(moment(first)?),
            to: bound(moment(after)?),
        })
    }

    /// Its name, `YYYY-MM`.
    #[must_use]
    pub fn name(&self) -> String {
        self.first.strftime("%Y-%m").to_string()
    }

    /// Its rows of a table, as the condition of a query.
    fn rows_of(&self, table: ExportedTable) -> String {
        let (from, to) = (self.from, self.to);
        match table {
            ExportedTable::Notifications => format!("t.id >= '{from}' AND t.id < '{to}'"),
            ExportedTable::Events => format!(
                "t.notification_id >= '{from}' AND t.notification_id < '{to}' \
                 OR t.notification_id IS NULL AND t.id >= '{from}' AND t.id < '{to}'"
            ),
            ExportedTable::DeadLetters | ExportedTable::WebhookDeliveries => {
                format!("t.notification_id >= '{from}' AND t.notification_id < '{to}'")
            }
        }
    }
}

/// A table of which a month is copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportedTable {
    /// What is remembered of dead letters.
    DeadLetters,
    /// What providers told.
    Events,
    /// What webhooks were told.
    WebhookDeliveries,
    /// The notifications themselves.
    Notifications,
}

impl ExportedTable {
    /// All of them, in the order in which they are copied.
    pub const ALL: [Self; 4] = [
        Self::DeadLetters,
        Self::Events,
        Self::WebhookDeliveries,
        Self::Notifications,
    ];

    /// Its name in the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::DeadLetters => "notification_dlq",
            Self::Events => "email_logs",
            Self::WebhookDeliveries => "webhook_deliveries",
            Self::Notifications => "notifications",
        }
    }
}

statement!(
    Past(months: i32 => Int4) -> Text =
    "SELECT to_char(month, 'YYYY-MM')
     FROM (SELECT to_date(substr(c.relname, length('notifications_') + 1), 'YYYY_MM') AS month
           FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
           WHERE i.inhparent = 'notifications'::regclass) partitions
     WHERE month < date_trunc('month', now() AT TIME ZONE 'UTC') - make_interval(months => ?)
     ORDER BY 1"
);

statement!(
    IsQuiet(from: Uuid => SqlUuid, to: Uuid => SqlUuid) -> Bool =
    "WITH month AS (SELECT ?::uuid AS since, ?::uuid AS until)
     SELECT NOT EXISTS (SELECT FROM month, notifications n
                        WHERE n.status = 'pending' AND n.id >= month.since AND n.id < month.until)
        AND NOT EXISTS (SELECT FROM month, notification_dlq d
                        WHERE NOT d.resolved AND d.notification_id >= month.since
                          AND d.notification_id < month.until)"
);

/// Removes up to so many rows of a table that belong to a month.
macro_rules! removal {
    ($name:ident, $table:literal, $which:literal) => {
        statement!(
            $name(from: Uuid => SqlUuid, to: Uuid => SqlUuid, most: i64 => Int8) -> Int8 = concat!(
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
    RemoveLetters,
    "notification_dlq",
    "resolved AND notification_id >= ? AND notification_id < ?"
);
removal!(
    RemoveEvents,
    "email_logs",
    "notification_id >= ? AND notification_id < ?"
);
removal!(
    RemoveStrayEvents,
    "email_logs",
    "notification_id IS NULL AND id >= ? AND id < ?"
);
// What is still to be told, or is kept for a replay, stays: it holds all that it tells.
removal!(
    RemoveDeliveries,
    "webhook_deliveries",
    "notification_id >= ? AND notification_id < ?
     AND (delivered OR next_retry_at IS NULL AND last_attempt_at IS NOT NULL)"
);

statement!(
    Drop(month: chrono::NaiveDate => Date) -> Bool = "SELECT drop_partition(?)"
);

/// The months that there are and that ended more than so many months ago, the eldest first.
///
/// # Errors
/// The database is out of reach.
pub async fn past(database: &Database, months: i32) -> Result<Vec<Month>, StoreError> {
    let mut connection = database.get().await?;
    let names: Vec<String> = Past { months }.load(&mut *connection).await?;
    Ok(names.iter().filter_map(|name| Month::named(name)).collect())
}

/// Whether nothing of a month waits any more, and no dead letter of it is open.
///
/// # Errors
/// The database is out of reach.
pub async fn is_quiet(database: &Database, month: Month) -> Result<bool, StoreError> {
    let quiet = IsQuiet {
        from: month.from,
        to: month.to,
    };
    let mut connection = database.get().await?;
    Ok(quiet.get_result(&mut *connection).await?)
}

/// Removes a month with what depends on it, in short transactions; says whether it is gone. One in which something
/// waits again meanwhile stays.
///
/// # Errors
/// The database is out of reach, or [`StoreError::Locked`]; what is left is removed the next time.
pub async fn remove(database: &Database, month: Month) -> Result<bool, StoreError> {
    macro_rules! all_of {
        ($removal:ident) => {
            while {
                let removal = $removal {
                    from: month.from,
                    to: month.to,
                    most: CHUNK,
                };
                let gone: i64 = removal.get_result(&mut *database.get().await?).await?;
                gone >= CHUNK
            } {}
        };
    }
    all_of!(RemoveLetters);
    all_of!(RemoveEvents);
    all_of!(RemoveStrayEvents);
    all_of!(RemoveDeliveries);
    let first = month.first;
    let (year, number) = (i32::from(first.year()), first.month().unsigned_abs());
    let date = chrono::NaiveDate::from_ymd_opt(year, u32::from(number), 1).unwrap_or_default();
    let drop = Drop { month: date };
    Ok(drop.get_result(&mut *database.get().await?).await?)
}

/// Whoever removes months, one at a time in the whole database: its session holds a lock.
pub struct MonthKeeper(Client);

impl std::fmt::Debug for MonthKeeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MonthKeeper")
    }
}

impl MonthKeeper {
    /// Opens its session; nothing where another one is at work.
    ///
    /// # Errors
    /// The database is out of reach, or does not let us in.
    pub async fn alone(access: &Access) -> Result<Option<Self>, StoreError> {
        let client = session::plain(access, CONNECT_TIMEOUT).await?;
        let (role, schema) = super::DatabaseRole::Notifications.names();
        let begin = format!("SET ROLE {role}; SET search_path TO {schema}");
        client.batch_execute(&begin).await.map_err(failed)?;
        let lock = "SELECT pg_try_advisory_lock(hashtextextended('herald.months', 0))";
        let row = client.query_one(lock, &[]).await.map_err(failed)?;
        let is_alone: bool = row.try_get(0).map_err(failed)?;
        Ok(is_alone.then_some(Self(client)))
    }

    /// What is read from now on is of one moment.
    ///
    /// # Errors
    /// The database is out of reach.
    pub async fn begin_view(&self) -> Result<(), StoreError> {
        // What one that broke off has left.
        let begin = "ROLLBACK; BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        self.0.batch_execute(begin).await.map_err(failed)
    }

    /// Ends that.
    ///
    /// # Errors
    /// The database is out of reach.
    pub async fn end_view(&self) -> Result<(), StoreError> {
        self.0.batch_execute("COMMIT").await.map_err(failed)
    }

    /// How many rows of a table a month has.
    ///
    /// # Errors
    /// The database is out of reach.
    pub async fn count(&self, month: Month, table: ExportedTable) -> Result<u64, StoreError> {
        let count = format!(
            "SELECT count(*) FROM {} t WHERE {}",
            table.name(),
            month.rows_of(table)
        );
        let row = self.0.query_one(&count, &[]).await.map_err(failed)?;
        let count: i64 = row.try_get(0).map_err(failed)?;
        Ok(count.unsigned_abs())
    }

    /// Streams a month's rows of a table, as NDJSON.
    ///
    /// # Errors
    /// The database is out of reach; the same of the stream's items.
    pub async fn copy(
        &self,
        month: Month,
        table: ExportedTable,
    ) -> Result<impl Stream<Item = Result<Bytes, StoreError>>, StoreError> {
        // JSON has no control characters: with these for quotes and separators it comes as it is.
        let copy = format!(
            "COPY (SELECT row_to_json(t) FROM {} t WHERE {}) \
             TO STDOUT (FORMAT csv, QUOTE E'\\x01', DELIMITER E'\\x02')",
            table.name(),
            month.rows_of(table)
        );
        let stream = self.0.copy_out(&copy).await.map_err(failed)?;
        Ok(stream.map_err(failed))
    }
}

fn failed(error: tokio_postgres::Error) -> StoreError {
    StoreError::Unavailable(session::words(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_lasts_until_the_next() {
        let december = Month::named("2026-12").unwrap();
        assert_eq!(december.name(), "2026-12");
        let january = Month::named("2027-01").unwrap();
        assert_eq!(december.to, january.from);
        assert!(Month::named("2026-13").is_none());
    }
}
