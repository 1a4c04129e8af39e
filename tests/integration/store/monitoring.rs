//! The four monitoring queries that operators run by hand run as they stand, and read no more
//! than they must.

use diesel_async::SimpleAsyncConnection;

use crate::database::{TestDatabase, lines};

const DISTRIBUTION: &str = "SELECT status, COUNT(*)
FROM notifications
WHERE created_at > NOW() - INTERVAL '24 hours'
GROUP BY status;";

const STUCK: &str = "SELECT id, user_id, status, attempt_count, created_at
FROM notifications
WHERE status = 'pending'
  AND created_at < NOW() - INTERVAL '1 hour';";

const DEAD_LETTERS: &str = "SELECT COUNT(*) FROM notification_dlq WHERE resolved = false;";

const PROVIDERS: &str = "SELECT provider,
       COUNT(*) as total,
       SUM(CASE WHEN status = 'sent' THEN 1 ELSE 0 END) as sent,
       SUM(CASE WHEN status = 'failed' THEN 1 ELSE 0 END) as failed
FROM notifications
WHERE created_at > NOW() - INTERVAL '1 hour'
GROUP BY provider;";

/// Sixty thousand notifications over the last month, in order of time as they come in life; one
/// in three hundred waits, one in a hundred is a dead letter, most of them resolved.
const ROWS: &str = "
    SELECT ensure_partitions((now() - interval '2 months')::date, 4);
    INSERT INTO notifications
        (id, tenant_id, idempotency_key, message_type, priority, provider, status, payload, created_at)
    SELECT
        overlay(uuid_bound(at)::text placing lpad(to_hex(n), 12, '0') from 25)::uuid,
        '00000000-0000-7000-8000-000000000001', md5(n::text), 'email', 'normal', 'sendgrid-main',
        CASE WHEN n % 300 = 0 THEN 'pending' WHEN n % 100 = 0 THEN 'failed' ELSE 'sent' END,
        jsonb_build_object('content', jsonb_build_object('body', repeat(md5(n::text), 8))), at
    FROM (SELECT n, now() - (60000 - n) * interval '43 seconds' AS at
          FROM generate_series(1, 60000) n) AS row ORDER BY n;
    INSERT INTO notification_dlq (tenant_id, notification_id, failure_reason, resolved)
    SELECT tenant_id, id, 'no_address', n % 50 <> 0
    FROM (SELECT *, row_number() OVER (ORDER BY id) AS n FROM notifications
          WHERE status = 'failed') AS failed;";

#[tokio::test]
async fn monitoring_queries_run_unchanged_and_use_their_indexes() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let mut engine = pool.get().await.unwrap();
    engine.batch_execute(ROWS).await.unwrap();
    let vacuum =
        "VACUUM ANALYZE notification_schema.notifications, notification_schema.notification_dlq";
    database.owner().await.batch_execute(vacuum).await.unwrap();

    for (query, index) in [
        (DISTRIBUTION, "created_at_idx"),
        (STUCK, "message_type_priority_"),
        (DEAD_LETTERS, "notification_dlq_unresolved_idx"),
        (PROVIDERS, "created_at_idx"),
    ] {
        engine.batch_execute(query).await.unwrap();
        let plan = plan(&mut engine, query).await;
        assert!(plan.contains(index), "{query}\n{plan}");
    }
}

async fn plan(connection: &mut diesel_async::AsyncPgConnection, query: &str) -> String {
    let explain = format!(
        "CREATE OR REPLACE FUNCTION pg_temp.plan() RETURNS SETOF text LANGUAGE plpgsql AS
         $$ BEGIN RETURN QUERY EXECUTE $q$EXPLAIN {query}$q$; END $$"
    );
    connection.batch_execute(&explain).await.unwrap();
    lines(
        connection,
        "SELECT plan AS text FROM pg_temp.plan() AS plan",
    )
    .await
    .join("\n")
}
