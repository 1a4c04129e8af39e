//! Forgetting what has had its time.

use std::time::Duration;

use diesel_async::SimpleAsyncConnection;
use herald::ops::replay::{self, Order, ReplayFate, Skip};
use herald::store::dead_letters::LetterFilter;
use herald::store::lease::LeaseConnection;
use herald::store::redaction::{self, RedactedPart};
use herald::store::retention::{self, KeyWalk};
use herald::store::{notifications, old_records};

use crate::database::{TestDatabase, lines};

#[tokio::test]
async fn counters_go_when_their_day_is_over_everywhere() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let mut c = pool.get().await.unwrap();
    c.batch_execute(
        "INSERT INTO users (id, tenant_id)
         VALUES (gen_random_uuid(), '00000000-0000-7000-8000-000000000001');
         INSERT INTO frequency_counts (user_id, tenant_id, day, scope)
         SELECT id, tenant_id, current_date - days, '*/*'
         FROM users, generate_series(-1, 9) AS days",
    )
    .await
    .unwrap();
    assert_eq!(retention::forget_counts(&pool).await, Ok(6));
    let oldest = "SELECT (current_date - min(day))::text AS text FROM frequency_counts";
    assert_eq!(lines(&mut c, oldest).await, ["3"]);
    assert_eq!(retention::forget_counts(&pool).await, Ok(0));
}

#[tokio::test]
async fn keys_go_when_their_window_is_over_wherever_they_stand() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let mut c = pool.get().await.unwrap();
    assert_eq!(KeyWalk::default().forget_keys(&pool).await, Ok(0));
    // More pages than one step takes, of few rows each.
    c.batch_execute(
        "INSERT INTO notification_deduplication
             (idempotency_key, notification_id, body_hash, expires_at)
         SELECT sha256(n::text::bytea), gen_random_uuid(), decode(repeat('00', 900), 'hex'),
                now() + CASE n % 3 WHEN 0 THEN interval '1 hour' ELSE interval '-1 second' END
         FROM generate_series(1, 18000) AS n",
    )
    .await
    .unwrap();
    let left = "SELECT count(*)::text || ' ' || count(*) FILTER (WHERE expires_at <= now())
                AS text FROM notification_deduplication";
    let mut walk = KeyWalk::default();
    let mut forgotten = walk.forget_keys(&pool).await.unwrap();
    assert!((1..12_000).contains(&forgotten), "{forgotten}");
    // Whatever page it began at, it comes round.
    for _ in 0..2 {
        forgotten += walk.forget_keys(&pool).await.unwrap();
    }
    assert_eq!(forgotten, 12_000);
    assert_eq!(lines(&mut c, left).await, ["6000 0"]);
    assert_eq!(walk.forget_keys(&pool).await, Ok(0));
}

#[tokio::test]
async fn runs_go_a_week_after_their_end_with_what_they_made_of_accounts() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let mut c = pool.get().await.unwrap();
    let lease = Duration::from_secs(60);
    let mut leases = LeaseConnection::open(&pool, lease).await.unwrap();
    for name in ["alive", "ended", "recent"] {
        let (run, _) = leases.register(name, "1", lease).await.unwrap();
        if name != "alive" {
            leases.end(&run).await.unwrap();
        }
    }
    c.batch_execute(
        "UPDATE engine_nodes SET heartbeat_at = now() - interval '8 days'
         WHERE node_name <> 'recent';
         UPDATE engine_nodes SET ended_at = heartbeat_at WHERE node_name = 'ended';
         INSERT INTO provider_configs (id, provider_name, kind, channel)
         VALUES (gen_random_uuid(), 'chat', 'slack', 'chat');
         INSERT INTO provider_health (provider_id, run_id, state)
         SELECT id, run_id, 'open' FROM provider_configs, engine_nodes",
    )
    .await
    .unwrap();
    assert_eq!(retention::forget_runs(&pool).await, Ok(1));
    let left = "SELECT node_name AS text FROM engine_nodes
                JOIN provider_health USING (run_id) ORDER BY run_id";
    assert_eq!(lines(&mut c, left).await, ["alive", "recent"]);
    let health = "SELECT count(*)::text AS text FROM provider_health";
    assert_eq!(lines(&mut c, health).await, ["2"]);
    assert_eq!(retention::forget_runs(&pool).await, Ok(0));
}

#[tokio::test]
async fn hours_of_the_books_become_days_and_the_sums_stay() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let mut c = pool.get().await.unwrap();
    // Five days of hours with four shards each, up to now.
    c.batch_execute(
        "INSERT INTO intake (hour, tenant_id, channel, shard, consumed, rejected, duplicates)
         SELECT date_trunc('hour', now()) - make_interval(hours => age), gen_random_uuid(), 'email',
                shard, 10, 1, 2
         FROM generate_series(0, 119) AS age, generate_series(0, 3) AS shard;
         UPDATE intake SET tenant_id = '00000000-0000-7000-8000-000000000001';
         INSERT INTO intake (hour, tenant_id, channel, shard, consumed)
         VALUES (now() - interval '401 days', gen_random_uuid(), 'sms', 0, 1)",
    )
    .await
    .unwrap();
    let sums = "SELECT concat_ws(' ', sum(consumed), sum(rejected), sum(duplicates)) AS text
                FROM intake WHERE channel = 'email'";
    let before = lines(&mut c, sums).await;
    let gone = retention::fold_intake(&pool).await.unwrap();
    assert!(gone > 200, "{gone}");
    assert_eq!(lines(&mut c, sums).await, before);
    let old = "SELECT count(*)::text || ' ' || count(DISTINCT hour) AS text FROM intake
               WHERE hour < now() - interval '2 days'";
    let days = lines(&mut c, old).await;
    let (rows, days) = days[0].split_once(' ').unwrap();
    assert_eq!(rows, days, "one row a day");
    let young = "SELECT count(*)::text AS text FROM intake WHERE hour > now() - interval '2 days'";
    assert_eq!(
        lines(&mut c, young).await,
        ["192"],
        "48 hours stay as they were"
    );
    assert_eq!(retention::fold_intake(&pool).await, Ok(0));
}

#[tokio::test]
async fn records_for_people_go_after_more_than_a_year() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let mut c = pool.get().await.unwrap();
    c.batch_execute(
        "INSERT INTO provider_configs (id, provider_name, kind, channel)
         VALUES (gen_random_uuid(), 'chat', 'slack', 'chat');
         INSERT INTO notification_metrics (tenant_id, date, hour, provider, message_type)
         SELECT gen_random_uuid(), current_date - age, 1, 'chat', 'chat' FROM unnest(ARRAY[399, 401]) AS age;
         INSERT INTO admin_system_events (created_at, event_type, severity, description, is_resolved, resolved_at)
         SELECT now() - make_interval(days => 500), 'x', 'low', coalesce(age::text, 'open'), age IS NOT NULL,
                now() - make_interval(days => age)
         FROM unnest(ARRAY[399, 401, NULL]) AS age;
         INSERT INTO provider_pauses (provider_id, kind, reason, paused_by, ends_at, ended_at, ended_by)
         SELECT id, 'pause', 'x', 'x', now(), now() - make_interval(days => age), 'x'
         FROM provider_configs, unnest(ARRAY[399, 401]) AS age;
         INSERT INTO audit_logs (action, resource_type, created_at)
         SELECT 'create', 'user', now() - make_interval(days => age) FROM unnest(ARRAY[80, 100]) AS age",
    )
    .await
    .unwrap();
    assert_eq!(old_records::forget(&pool).await, Ok(3));
    let left = "SELECT concat_ws(' ', (SELECT count(*) FROM notification_metrics),
                (SELECT count(*) FROM admin_system_events), (SELECT count(*) FROM provider_pauses)) AS text";
    assert_eq!(lines(&mut c, left).await, ["1 2 1"]);
    assert_eq!(old_records::forget(&pool).await, Ok(0));

    assert_eq!(
        old_records::trim_audit(&pool, 0).await,
        Ok(0),
        "all is kept"
    );
    assert!(
        old_records::trim_audit(&pool, 89).await.is_err(),
        "it is too young"
    );
    assert_eq!(old_records::trim_audit(&pool, 90).await, Ok(1));
    let trail = "SELECT count(*)::text AS text FROM audit_logs";
    assert_eq!(lines(&mut c, trail).await, ["1"]);
}

/// What was done on the tenth of a January, by the last digits of its id: sent, waiting, failed with an open letter, and
/// sent a month later; with what a provider told.
const JANUARY: &str = r#"
    SELECT ensure_partitions('2020-01-10', 1);
    INSERT INTO notifications (id, tenant_id, idempotency_key, message_type, priority, recipient, payload, metadata, attempts,
                               error_message, created_at, status, sent_at, failed_at)
    SELECT overlay(uuid_bound('2020-01-10Z')::text placing lpad(n::text, 12, '0') from 25)::uuid,
           '00000000-0000-7000-8000-000000000001', 'k' || n, 'email', 'low', 'ana@example.com',
           '{"content": {"body": "secret"}, "to": "ana@example.com"}', '{"secret": 1}',
           '[{"at": "2020-01-10T00:00:00Z", "step": "attempt", "provider": "main", "class": "permanent", "code": "550",
              "detail": "secret", "elapsed_ms": 1}]',
           'secret', '2020-01-10Z', status, sent_at::timestamptz, failed_at::timestamptz
    FROM (VALUES (1, 'sent', '2020-01-10Z', NULL), (2, 'pending', NULL, NULL), (3, 'failed', NULL, '2020-01-10Z'),
                 (4, 'sent', '2020-02-10Z', NULL)) AS those (n, status, sent_at, failed_at);
    INSERT INTO notification_dlq (tenant_id, notification_id, failure_reason, retry_history)
    SELECT tenant_id, id, 'no_address', attempts FROM notifications WHERE status = 'failed';
    INSERT INTO email_logs (id, tenant_id, message_type, provider, event, event_id, recipient, detail, raw, occurred_at)
    SELECT overlay(uuid_bound('2020-01-10Z')::text placing lpad(n::text, 12, '0') from 25)::uuid,
           '00000000-0000-7000-8000-000000000001', 'email', 'main', event, event, 'ana@example.com', 'secret',
           '{"secret": 1}', '2020-01-10Z'
    FROM (VALUES (1, 'bounce'), (2, 'unsubscribe')) AS told (n, event);"#;

#[tokio::test]
async fn contents_go_once_what_they_belong_to_has_been_done_for_long_enough() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let mut c = pool.get().await.unwrap();
    c.batch_execute(JANUARY).await.unwrap();
    let at = |moment: &str| moment.parse::<jiff::Timestamp>().unwrap();
    let part = redaction::go_on(&pool, 30, 500, at("2020-02-14T00:00:00Z")).await;
    let first = RedactedPart {
        notifications: 1,
        events: 2,
        is_more: false,
    };
    assert_eq!(part, Ok(first));
    let secrets = "SELECT right(id::text, 1) || status AS text FROM notifications n WHERE n::text LIKE '%secret%' ORDER BY 1";
    assert_eq!(
        lines(&mut c, secrets).await,
        ["2pending", "3failed", "4sent"]
    );
    let kept = "SELECT concat_ws(' ', payload, recipient, attempts #>> '{0,code}', attempts #>> '{0,class}') AS text
                FROM notifications WHERE redacted_at IS NOT NULL";
    assert_eq!(
        lines(&mut c, kept).await,
        [r#"{"redacted": true} 550 permanent"#]
    );
    let told =
        "SELECT concat_ws(' ', event, recipient, detail, raw) AS text FROM email_logs ORDER BY id";
    let wished = "unsubscribe ana@example.com";
    assert_eq!(lines(&mut c, told).await, ["bounce", wished]);

    // The letter is dealt with, and one is stored whose id is old.
    c.batch_execute(
        "UPDATE notification_dlq SET resolved = true, resolved_at = '2020-02-01Z';
         INSERT INTO notifications (id, tenant_id, idempotency_key, message_type, priority, payload, created_at, status)
         VALUES (uuid_bound('2020-01-10Z'), '00000000-0000-7000-8000-000000000001', 'late', 'email', 'low',
                 '{\"secret\": 1}', '2020-01-10Z', 'cancelled')",
    )
    .await
    .unwrap();
    let part = redaction::go_on(&pool, 30, 500, at("2020-03-15T00:00:00Z")).await;
    assert_eq!(part.map(|part| part.notifications), Ok(3));
    assert_eq!(lines(&mut c, secrets).await, ["2pending"], "it is open");
    let waits = "SELECT right(notification_id::text, 1) AS text FROM redaction_waits";
    assert_eq!(lines(&mut c, waits).await, ["2"]);
    let words =
        "SELECT count(*)::text AS text FROM notification_dlq d WHERE d::text LIKE '%secret%'";
    assert_eq!(lines(&mut c, words).await, ["0"]);

    // Nobody sends what is not there.
    let order = Order {
        rate: 10,
        most: 10,
        dry_run: false,
        by: None,
    };
    let replayed = replay::replay(&pool, &LetterFilter::default(), &order, |_| {}).await;
    let replayed = replayed.unwrap();
    assert_eq!(replayed.len(), 1);
    assert_eq!(replayed[0].fate, ReplayFate::Skipped(Skip::Redacted));
    let id = replayed[0].letter.notification_id;
    let content = notifications::content(&mut c, None, id)
        .await
        .unwrap()
        .unwrap();
    assert!(content.is_redacted && content.body.is_err());
}
