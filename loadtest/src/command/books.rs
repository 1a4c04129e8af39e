//! `loadtest books`

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Args;
use tokio::time::sleep;

use super::bench::BenchArguments;
use super::failure::Failure;
use super::measuring;
use crate::harness::environment::Environment;

/// Longest wait for the hour to be counted: the engine looks every fifteen seconds.
const PATIENCE: Duration = Duration::from_secs(600);
/// The hour that is counted, as PostgreSQL says it.
const HOUR: &str = "date_trunc('hour', now(), 'UTC') - interval '3 hours'";

/// Measure what the books and the rollups of an hour cost for each notification.
///
/// A fresh database holds so many notifications of one hour that is over, and an event of each; an engine counts the hour.
/// Exit code 1 when the books do not balance.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Notifications of the hour
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    rows: u64,

    #[command(flatten)]
    bench: BenchArguments,
}

pub(super) async fn books(arguments: Arguments) -> Result<(), Failure> {
    let work = async |environment: &Environment| measure(environment, arguments.rows).await;
    measuring::measure(&arguments.bench, "books", &[], work).await
}

async fn measure(environment: &Environment, rows: u64) -> Result<bool> {
    environment.engine.migrate().await?;
    let began = Instant::now();
    fill(environment, rows).await?;
    println!(
        "{rows} notifications of an hour, made in {:.0} s",
        began.elapsed().as_secs_f64()
    );
    let engine = environment.engine.start("one")?;
    engine.consumes().await?;
    let took = counted(environment).await?;
    println!(
        "counted in {took} ms: {:.2} us for each notification with its event",
        took as f64 * 1_000.0 / rows as f64
    );
    let difference =
        "SELECT coalesce(sum(abs(difference)), 0)::bigint FROM notification_schema.ledger_hours";
    let difference = environment.database.count(difference).await?;
    println!("difference of the books: {difference}");
    measuring::stop(&engine).await?;
    Ok(difference == 0)
}

/// How long it took to count the hour, in milliseconds.
async fn counted(environment: &Environment) -> Result<i64> {
    let took = format!(
        "SELECT took_ms::text FROM notification_schema.counted_hours WHERE hour = {HOUR} AND closed_at IS NOT NULL"
    );
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        let found = environment.database.ask(&took).await?;
        if let Some(took) = found.first().and_then(|row| row.first()) {
            return took.parse().context("took_ms");
        }
        sleep(Duration::from_millis(500)).await;
    }
    bail!("the hour was not counted within {PATIENCE:?}")
}

async fn fill(environment: &Environment, rows: u64) -> Result<()> {
    let client = environment.database.connect().await?;
    let made = format!(
        "SET search_path TO notification_schema; SET statement_timeout = 0; SET synchronous_commit = off;
         SELECT ensure_partitions(({HOUR})::date, 1);
         INSERT INTO intake (hour, tenant_id, channel, shard, consumed)
         SELECT {HOUR}, id, 'email', 0, {rows} FROM tenants LIMIT 1;
         INSERT INTO notifications (id, tenant_id, idempotency_key, message_type, priority, provider, status, payload,
             created_at, sent_at)
         SELECT overlay(uuid_bound(at)::text placing lpad(to_hex(n), 12, '0') from 25)::uuid, t.id, md5(n::text), 'email',
             'normal', 'account-' || n % 4, 'sent', '{{}}', at, at + n % 3000 * interval '1 millisecond'
         FROM (SELECT n, {HOUR} + interval '58 minutes' * (n::float8 / {rows}) AS at FROM generate_series(1, {rows}) n) moment,
              (SELECT id FROM tenants LIMIT 1) t;
         INSERT INTO email_logs (tenant_id, notification_id, message_type, provider, event, event_id, occurred_at)
         SELECT tenant_id, id, message_type, provider, 'delivered', id::text, sent_at FROM notifications"
    );
    client
        .batch_execute(&made)
        .await
        .context("making notifications")?;
    for statement in [
        "VACUUM ANALYZE notification_schema.notifications",
        "VACUUM ANALYZE notification_schema.email_logs",
        "CHECKPOINT",
    ] {
        client.batch_execute(statement).await.context("vacuuming")?;
    }
    Ok(())
}
