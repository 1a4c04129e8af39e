//! Rows of runs: listed by indexes, kept for as long as is said, and gone with their person.

use std::time::Duration;

use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use herald::domain::DEFAULT_TENANT;
use herald::store::recipients::{erase, export};
use herald::store::runs::desk::{self, RunFilter};
use herald::store::runs::keep;
use jiff::Timestamp;
use uuid::Uuid;

use crate::database::{TestDatabase, lines};

const COUNTS: &str = "SELECT concat_ws(' ', (SELECT count(*) FROM notification_schema.events),
    (SELECT count(*) FROM notification_schema.workflow_runs), (SELECT count(*) FROM notification_schema.digests),
    (SELECT count(*) FROM notification_schema.digest_items), (SELECT count(*) FROM notification_schema.throttles))
    AS text";
/// An id of a moment so many seconds after 2027 began.
const ID_AT: &str =
    "CREATE FUNCTION pg_temp.id_at(seconds bigint, n bigint) RETURNS uuid LANGUAGE sql AS $$
    SELECT (lpad(to_hex(1798761600000 + seconds * 1000), 12, '0') || '7000' || 'b'
        || lpad(to_hex(n), 15, '0'))::uuid $$;";

/// A workflow, and a connection that has `id_at`.
async fn prepared(database: &TestDatabase) -> (AsyncPgConnection, Uuid) {
    let (mut owner, workflow) = (database.owner().await, Uuid::now_v7());
    let made = format!(
        "SET search_path TO notification_schema; {ID_AT}
         INSERT INTO workflows (id, tenant_id, name, version, state, definition)
             VALUES ('{workflow}', '{DEFAULT_TENANT}', 'greet', 1, 'published', '{{}}')"
    );
    owner.batch_execute(&made).await.unwrap();
    (owner, workflow)
}

/// Events `from` to `to`, each of its second.
fn events(from: u32, to: u32) -> String {
    format!(
        "INSERT INTO events (id, tenant_id, source, event_id, kind, happened_at, said, data)
             SELECT pg_temp.id_at(n, n), '{DEFAULT_TENANT}', '/desk', n::text, 'said', now(),
                 decode(repeat('00', 32), 'hex'), '{{}}'
             FROM generate_series({from}, {to}) AS n"
    )
}

/// How many rows of runs a page reads, and has.
async fn read_by(c: &mut AsyncPgConnection, filter: &RunFilter) -> (usize, usize) {
    // The view counts what the session has not told yet, too: so before and after.
    let read = "SELECT (seq_tup_read + idx_tup_fetch)::text AS text FROM pg_stat_xact_user_tables
                WHERE schemaname = 'notification_schema' AND relname = 'workflow_runs'";
    c.batch_execute("BEGIN").await.unwrap();
    let before: usize = lines(c, read).await[0].parse().unwrap();
    let found = desk::page(c, DEFAULT_TENANT, filter, None, 51).await;
    let after: usize = lines(c, read).await[0].parse().unwrap();
    c.batch_execute("ROLLBACK").await.unwrap();
    (after - before, found.unwrap().len())
}

#[tokio::test]
async fn no_list_of_runs_walks_over_all_of_them() {
    let database = TestDatabase::create().await;
    let (mut owner, workflow) = prepared(&database).await;
    let (pool, person) = (database.pool().await, Uuid::now_v7());
    let made = format!(
        "{}; INSERT INTO workflow_runs (id, tenant_id, workflow_id, workflow, event_id, user_id, key, status, reason)
             SELECT pg_temp.id_at(CASE WHEN n % 3 = 0 THEN 1 ELSE n END, 1000 + n), '{DEFAULT_TENANT}', '{workflow}',
                 CASE WHEN n < 200 THEN 'rare' ELSE 'usual' END,
                 CASE WHEN n % 3 = 0 THEN pg_temp.id_at(1, 1) ELSE pg_temp.id_at(n, n) END,
                 CASE WHEN n % 300 = 7 THEN '{person}' ELSE gen_random_uuid() END, (n % 1000)::text,
                 CASE WHEN n < 150 THEN 'failed' ELSE 'finished' END,
                 CASE WHEN n < 100 THEN 'null_key' WHEN n < 150 THEN 'too_deep' ELSE 'completed' END
             FROM generate_series(1, 30000) AS n;
         ANALYZE workflow_runs; ANALYZE events",
        events(1, 30_000)
    );
    owner.batch_execute(&made).await.unwrap();
    let mut c = pool.get().await.unwrap();
    let word = |word: &str| Some(word.to_owned());
    let at = |seconds: i64| Some(Timestamp::from_second(1_798_761_600 + seconds).unwrap());
    let all = RunFilter::default();
    for (name, filter, rows) in [
        ("all", all.clone(), 51),
        (
            "workflow",
            RunFilter {
                workflow: word("rare"),
                ..all.clone()
            },
            51,
        ),
        (
            "usual workflow",
            RunFilter {
                workflow: word("usual"),
                ..all.clone()
            },
            51,
        ),
        (
            "status",
            RunFilter {
                status: word("failed"),
                ..all.clone()
            },
            51,
        ),
        (
            "no such status",
            RunFilter {
                status: word("cancelled"),
                ..all.clone()
            },
            0,
        ),
        (
            "reason",
            RunFilter {
                reason: word("null_key"),
                ..all.clone()
            },
            51,
        ),
        (
            "key",
            RunFilter {
                key: word("7"),
                ..all.clone()
            },
            30,
        ),
        (
            "person",
            RunFilter {
                user_id: Some(person),
                ..all.clone()
            },
            51,
        ),
        (
            "until",
            RunFilter {
                until: at(100),
                ..all.clone()
            },
            51,
        ),
        (
            "since",
            RunFilter {
                since: at(29_990),
                ..all.clone()
            },
            7,
        ),
        (
            "workflow until",
            RunFilter {
                workflow: word("rare"),
                until: at(100),
                ..all.clone()
            },
            51,
        ),
        (
            "status of a workflow",
            RunFilter {
                workflow: word("usual"),
                status: word("failed"),
                ..all.clone()
            },
            0,
        ),
    ] {
        let (read, found) = read_by(&mut c, &filter).await;
        assert_eq!(found, rows, "{name}");
        assert!(read <= 250, "{name}: {read} rows are read");
    }
    // Of an event of very many, too, a page is enough.
    let event = "SELECT pg_temp.id_at(1, 1)::text AS text";
    let event_id = lines(&mut owner, event).await[0].parse().ok();
    let (read, found) = read_by(&mut c, &RunFilter { event_id, ..all }).await;
    assert_eq!((found, read <= 250), (51, true), "{read}");
}

#[tokio::test]
async fn events_and_runs_are_kept_for_their_time_and_go_in_small_parts() {
    let database = TestDatabase::create().await;
    let (mut owner, workflow) = prepared(&database).await;
    let pool = database.pool().await;
    // Ids as they are now: of ten events whose run ended eight days ago, one that waits, one that ended today, one without a
    // run, and one that is young.
    let made = format!(
        "INSERT INTO events (id, tenant_id, source, event_id, kind, happened_at, said, data)
             SELECT (lpad(to_hex(floor(extract(epoch FROM now() - make_interval(days =>
                     CASE WHEN n = 13 THEN 1 ELSE 8 END)) * 1000)::bigint), 12, '0') || '7000b' || lpad(to_hex(n), 15, '0'))::uuid,
                 '{DEFAULT_TENANT}', '/desk', n::text, 'said', now(), decode(repeat('00', 32), 'hex'), '{{}}'
             FROM generate_series(1, 13) AS n;
         INSERT INTO workflow_runs (id, tenant_id, workflow_id, workflow, event_id, status, reason, finished_at)
             SELECT gen_random_uuid(), '{DEFAULT_TENANT}', '{workflow}', 'greet', id,
                 CASE WHEN event_id = '11' THEN 'waiting' ELSE 'finished' END,
                 CASE WHEN event_id <> '11' THEN 'completed' END,
                 CASE WHEN event_id = '12' THEN now() WHEN event_id <> '11' THEN now() - interval '8 days' END
             FROM events WHERE event_id <> '13'"
    );
    owner.batch_execute(&made).await.unwrap();
    let mut c = pool.get().await.unwrap();
    let mut parts = 0;
    while keep::remove(&mut c, Duration::from_secs(7 * 86_400), 4)
        .await
        .unwrap()
    {
        parts += 1;
    }
    assert!(parts >= 2, "ten runs in parts of four: {parts}");
    let left = "SELECT event_id AS text FROM notification_schema.events ORDER BY 1";
    assert_eq!(lines(&mut owner, left).await, ["11", "12", "13"]);
    assert_eq!(lines(&mut owner, COUNTS).await, ["3 2 0 0 0"]);
}

#[tokio::test]
async fn a_person_of_very_many_runs_is_told_and_forgotten_in_parts_and_others_keep_what_is_theirs()
{
    let database = TestDatabase::create().await;
    let (mut owner, workflow) = prepared(&database).await;
    let pool = database.pool().await;
    let (ana, ben, digest) = (Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7());
    // 6,000 events that tell Ana, of which one tells Ben as well.
    let made = format!(
        "{}; INSERT INTO users (id, tenant_id) VALUES ('{ana}', '{DEFAULT_TENANT}'), ('{ben}', '{DEFAULT_TENANT}');
         INSERT INTO workflow_runs (id, tenant_id, workflow_id, workflow, event_id, user_id, status, reason, digest_id)
             SELECT pg_temp.id_at(n, 10000 + n), '{DEFAULT_TENANT}', '{workflow}', 'greet', pg_temp.id_at(n, n), '{ana}',
                 'finished', 'joined_digest', '{digest}' FROM generate_series(1, 6000) AS n;
         INSERT INTO workflow_runs (id, tenant_id, workflow_id, workflow, event_id, user_id, status, reason)
             VALUES (pg_temp.id_at(1, 20000), '{DEFAULT_TENANT}', '{workflow}', 'greet', pg_temp.id_at(1, 1), '{ben}',
                 'finished', 'completed');
         INSERT INTO digests (id, tenant_id, workflow, slot, user_id, key, came, opened_at, closes_at, closes_by)
             VALUES ('{digest}', '{DEFAULT_TENANT}', 'greet', '1', '{ana}', '', 6000, now(), now(), now());
         INSERT INTO digest_items (digest_id, run_id, event_id, sequence, brought_by)
             SELECT '{digest}', r.id, r.event_id, e.sequence, r.id
             FROM workflow_runs r JOIN events e ON e.id = r.event_id WHERE r.user_id = '{ana}';
         INSERT INTO throttles (tenant_id, user_id, scope, key, since, until, went)
             VALUES ('{DEFAULT_TENANT}', '{ana}', 'x', '', now(), now() + interval '1 day', 1);
         ANALYZE workflow_runs; ANALYZE events; ANALYZE digest_items",
        events(1, 6_000)
    );
    owner.batch_execute(&made).await.unwrap();
    assert_eq!(lines(&mut owner, COUNTS).await, ["6000 6001 1 6000 1"]);
    let mut c = pool.get().await.unwrap();
    for (name, rows) in [
        ("workflow_runs", 6_000),
        ("events", 6_000),
        ("digests", 1),
        ("digest_items", 6_000),
        ("throttles", 1),
    ] {
        let section = export::SECTIONS.iter().find(|it| it.name == name).unwrap();
        let (mut after, mut told) = (Uuid::nil(), 0);
        while let Some((page, last)) = export::page(&mut c, (DEFAULT_TENANT, ana), *section, after)
            .await
            .unwrap()
        {
            (after, told) = (last, told + page.len());
        }
        assert_eq!(told, rows, "{name}");
    }
    c.batch_execute("BEGIN").await.unwrap();
    erase::erase(&mut c, None, ana).await.unwrap();
    c.batch_execute("COMMIT").await.unwrap();
    assert_eq!(
        lines(&mut owner, COUNTS).await,
        ["1 1 0 0 0"],
        "what Ben was told of stays"
    );
}
