//! What a database and its log hold at one moment.

use anyhow::{Context, Result};
use tokio_postgres::Client;

/// The moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Books {
    /// Bytes written to the write-ahead log since the server was made.
    pub(super) wal_bytes: f64,
    /// Bytes of what grows with notifications, with indexes: all partitions, claims, dead letters,
    /// intake and rollups.
    pub(super) stored_bytes: f64,
}

impl Books {
    /// As they are now, where they are wanted; everything that was written must be committed.
    pub(super) async fn read(client: &Client, wanted: bool) -> Result<Self> {
        if !wanted {
            return Ok(Self::default());
        }
        let row = client.query_one(NOW, &[]).await;
        let row = row.context("the log's position and the tables' sizes")?;
        Ok(Self {
            wal_bytes: row.try_get(0)?,
            stored_bytes: row.try_get(1)?,
        })
    }

    /// What came since, for each of so many notifications.
    pub(super) fn each_since(self, before: Self, notifications: u64) -> Self {
        let each = |now: f64, then: f64| (now - then) / notifications.max(1) as f64;
        Self {
            wal_bytes: each(self.wal_bytes, before.wal_bytes),
            stored_bytes: each(self.stored_bytes, before.stored_bytes),
        }
    }

    /// How many bytes of the log since then are full pages: the first change of a page after a
    /// checkpoint logs all of it, so that a short run has more of them than a long one. Not a number
    /// where the server has no way to tell, or was not looked at.
    pub(super) async fn page_bytes_since(self, client: &Client, before: Self) -> f64 {
        let (from, to) = (before.wal_bytes, self.wal_bytes);
        let read = async {
            let extend = "CREATE EXTENSION IF NOT EXISTS pg_walinspect SCHEMA public";
            client.batch_execute(extend).await?;
            let row = client.query_one(PAGES, &[&from, &to]).await?;
            row.try_get(0)
        };
        let bytes: Result<f64, tokio_postgres::Error> = match to > from {
            true => read.await,
            false => Ok(f64::NAN),
        };
        bytes.unwrap_or(f64::NAN)
    }
}

const NOW: &str = "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::float8,
        (SELECT sum(pg_total_relation_size(t))::float8 FROM (
            SELECT relid FROM pg_partition_tree('notifications') WHERE isleaf
            UNION ALL VALUES ('notification_deduplication'::regclass),
                ('notification_dlq'), ('intake'), ('notification_metrics')
        ) AS all_tables (t))";

const PAGES: &str = "SELECT sum(fpi_size)::float8 FROM public.pg_get_wal_stats(
        '0/0'::pg_lsn + $1::float8::numeric, '0/0'::pg_lsn + $2::float8::numeric)";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_since_is_divided_by_what_was_stored() {
        let books = |wal_bytes, stored_bytes| Books {
            wal_bytes,
            stored_bytes,
        };
        let each = books(1e9 + 4_000.0, 5e6 + 3_000.0).each_since(books(1e9, 5e6), 2);
        assert_eq!(each, books(2_000.0, 1_500.0));
    }
}
