//! Rows of earlier notifications: what a database looks like that has been in use.

use anyhow::{Context, Result};
use tokio_postgres::Client;

/// One statement makes so many, so that none runs for minutes.
const BATCH: u64 = 200_000;
/// What `source_type` says in them, so that nobody takes them for the run's own.
pub(super) const SOURCE: &str = "loadtest-stored";

/// Stores `count` sent notifications and their claims, the newest a minute old. `before` were stored
/// already. The people are those of the seed file.
pub(super) async fn store(client: &Client, before: u64, count: u64, people: u32) -> Result<()> {
    let named = || format!("storing {count} rows of earlier notifications");
    let mut done = 0;
    while done < count {
        let some = BATCH.min(count - done);
        let from = before + done;
        let statement = format!(
            "WITH made AS (
                SELECT n,
                    now() - interval '1 minute' - n * interval '1 millisecond' AS at,
                    md5(n::text) || md5(n::text || 'x') AS key
                FROM generate_series({from}, {last}) AS n
            ), named AS (
                SELECT n, at, key, (
                    lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0')
                    || '7' || substr(key, 1, 3) || 'b' || substr(key, 4, 15))::uuid AS id
                FROM made
            ), claims AS (
                INSERT INTO notification_deduplication (idempotency_key, notification_id, created_at, expires_at)
                SELECT decode(key, 'hex'), id, at, at + interval '24 hours' FROM named
            )
            INSERT INTO notifications (id, tenant_id, user_id, idempotency_key, message_type, priority,
                category, provider, status, recipient, payload, attempt_count, created_at, last_attempted,
                sent_at, provider_message_id, attempts, source_type, source_id)
            SELECT id, (SELECT tenant_id FROM users LIMIT 1),
                ('0190c1a0-0000-7000-8000-' || lpad(to_hex(1 + n % {people}), 12, '0'))::uuid,
                key, 'email', 'normal', 'orders', 'sendgrid-simulator', 'sent', 'somebody@example.com',
                jsonb_build_object('subject', 'Order ' || n, 'body', repeat('Your parcel is on its way. ', 15)),
                1, at, at, at, key,
                jsonb_build_array(jsonb_build_object('at', at, 'provider', 'sendgrid-simulator', 'result', 'accepted')),
                '{SOURCE}', n::text
            FROM named",
            last = from + some - 1,
        );
        client.batch_execute(&statement).await.with_context(named)?;
        done += some;
        if count > BATCH {
            println!("stored {done:>9} of {count} rows");
        }
    }
    // A database in use has statistics; this one would get them in the midst of what is measured.
    for table in ["notifications", "notification_deduplication"] {
        client
            .batch_execute(&format!("VACUUM ANALYZE {table}"))
            .await
            .with_context(named)?;
    }
    client.batch_execute("CHECKPOINT").await.with_context(named)
}
