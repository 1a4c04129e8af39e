//! Until when a run lives, and what is taken over from one that died.

use std::time::Duration;

use diesel_async::SimpleAsyncConnection;
use herald::domain::{AttemptRecord, Channel, DEFAULT_TENANT, Lane, Priority, Step};
use herald::runtime::clock;
use herald::store::Database;
use herald::store::due::{self, Taking, WaitsFor, Wanted};
use herald::store::lease::{Buried, LONGEST_LEASE, LeaseConnection, MARGIN, RegisteredRun, RunId};
use herald::store::takes::TakeId;
use uuid::Uuid;

use super::fixtures::people;
use crate::database::{TestDatabase, lines};

const DEAD: RunId = RunId(900);
const HEIR: RunId = RunId(901);
const NEXT: RunId = RunId(902);
const LEASE: Duration = Duration::from_secs(60);

pub(super) async fn registered(pool: &Database, node: &str) -> (LeaseConnection, RegisteredRun) {
    let mut connection = LeaseConnection::open(pool, LEASE).await.unwrap();
    let (run, now) = connection.register(node, "1", LEASE).await.unwrap();
    let apart = clock::now().duration_since(now).abs();
    assert!(apart < jiff::SignedDuration::from_secs(30), "{apart:?}");
    (connection, run)
}

#[tokio::test]
async fn a_run_whose_time_is_over_by_the_databases_clock_is_ended_by_another_and_stays_so() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let mut c = pool.get().await.unwrap();
    let (mut one, run) = registered(&pool, "one").await;
    let (mut two, _) = registered(&pool, "two").await;
    assert_eq!(two.bury().await, Ok(vec![]), "both live");

    // Late, but nobody has taken it for dead: its heartbeat counts.
    let over = format!(
        "UPDATE engine_nodes SET lives_until = clock_timestamp() WHERE run_id = {}",
        run.run.0
    );
    c.batch_execute(&over).await.unwrap();
    assert!(one.beat(&run, LEASE).await.unwrap().is_some());
    assert_eq!(two.bury().await, Ok(vec![]));

    c.batch_execute(&over).await.unwrap();
    let buried = Buried {
        run: run.run,
        node_name: "one".to_owned(),
    };
    assert_eq!(two.bury().await, Ok(vec![buried]));
    assert_eq!(one.beat(&run, LEASE).await, Ok(None), "it comes back");
    let ended = "SELECT node_name AS text FROM engine_nodes WHERE ended_at IS NOT NULL";
    assert_eq!(lines(&mut c, ended).await, ["one"]);
}

/// As after the server's clock was set back: a dead run would live on for as long.
#[tokio::test]
async fn a_run_lives_no_longer_than_the_longest_lease_from_now_on() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let mut c = pool.get().await.unwrap();
    let (_dead, run) = registered(&pool, "dead").await;
    let (mut other, _) = registered(&pool, "other").await;
    let ahead = format!(
        "UPDATE engine_nodes SET lives_until = now() + interval '3 days' WHERE run_id = {}",
        run.run.0
    );
    c.batch_execute(&ahead).await.unwrap();
    assert_eq!(
        other.bury().await,
        Ok(vec![]),
        "it may live, and says so soon"
    );
    let left = LONGEST_LEASE + MARGIN;
    let passes = format!(
        "UPDATE engine_nodes SET lives_until = lives_until - interval '{} seconds' WHERE run_id = {}",
        left.as_secs(),
        run.run.0
    );
    c.batch_execute(&passes).await.unwrap();
    let buried: Vec<RunId> = other
        .bury()
        .await
        .unwrap()
        .iter()
        .map(|it| it.run)
        .collect();
    assert_eq!(buried, [run.run]);
}

#[tokio::test]
async fn a_session_that_ends_ends_no_run() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let (one, run) = registered(&pool, "one").await;
    drop(one);
    let (mut two, _) = registered(&pool, "two").await;
    assert_eq!(two.bury().await, Ok(vec![]));
    assert!(two.beat(&run, LEASE).await.unwrap().is_some());
    two.end(&run).await.unwrap();
    assert_eq!(two.beat(&run, LEASE).await, Ok(None));
}

/// As after a restore from a backup: the row is gone, or its number is another run's.
#[tokio::test]
async fn a_run_whose_row_is_gone_or_is_anothers_holds_no_lease() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let mut owner = database.owner().await;
    let (mut one, run) = registered(&pool, "one").await;
    let gone = "DELETE FROM notification_schema.engine_nodes";
    owner.batch_execute(gone).await.unwrap();
    assert_eq!(one.beat(&run, LEASE).await, Ok(None));
    let anothers = format!(
        "INSERT INTO notification_schema.engine_nodes (run_id, node_name, version)
         OVERRIDING SYSTEM VALUE VALUES ({}, 'one', '1')",
        run.run.0
    );
    owner.batch_execute(&anothers).await.unwrap();
    assert_eq!(one.beat(&run, LEASE).await, Ok(None));
    one.end(&run).await.unwrap();
    let left = "SELECT count(*)::text AS text FROM notification_schema.engine_nodes
                WHERE ended_at IS NULL";
    assert_eq!(lines(&mut owner, left).await, ["1"]);
}

#[tokio::test]
async fn a_row_that_is_taken_from_a_dead_run_says_so_until_it_ends() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let mut c = pool.get().await.unwrap();
    let user = people(&mut c, 1).await[0];
    let [orphan, free] = [Uuid::now_v7(), Uuid::now_v7()];
    let key = "00".repeat(32);
    let row = |id: Uuid, owner: &str| {
        format!(
            "('{id}', '{DEFAULT_TENANT}', '{user}', '{key}', 'email', 'normal', 'pending', 'retry',
              '{{\"content\": {{\"body\": \"hello\"}}}}', now() - interval '1 minute', {owner})"
        )
    };
    let rows = [row(orphan, "900"), row(free, "NULL")].join(",");
    let insert = format!(
        "INSERT INTO notifications (id, tenant_id, user_id, idempotency_key, message_type, priority,
             status, reason, payload, due_at, owner) VALUES {rows}"
    );
    c.batch_execute(&insert).await.unwrap();
    let lane = Lane::new(Channel::Email, Priority::Normal);
    let now = clock::now();
    let taking = |run| Taking {
        run,
        take: TakeId::of(run, 0),
        refusing: &[],
    };
    let wanted = Wanted {
        lane,
        most: 10,
        since: now - jiff::SignedDuration::from_hours(1),
        suspect: false,
    };
    let taken = due::take(&pool, taking(HEIR), now, &[wanted])
        .await
        .unwrap();
    assert!(taken.unreadable.is_empty());
    let timeline = |id: Uuid| {
        let mut found = taken.notifications.iter();
        found.find(|one| one.id == id).unwrap().attempts.clone()
    };
    assert_eq!(timeline(orphan), [AttemptRecord::node_died(now, DEAD.0)]);
    assert_eq!(timeline(free), []);

    // The heir gives it back, and nobody knows less for it.
    let give_back = "UPDATE notifications SET owner = NULL";
    c.batch_execute(give_back).await.unwrap();
    let lanes = [lane];
    let again = due::probe(&pool, taking(NEXT), now, &lanes, &[WaitsFor::Any])
        .await
        .unwrap();
    let [again] = again.notifications.as_slice() else {
        panic!("a probe is one");
    };
    let died = |record: &AttemptRecord| matches!(record.step, Step::NodeDied { run: 900 });
    assert_eq!(
        again.attempts.iter().filter(|one| died(one)).count(),
        usize::from(again.id == orphan)
    );
    let stored = "SELECT attempts -> 0 ->> 'run' AS text FROM notifications
                  WHERE attempts <> '[]'";
    assert_eq!(lines(&mut c, stored).await, ["900"]);
}
