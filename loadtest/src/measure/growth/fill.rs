//! Rows of earlier notifications, as a database in use holds them: over the last thirty days and thus
//! over partitions, of all lanes, people and tenants; some have failed, some were cancelled, some wait
//! for a day far ahead. Every key is still remembered, as if all of them were of the last day: the
//! dearest case for the index of claims.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use futures_util::future::try_join_all;
use tokio::time::Instant;
use tokio_postgres::Client;

use super::axis::shown;
use super::people;
use super::setup::Setup;
use crate::harness::database;
use crate::ledger::locked;
use crate::population::{Person, tenant};

/// One statement makes so many, so that none runs for minutes.
const CHUNK: u64 = 100_000;
/// More writers than that wait for the disk.
const WRITERS: usize = 4;
const REPORT_EVERY: Duration = Duration::from_secs(5);
/// Over so many milliseconds they are spread: thirty days.
const SPAN_MS: u64 = 30 * 24 * 3_600 * 1_000;
/// What `source_type` says in them.
const SOURCE: &str = "loadtest-growth";

/// Fills a migrated and seeded database for a setup, and leaves it as a long-lived one is: with
/// statistics, vacuumed, written out.
///
/// # Errors
/// The database refuses something.
pub async fn fill(url: &str, setup: Setup) -> Result<()> {
    let client = writer(url).await?;
    let begun = Instant::now();
    people::settle(&client, setup).await?;
    prepare(&client).await.context("preparing for rows")?;
    let now: i64 = client
        .query_one("SELECT (extract(epoch FROM now()) * 1000)::bigint", &[])
        .await
        .and_then(|row| row.try_get(0))
        .context("the server's clock")?;
    let rows = Rows {
        setup,
        now_ms: now,
        next: AtomicU64::new(0),
        done: AtomicU64::new(0),
        reported: Mutex::new(begun),
        begun,
    };
    let writers = std::thread::available_parallelism().map_or(1, usize::from);
    try_join_all((0..writers.min(WRITERS)).map(|_| rows.write(url))).await?;
    finish(&client)
        .await
        .context("indexes and statistics of the rows")?;
    println!(
        "  filled for {setup} in {:.0} s",
        begun.elapsed().as_secs_f64()
    );
    Ok(())
}

/// A connection for which nobody need be told of changes and foreign keys are known to hold.
async fn writer(url: &str) -> Result<Client> {
    let client = database::connect(url).await?;
    client
        .batch_execute("SET session_replication_role = replica; SET synchronous_commit = off")
        .await
        .context("a superuser is needed to fill a database")?;
    Ok(client)
}

/// A random key a row makes the index of claims slow to build row by row: it is built afterwards.
async fn prepare(client: &Client) -> Result<(), tokio_postgres::Error> {
    client
        .batch_execute(
            "SELECT ensure_partitions((now() - interval '31 days')::date, 4);
             ALTER TABLE notification_deduplication DROP CONSTRAINT notification_deduplication_pkey",
        )
        .await?;
    for table in tables(client).await? {
        let set = format!("ALTER TABLE {table} SET (autovacuum_enabled = off)");
        client.batch_execute(&set).await?;
    }
    Ok(())
}

/// An index into which keys come by chance is filled by seven tenths: one that was just built would
/// split its pages at each of the first inserts instead.
async fn finish(client: &Client) -> Result<(), tokio_postgres::Error> {
    client
        .batch_execute(
            "ALTER TABLE notification_deduplication ADD CONSTRAINT notification_deduplication_pkey
                 PRIMARY KEY (idempotency_key) WITH (fillfactor = 70);
             ALTER INDEX notification_deduplication_pkey RESET (fillfactor)",
        )
        .await?;
    for table in tables(client).await? {
        let reset = format!("ALTER TABLE {table} RESET (autovacuum_enabled)");
        client.batch_execute(&reset).await?;
        let vacuum = format!("VACUUM ANALYZE {table}");
        client.batch_execute(&vacuum).await?;
    }
    client
        .batch_execute("ANALYZE notifications; CHECKPOINT")
        .await
}

/// The partitions, the claims and the dead letters.
async fn tables(client: &Client) -> Result<Vec<String>, tokio_postgres::Error> {
    let all = "SELECT inhrelid::regclass::text FROM pg_inherits
        WHERE inhparent = 'notifications'::regclass
        UNION ALL VALUES ('notification_deduplication'), ('notification_dlq')";
    let rows = client.query(all, &[]).await?;
    rows.iter().map(|row| row.try_get(0)).collect()
}

struct Rows {
    setup: Setup,
    now_ms: i64,
    next: AtomicU64,
    done: AtomicU64,
    reported: Mutex<Instant>,
    begun: Instant,
}

impl Rows {
    async fn write(&self, url: &str) -> Result<()> {
        let client = writer(url).await?;
        loop {
            let from = self.next.fetch_add(CHUNK, Ordering::Relaxed);
            if from >= self.setup.rows {
                return Ok(());
            }
            let to = (from + CHUNK).min(self.setup.rows);
            client
                .batch_execute(&self.chunk(from, to))
                .await
                .context("storing rows of earlier notifications")?;
            self.report(self.done.fetch_add(to - from, Ordering::Relaxed) + to - from);
        }
    }

    fn report(&self, done: u64) {
        let mut reported = locked(&self.reported);
        if reported.elapsed() >= REPORT_EVERY {
            *reported = Instant::now();
            let (all, seconds) = (shown(self.setup.rows), self.begun.elapsed().as_secs_f64());
            println!("  stored {done:>9} of {all} rows, {seconds:.0} s");
        }
    }

    /// Rows `from` to below `to`, with their claims and dead letters; 0 is the oldest.
    fn chunk(&self, from: u64, to: u64) -> String {
        let made = self.made(from, to);
        format!(
            "BEGIN;
            WITH made AS ({made})
            INSERT INTO notifications (id, tenant_id, user_id, idempotency_key, message_type, priority,
                category, provider, status, reason, recipient, payload, attempt_count, created_at,
                last_attempted, sent_at, failed_at, send_at, due_at, provider_message_id, attempts,
                source_type, source_id)
            SELECT id, tenant_id, user_id, key, channel,
                CASE WHEN dice % 10 < 5 THEN 'normal' WHEN dice % 10 < 7 THEN 'high'
                     WHEN dice % 10 < 9 THEN 'low' ELSE 'urgent' END,
                'orders', CASE WHEN status IN ('sent', 'failed') THEN channel || '-simulator' END,
                status,
                CASE status WHEN 'pending' THEN 'scheduled' WHEN 'failed' THEN 'retries_exhausted'
                     WHEN 'cancelled' THEN 'frequency_cap' END,
                'somebody@example.com',
                ('{{\"content\": {{\"subject\": \"Order ' || n || '\", \"body\": \"' ||
                    repeat('Your parcel is on its way. ', 15) || '\"}}}}')::jsonb,
                CASE WHEN status IN ('sent', 'failed') THEN 1 ELSE 0 END, at,
                CASE WHEN status IN ('sent', 'failed') THEN at END,
                CASE WHEN status = 'sent' THEN at END, CASE WHEN status = 'failed' THEN at END,
                later, later, CASE WHEN status = 'sent' THEN substr(key, 1, 32) END,
                ('[{{\"at\": \"' || at || '\", \"provider\": \"simulator\", \"result\": \"accepted\"}}]')::jsonb,
                '{SOURCE}', n::text
            FROM made;
            WITH made AS ({made})
            INSERT INTO notification_deduplication (idempotency_key, notification_id, created_at, expires_at)
            SELECT decode(key, 'hex'), id, at,
                now() + interval '12 hours' + interval '12 hours' * (n::float8 / {rows})
            FROM made;
            WITH made AS ({made})
            INSERT INTO notification_dlq (tenant_id, notification_id, failure_reason, retry_history,
                moved_to_dlq_at, resolved, resolved_at)
            SELECT tenant_id, id, 'retries_exhausted', '[]', at, dice % 7 > 0,
                CASE WHEN dice % 7 > 0 THEN at END
            FROM made WHERE status = 'failed';
            COMMIT",
            rows = self.setup.rows,
        )
    }

    /// Of each row what the tables have in common.
    fn made(&self, from: u64, to: u64) -> String {
        let Setup {
            rows,
            users,
            tenants,
            ..
        } = self.setup;
        let person = Person { number: 0 }.id().to_string();
        let tenant = tenant(1).unwrap_or_default().to_string();
        // Both end in the number, in hexadecimal digits.
        let stem = |id: &str| id.chars().take(24).collect::<String>();
        let (person, tenant) = (stem(&person), stem(&tenant));
        format!(
            "SELECT n, key, at, dice, status,
                (lpad(to_hex(ms), 12, '0') || '7' || substr(key, 1, 3) || 'b' || substr(key, 4, 15))::uuid AS id,
                ('{person}' || lpad(to_hex(number), 12, '0'))::uuid AS user_id,
                CASE number % {tenants} WHEN 0 THEN (SELECT id FROM tenants WHERE name = 'default')
                     ELSE ('{tenant}' || lpad(to_hex(number % {tenants}), 12, '0'))::uuid END AS tenant_id,
                CASE WHEN dice / 10 % 10 < 5 THEN 'email' WHEN dice / 10 % 10 < 7 THEN 'sms'
                     WHEN dice / 10 % 10 < 9 THEN 'push' ELSE 'chat' END AS channel,
                CASE WHEN status = 'pending' THEN now() + interval '30 days' + interval '1 minute' * (dice % 260000) END
                    AS later
            FROM (
                SELECT n, ms, to_timestamp(ms / 1000.0) AS at, md5(n::text) || md5('x' || n) AS key, dice,
                    1 + (hashint8(-1 - n)::bigint + 2147483648) % {users} AS number,
                    CASE WHEN dice / 100 % 100 = 0 THEN 'pending' WHEN dice / 100 % 100 < 4 THEN 'failed'
                         WHEN dice / 100 % 100 < 6 THEN 'cancelled' ELSE 'sent' END AS status
                FROM (
                    SELECT n, {now} - 60000 - ({rows} - n) * {SPAN_MS} / {rows} AS ms,
                        hashint8(n)::bigint + 2147483648 AS dice
                    FROM generate_series({from}::bigint, {last}) AS n
                ) AS drawn
            ) AS told",
            now = self.now_ms,
            last = to.saturating_sub(1),
        )
    }
}
