//! Until when a run lives, and what is taken over from one that died.

use std::time::Duration;

use diesel_async::SimpleAsyncConnection;
use herald::domain::{
    AttemptRecord, Channel, ContentHash, DEFAULT_TENANT, KeyHash, Lane, Priority, Step,
};
use herald::runtime::clock;
use herald::store::Database;
use herald::store::claims::{self, Claim, ClaimRequest, Claimant, TakenOver};
use herald::store::due::{self, Taking, Wanted};
use herald::store::lease::{Buried, LeaseConnection, Registered, RunId};
use herald::store::takes::TakeId;
use uuid::Uuid;

use super::frequency::people;
use crate::database::{TestDatabase, lines};

const SAID: ContentHash = ContentHash([1; 32]);
const WINDOW: Duration = Duration::from_secs(60);
const DEAD: RunId = RunId(900);
const HEIR: RunId = RunId(901);
const NEXT: RunId = RunId(902);
const LEASE: Duration = Duration::from_secs(60);

async fn registered(pool: &Database, node: &str) -> (LeaseConnection, Registered) {
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
async fn only_runs_that_died_with_a_message_in_hand_count_against_it() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let mut c = pool.get().await.unwrap();
    let mut runs = vec![];
    for name in ["died", "died too", "ended", "heir"] {
        runs.push(registered(&pool, name).await.1.run);
    }
    let [died, too, ended, heir] = runs[..] else {
        panic!("{runs:?}")
    };
    // In good order while its lease lasts, or by another once it is over.
    let end = "UPDATE engine_nodes SET ended_at = now() WHERE node_name = 'ended';
               UPDATE engine_nodes SET ended_at = now(), lives_until = now()
               WHERE node_name LIKE 'died%'";
    c.batch_execute(end).await.unwrap();
    let key = KeyHash([8; 32]);
    assert_eq!(claims::crashes(&pool, key).await, Ok(None));
    let request = ClaimRequest {
        key,
        content: SAID,
        notification_id: Uuid::now_v7(),
        tenant_id: DEFAULT_TENANT,
        channel: Channel::Email,
    };
    let claimant = Claimant {
        run: died,
        worker: 0,
        now: clock::now(),
    };
    claims::claim(&pool, claimant, WINDOW, &[request])
        .await
        .unwrap();
    // From whom, to whom, and what it counts then.
    for (from, to, crashes) in [
        (died, too, 1),
        (too, too, 1),
        (too, ended, 2),
        (ended, heir, 2),
    ] {
        let taken = claims::take_over(&pool, (key, SAID), Some(from), to, WINDOW).await;
        assert!(taken.unwrap().is_some());
        assert_eq!(claims::crashes(&pool, key).await, Ok(Some(crashes)));
    }
    let give_back = "UPDATE notification_deduplication SET owner = NULL";
    c.batch_execute(give_back).await.unwrap();
    let taken = claims::take_over(&pool, (key, SAID), None, heir, WINDOW).await;
    assert!(taken.unwrap().is_some());
    assert_eq!(
        claims::crashes(&pool, key).await,
        Ok(Some(2)),
        "it was given back"
    );
}

#[tokio::test]
async fn a_claim_remembers_the_run_that_died_with_it_when_the_heir_gives_it_back() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let key = KeyHash([7; 32]);
    let request = ClaimRequest {
        key,
        content: SAID,
        notification_id: Uuid::now_v7(),
        tenant_id: DEFAULT_TENANT,
        channel: Channel::Email,
    };
    let claimant = Claimant {
        run: DEAD,
        worker: 0,
        now: clock::now(),
    };
    let claims = claims::claim(&pool, claimant, WINDOW, &[request]).await;
    assert_eq!(claims.unwrap()[&key], Claim::New);

    let take = |from, to| claims::take_over(&pool, (key, SAID), from, to, WINDOW);
    let died = |run| Some(TakenOver { died: Some(run) });
    assert_eq!(take(Some(NEXT), HEIR).await, Ok(None), "not the owner");
    // Given back by whoever lived: nothing was sent.
    assert_eq!(
        take(Some(DEAD), DEAD).await,
        Ok(Some(TakenOver { died: None }))
    );
    assert_eq!(take(Some(DEAD), HEIR).await, Ok(died(DEAD)));
    assert_eq!(
        take(Some(HEIR), HEIR).await,
        Ok(died(DEAD)),
        "a lost answer"
    );
    let mut c = pool.get().await.unwrap();
    let give_back = "UPDATE notification_deduplication SET owner = NULL";
    c.batch_execute(give_back).await.unwrap();
    assert_eq!(take(None, NEXT).await, Ok(died(DEAD)));
    assert_eq!(take(Some(NEXT), HEIR).await, Ok(died(NEXT)));
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
        suspect: false,
    };
    let wanted = Wanted {
        lane,
        most: 10,
        since: now - jiff::SignedDuration::from_hours(1),
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
    let again = due::probe(&pool, taking(NEXT), now, &lanes).await.unwrap();
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
