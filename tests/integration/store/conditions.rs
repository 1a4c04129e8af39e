//! Conditions of the whole system: an event each while they last.

use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use herald::ops::conditions;

use crate::database::{TestDatabase, lines};

/// A node that died, an account of a channel with two that is open on it and on a living one, a hundred dead
/// letters, and no partition for the next month.
const TROUBLE: &str = "
    SET search_path TO notification_schema;
    INSERT INTO engine_nodes (run_id, node_name, version, heartbeat_at, lives_until, ended_at, started_at)
        OVERRIDING SYSTEM VALUE VALUES
        (1, 'a', '0', now(), now() - interval '2 min', now() - interval '1 min', now() - interval '1 hour'),
        (2, 'b', '0', now(), now() + interval '1 hour', NULL, now() - interval '1 hour'),
        (3, 'c', '0', now(), now() + interval '1 hour', now(), now() - interval '1 hour');
    INSERT INTO provider_configs (provider_name, kind, channel)
    VALUES ('one', 'twilio', 'sms'), ('two', 'twilio', 'sms'), ('mail', 'smtp', 'email');
    INSERT INTO provider_health (provider_id, run_id, state)
    SELECT id, 2, 'open' FROM provider_configs WHERE channel = 'sms';
    INSERT INTO notification_dlq (tenant_id, notification_id, failure_reason, retry_history)
    SELECT '00000000-0000-7000-8000-000000000001', gen_random_uuid(), 'no_address', '[]' FROM generate_series(1, 100);
    DO $$ BEGIN EXECUTE to_char(now() AT TIME ZONE 'UTC' + interval '1 month', '\"DROP TABLE notifications_\"YYYY_MM');
    END $$";

const MENDED: &str = "
    INSERT INTO engine_nodes (run_id, node_name, version, heartbeat_at, lives_until) OVERRIDING SYSTEM VALUE
    VALUES (4, 'a', '0', now(), now() + interval '1 hour');
    UPDATE provider_health SET state = 'half_open' WHERE provider_id = (
        SELECT id FROM provider_configs WHERE provider_name = 'one');
    UPDATE notification_dlq SET resolved = true WHERE id IN (SELECT id FROM notification_dlq LIMIT 51);
    SELECT ensure_partitions((now() AT TIME ZONE 'UTC')::date, 2)";

async fn events(c: &mut AsyncPgConnection) -> Vec<String> {
    let events = "SELECT concat_ws(' ', event_type, is_resolved,
            details - 'letters' - 'months') AS text
        FROM notification_schema.admin_system_events ORDER BY event_type, id";
    lines(c, events).await
}

#[tokio::test]
async fn each_condition_is_an_event_once_while_it_lasts() {
    let database = TestDatabase::create().await;
    let (pool, mut c) = (database.pool().await, database.owner().await);
    conditions::look(&pool).await.unwrap();
    assert_eq!(events(&mut c).await, [""; 0]);
    c.batch_execute(TROUBLE).await.unwrap();
    for _ in 0..2 {
        conditions::look(&pool).await.unwrap();
    }
    let all = [
        ("dead_letters_growing", "{}"),
        ("lanes_paused", "{\"channels\": [\"sms\"]}"),
        ("node_lost", "{\"nodes\": [\"a\"]}"),
        ("partition_missing", "{}"),
    ];
    let shown = |is_resolved: &str| all.map(|(name, what)| format!("{name} {is_resolved} {what}"));
    assert_eq!(events(&mut c).await, shown("f"));
    c.batch_execute(MENDED).await.unwrap();
    conditions::look(&pool).await.unwrap();
    assert_eq!(events(&mut c).await, shown("t"));
}
