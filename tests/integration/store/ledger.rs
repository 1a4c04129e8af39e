//! The books of an hour: counted from the rows, and again when something of it changes.

use std::sync::Arc;

use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use herald::domain::{Channel, DEFAULT_TENANT, LedgerHour, ledger::hour_of};
use herald::ops::bookkeeping::Bookkeeping;
use herald::runtime::{Shutdown, clock};
use herald::store::lease::RunId;
use herald::store::metrics::{self, HourlyDelta, RollupBatch};
use herald::store::{Database, ledger, notifications, settle};
use herald::telemetry::Metrics;
use jiff::{Timestamp, ToSpan};

use super::fixtures::{people, reservation, sent};
use crate::database::{TestDatabase, lines};

const TENANT: &str = "00000000-0000-7000-8000-000000000001";

/// An hour that was over long ago, and is counted still.
fn past() -> Timestamp {
    hour_of(clock::now()) - 3.hours()
}

/// Ten that came in an hour: one rejected, one repeated, one in flight, one in quarantine, one erased, and five
/// stored; two of them sent, after 1 and 4 seconds.
async fn fill(c: &mut AsyncPgConnection, hour: Timestamp) {
    c.batch_execute(&format!(
        "SET search_path TO notification_schema;
         SELECT ensure_partitions('{hour}'::date, 1);
         INSERT INTO intake (hour, tenant_id, channel, shard, consumed, accepted_api, rejected, duplicates, erased)
         VALUES ('{hour}', '{TENANT}', 'email', 0, 6, 1, 1, 0, 1), ('{hour}', '{TENANT}', 'sms', 1, 2, 1, 0, 1, 0);
         INSERT INTO notifications (id, tenant_id, idempotency_key, message_type, priority, provider, status,
             reason, payload, created_at, sent_at, failed_at)
         SELECT uuid_bound('{hour}'::timestamptz + n * interval '11 minutes'), '{TENANT}', n::text, 'email', 'normal',
                CASE WHEN n < 4 THEN 'main' END, status,
                CASE status WHEN 'cancelled' THEN 'expired' WHEN 'failed' THEN 'no_address'
                            WHEN 'pending' THEN 'retry' END,
                '{{}}', '{hour}'::timestamptz + n * interval '11 minutes',
                CASE status WHEN 'sent' THEN '{hour}'::timestamptz + n * interval '11 minutes' + took END,
                CASE status WHEN 'failed' THEN '{hour}'::timestamptz + interval '59 minutes 59.9 seconds' END
         FROM (VALUES (0, 'sent', interval '1 s'), (1, 'sent', '4 s'), (2, 'failed', NULL),
                      (3, 'cancelled', NULL), (4, 'pending', NULL)) AS rows (n, status, took);
         INSERT INTO notification_deduplication (idempotency_key, notification_id, tenant_id, channel, expires_at)
         SELECT sha256(n::text::bytea), uuid_bound('{hour}'::timestamptz + n * interval '11 minutes'), '{TENANT}',
                'email', now() + interval '1 day' FROM generate_series(0, 5) AS n;
         INSERT INTO notification_quarantine (notification_id, tenant_id, channel, idempotency_key, status,
             settlement, sqlstate, message, run_id)
         VALUES (uuid_bound('{hour}'::timestamptz + interval '30 minutes'), '{TENANT}', 'email', '', 'sent', '',
                 '22000', '', 1)"
    ))
    .await
    .unwrap();
}

async fn counted(pool: &Database) -> Vec<Timestamp> {
    let hours = ledger::to_count(pool, true).await.unwrap();
    let mut over = vec![];
    for hour in hours {
        assert!(ledger::write(pool, hour).await.unwrap());
        over.extend(hour.is_over.then_some(hour.hour));
    }
    over
}

async fn read(pool: &Database, hour: Timestamp) -> Vec<LedgerHour> {
    let read = ledger::read(pool, hour, hour + 1.hours(), None).await;
    read.unwrap()
}

#[tokio::test]
async fn books_of_an_hour_are_counted_from_its_rows_and_balance() {
    let database = TestDatabase::create().await;
    let (pool, mut c) = (database.pool().await, database.owner().await);
    let hour = past();
    fill(&mut c, hour).await;
    let expected = LedgerHour {
        hour,
        tenant_id: DEFAULT_TENANT,
        consumed: 8,
        accepted_api: 2,
        rejected: 1,
        duplicates: 1,
        sent: 2,
        failed: 1,
        cancelled: 1,
        pending: 1,
        in_flight: 1,
        quarantined: 1,
        erased: 1,
    };
    assert_eq!(expected.difference(), 0);
    assert_eq!(
        read(&pool, hour).await,
        [expected],
        "before anybody has counted"
    );
    assert_eq!(ledger::difference(&pool).await, Ok(0));
    assert!(counted(&pool).await.contains(&hour));
    assert_eq!(read(&pool, hour).await, [expected]);
    let other = Some(uuid::Uuid::from_u128(5));
    let of_another = ledger::read(&pool, hour, hour + 1.hours(), other).await;
    assert_eq!(of_another.unwrap(), [], "another tenant's");
    assert!(!counted(&pool).await.contains(&hour), "for good");

    // One is lost: nobody marks that, but what is in flight is looked at until it has ended.
    c.batch_execute(
        "DELETE FROM notifications WHERE status = 'cancelled';
         UPDATE counted_hours SET counted_at = counted_at - interval '11 minutes'",
    )
    .await
    .unwrap();
    // Its key is there still: what began and was not stored is in flight.
    assert_eq!(read(&pool, hour).await[0].in_flight, 2);
    c.batch_execute("DELETE FROM notification_deduplication WHERE idempotency_key = sha256('3')")
        .await
        .unwrap();
    assert!(counted(&pool).await.contains(&hour));
    assert_eq!(ledger::difference(&pool).await, Ok(1));
    assert_eq!(read(&pool, hour).await[0].difference(), 1);
}

const ROLLUP: &str =
    "SELECT concat_ws(' ', provider, total_sent, total_failed, total_pending, delivery_ms_total,
        delivery_counts) AS text
    FROM notification_metrics ORDER BY provider";

#[tokio::test]
async fn rollups_of_an_hour_that_is_over_are_counted_from_the_rows_whatever_was_added_up() {
    let database = TestDatabase::create().await;
    let (pool, mut c) = (database.pool().await, database.owner().await);
    let hour = past();
    fill(&mut c, hour).await;
    let delta = |at| HourlyDelta {
        tenant_id: DEFAULT_TENANT,
        at,
        provider: "gone".to_owned(),
        channel: Channel::Email,
        sent: 7,
        failed: 0,
        pending: 0,
        delivery_ms: 5,
    };
    let batch = |number, at| RollupBatch {
        run: RunId(1),
        number,
        deltas: vec![delta(at)],
    };
    // A node that died told of some and not of others.
    let told = format!(
        "INSERT INTO notification_metrics (tenant_id, date, hour, provider, message_type, total_sent)
         SELECT '{TENANT}', (at AT TIME ZONE 'UTC')::date, extract(hour FROM at AT TIME ZONE 'UTC'), 'told', 'email', 9
         FROM (SELECT '{hour}'::timestamptz AS at) h"
    );
    c.batch_execute(&told).await.unwrap();
    assert!(counted(&pool).await.contains(&hour));
    let rollup = [" 0 0 1 0 {}", "main 2 1 0 5000 {1,1}", "told 0 0 0 0"];
    assert_eq!(lines(&mut c, ROLLUP).await, rollup);
    let add = metrics::add(&mut pool.get().await.unwrap(), &batch(1, hour)).await;
    add.unwrap();
    assert_eq!(lines(&mut c, ROLLUP).await, rollup, "too late to be added");
    let add = metrics::add(&mut pool.get().await.unwrap(), &batch(2, clock::now())).await;
    add.unwrap();
    let this_hour =
        "SELECT total_sent::text AS text FROM notification_metrics WHERE provider = 'gone'";
    assert_eq!(lines(&mut c, this_hour).await, ["7"]);
}

#[tokio::test]
async fn an_outcome_that_is_stored_late_finds_its_hour() {
    let database = TestDatabase::create().await;
    let (pool, mut c) = (database.pool().await, database.owner().await);
    let hour = past();
    fill(&mut c, hour).await;
    counted(&pool).await;
    let person = people(&mut pool.get().await.unwrap(), 1).await[0];
    let mut late = sent(&reservation(person, &[]));
    (late.decided_at, late.provider) = (hour + 50.minutes(), Some("main".to_owned()));
    late.notification.created_at = hour + 49.minutes();
    late.notification.id = notifications::bound(hour + 49.minutes());
    let settled = settle::settle(&pool, &[&late], clock::instant()).await;
    assert_eq!(settled.unwrap().stored(), 1);
    assert_eq!(counted(&pool).await, [hour], "it alone");
    let main = lines(&mut c, ROLLUP).await;
    assert!(
        main.contains(&"main 3 1 0 65000 {1,1,1}".to_owned()),
        "{main:?}"
    );
    assert_eq!(counted(&pool).await, []);
}

#[tokio::test]
async fn what_providers_tell_late_finds_the_hour_in_which_it_happened() {
    let database = TestDatabase::create().await;
    let (pool, mut c) = (database.pool().await, database.owner().await);
    let hour = past();
    fill(&mut c, hour).await;
    counted(&pool).await;
    let told = format!(
        "INSERT INTO email_logs (tenant_id, message_type, provider, event, event_id, occurred_at)
         SELECT '{TENANT}', 'email', 'main', event, event, '{hour}'::timestamptz + interval '30 minutes'
         FROM unnest(ARRAY['delivered', 'bounce', 'soft_bounce', 'open', 'machine_open', 'complaint']) AS event;
         INSERT INTO counted_hours AS c (hour, marks) VALUES ('{hour}', 1)
         ON CONFLICT (hour) DO UPDATE SET marks = c.marks + 1"
    );
    c.batch_execute(&told).await.unwrap();
    assert_eq!(counted(&pool).await, [hour]);
    let figures = "SELECT concat_ws(' ', provider, total_delivered, total_bounced, total_complained, total_opened,
            total_clicked, total_unsubscribed, total_sent) AS text
        FROM notification_metrics ORDER BY provider";
    assert_eq!(
        lines(&mut c, figures).await,
        [" 0 0 0 0 0 0 0", "main 1 2 1 1 0 0 2"]
    );
    c.batch_execute("DELETE FROM email_logs; UPDATE counted_hours SET marks = marks + 1")
        .await
        .unwrap();
    assert!(counted(&pool).await.contains(&hour));
    assert_eq!(
        lines(&mut c, figures).await,
        [" 0 0 0 0 0 0 0", "main 0 0 0 0 0 0 2"]
    );
}

/// Providers may tell for a month; the books of so old an hour are closed, for what came in is folded by then.
#[tokio::test]
async fn what_is_told_days_later_finds_its_hour_and_leaves_its_books() {
    let database = TestDatabase::create().await;
    let (pool, mut c) = (database.pool().await, database.owner().await);
    let hour = hour_of(clock::now()) - 240.hours();
    fill(&mut c, hour).await;
    c.batch_execute(&format!(
        "INSERT INTO email_logs (tenant_id, message_type, provider, event, event_id, occurred_at)
         VALUES ('{TENANT}', 'email', 'main', 'delivered', '1', '{hour}'::timestamptz + interval '30 minutes');
         INSERT INTO counted_hours (hour, marks) VALUES ('{hour}', 1), ('{hour}'::timestamptz - interval '40 days', 1)"
    ))
    .await
    .unwrap();
    let first = counted(&pool).await;
    assert!(first.contains(&hour), "while its rows are there: {first:?}");
    assert!(!first.contains(&(hour - 960.hours())), "for a month");
    let figures = "SELECT concat_ws(' ', provider, total_sent, total_delivered) AS text FROM notification_metrics
        ORDER BY provider";
    let figures = lines(&mut c, figures).await;
    assert!(figures.contains(&"main 2 1".to_owned()), "{figures:?}");
    let books = "SELECT count(*)::text AS text FROM ledger_hours";
    assert_eq!(lines(&mut c, books).await, ["0"]);
    assert!(counted(&pool).await.is_empty(), "once");
    // Once its rows are dropped, what was counted stays.
    c.batch_execute("DELETE FROM notifications; UPDATE counted_hours SET marks = marks + 1")
        .await
        .unwrap();
    assert!(!counted(&pool).await.contains(&hour));
}

/// Whoever reads a snapshot is turned away where others have written since: the books read one, the events of a running
/// hour must not.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_told_in_the_running_hour_is_counted_while_nodes_add_to_it() {
    let database = TestDatabase::create().await;
    let (pool, mut c) = (database.pool().await, database.owner().await);
    let hour = hour_of(clock::now());
    fill(&mut c, hour).await;
    let added = format!(
        "INSERT INTO email_logs (tenant_id, message_type, provider, event, event_id, occurred_at)
         VALUES ('{TENANT}', 'email', 'main', 'delivered', '1', '{hour}');
         INSERT INTO notification_metrics (tenant_id, date, hour, provider, message_type, total_sent)
         SELECT '{TENANT}', (at AT TIME ZONE 'UTC')::date, extract(hour FROM at AT TIME ZONE 'UTC'), 'main', 'email', 1
         FROM (SELECT '{hour}'::timestamptz AS at) h;
         CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql SET lock_timeout = '30s' AS
             $$ BEGIN PERFORM pg_advisory_xact_lock(7); RETURN NULL; END $$;
         CREATE TRIGGER wait AFTER INSERT ON ledger_hours EXECUTE FUNCTION wait();
         SELECT pg_advisory_lock(7)"
    );
    c.batch_execute(&added).await.unwrap();
    let hours = ledger::to_count(&pool, false).await.unwrap();
    let running = hours.into_iter().find(|it| it.hour == hour).unwrap();
    let meanwhile = async {
        let waits = "SELECT count(*)::text AS text FROM pg_locks
            WHERE locktype = 'advisory' AND NOT granted AND objid = 7
              AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        while lines(&mut c, waits).await != ["1"] {}
        c.batch_execute(
            "UPDATE notification_metrics SET total_sent = total_sent + 1; SELECT pg_advisory_unlock(7)",
        )
        .await
        .unwrap();
    };
    let (written, ()) = tokio::join!(ledger::write(&pool, running), meanwhile);
    assert_eq!(written, Ok(true));
    let figures = "SELECT concat_ws(' ', provider, total_sent, total_delivered) AS text FROM notification_metrics";
    assert_eq!(lines(&mut c, figures).await, ["main 2 1"]);
}

#[tokio::test]
async fn an_hour_that_cannot_be_counted_delays_no_later_one() {
    let database = TestDatabase::create().await;
    let (pool, mut c) = (database.pool().await, database.owner().await);
    let (bad, good) = (past(), past() + 1.hours());
    for hour in [bad, good] {
        c.batch_execute(&format!(
            "SET search_path TO notification_schema;
             INSERT INTO intake (hour, tenant_id, channel, shard, consumed) VALUES ('{hour}', '{TENANT}', 'email', 0, 2)"
        ))
        .await
        .unwrap();
    }
    c.batch_execute(&format!(
        "ALTER TABLE ledger_hours ADD CONSTRAINT no CHECK (hour <> '{bad}')"
    ))
    .await
    .unwrap();
    let books = Bookkeeping {
        database: pool.clone(),
        metrics: Arc::new(Metrics::new()),
        stop: Shutdown::new(),
    };
    assert!(books.look(true).await.is_err(), "it is told");
    assert_eq!(read(&pool, good).await[0].difference(), 2);
    assert_eq!(ledger::difference(&pool).await, Ok(2));
}

#[tokio::test]
async fn hours_in_which_nothing_was_are_closed_together() {
    let database = TestDatabase::create().await;
    let (pool, mut c) = (database.pool().await, database.owner().await);
    let hour = past();
    fill(&mut c, hour).await;
    ledger::close_empty(&pool).await.unwrap();
    let left = ledger::to_count(&pool, true).await.unwrap();
    let left: Vec<_> = left.iter().map(|it| it.hour).collect();
    assert!(left.contains(&hour), "{left:?}");
    assert!(left.len() <= 4, "it, and the hours that may run: {left:?}");
    // What comes late marks it, as any other.
    let empty = hour - 5.hours();
    c.batch_execute(&format!(
        "UPDATE counted_hours SET marks = marks + 1 WHERE hour = '{empty}'"
    ))
    .await
    .unwrap();
    assert!(counted(&pool).await.contains(&empty));
}

#[tokio::test]
async fn of_two_nodes_one_counts() {
    let database = TestDatabase::create().await;
    let (pool, mut c) = (database.pool().await, database.owner().await);
    let hour = past();
    fill(&mut c, hour).await;
    let hours = ledger::to_count(&pool, false).await.unwrap();
    let first = hours.into_iter().find(|it| it.hour == hour).unwrap();
    c.batch_execute("BEGIN; SELECT pg_advisory_xact_lock(79462569954374)")
        .await
        .unwrap();
    assert_eq!(ledger::write(&pool, first).await, Ok(false));
    c.batch_execute("COMMIT").await.unwrap();
    assert_eq!(ledger::write(&pool, first).await, Ok(true));
}
