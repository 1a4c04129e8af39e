//! Events: the same trouble once, and open for as long as any node has it.

use std::time::Duration;

use diesel_async::AsyncPgConnection;
use herald::domain::{DEFAULT_TENANT, Severity, SystemEvent};
use herald::ops::event_reporter::EventReporter;
use herald::runtime::{Ending, Shutdown, clock};
use herald::store::lease::{LeaseConnection, RunId};
use herald::store::{Database, system_events};
use herald::work::LeaseGate;
use tokio::sync::watch;
use tokio::time::timeout;
use uuid::Uuid;

use crate::database::{TestDatabase, lines};
use crate::outcomes::Outcomes;
use crate::stage::PATIENCE;

const KIND: &str = "outcomes_not_stored";
const ONE: Option<RunId> = Some(RunId(1));
const TWO: Option<RunId> = Some(RunId(2));
const LEASE: Duration = Duration::from_secs(60);

fn trouble(node: &str) -> SystemEvent {
    SystemEvent {
        event_type: KIND.to_owned(),
        severity: Severity::Critical,
        description: "nothing is acknowledged".to_owned(),
        details: [("node".to_owned(), node.into())].into_iter().collect(),
        tenant_id: None,
        user_id: None,
    }
}

fn of(provider: &str) -> SystemEvent {
    SystemEvent {
        details: [("provider".to_owned(), provider.into())]
            .into_iter()
            .collect(),
        ..trouble("")
    }
}

/// All events: whether each is resolved, whose it is, and what it says.
async fn events(c: &mut AsyncPgConnection) -> Vec<String> {
    let all = "SELECT concat_ws(' ', is_resolved, resolved_at IS NOT NULL, runs,
            details ->> 'node', details ->> 'provider') AS text
        FROM notification_schema.admin_system_events ORDER BY id";
    lines(c, all).await
}

#[tokio::test]
async fn recovery_of_one_node_leaves_the_event_of_another_open() {
    let database = TestDatabase::create().await;
    let (pool, mut owner) = (database.pool().await, database.owner().await);
    let mut c = pool.get().await.unwrap();
    for (run, node) in [(ONE, "one"), (TWO, "two"), (TWO, "two")] {
        system_events::open_of(&mut c, run, &trouble(node))
            .await
            .unwrap();
    }
    assert_eq!(events(&mut owner).await, ["f f {1,2} two"]);
    system_events::close_of(&mut c, ONE, KIND, None)
        .await
        .unwrap();
    assert_eq!(events(&mut owner).await, ["f f {2} two"]);
    // Who does not have it has nothing to say.
    system_events::close_of(&mut c, ONE, KIND, None)
        .await
        .unwrap();
    assert_eq!(events(&mut owner).await, ["f f {2} two"]);
    system_events::close_of(&mut c, TWO, KIND, None)
        .await
        .unwrap();
    assert_eq!(events(&mut owner).await, ["t t {} two"]);
    system_events::open_of(&mut c, ONE, &trouble("one"))
        .await
        .unwrap();
    assert_eq!(
        events(&mut owner).await,
        ["t t {} two", "f f {1} one"],
        "it is back"
    );
}

#[tokio::test]
async fn accounts_are_told_apart_and_what_an_older_version_opened_anybody_may_close() {
    let database = TestDatabase::create().await;
    let (pool, mut owner) = (database.pool().await, database.owner().await);
    let mut c = pool.get().await.unwrap();
    system_events::open_of(&mut c, ONE, &of("a")).await.unwrap();
    assert_eq!(system_events::open(&mut c, &of("b")).await, Ok(true));
    assert_eq!(system_events::open(&mut c, &of("b")).await, Ok(false));
    system_events::close_of(&mut c, TWO, KIND, Some("a"))
        .await
        .unwrap();
    system_events::close_of(&mut c, None, KIND, Some("b"))
        .await
        .unwrap();
    assert_eq!(events(&mut owner).await, ["f f {1} a", "t t {} b"]);
}

#[tokio::test]
async fn the_troubles_of_a_run_end_with_it_and_a_younger_run_is_not_taken_for_dead() {
    let database = TestDatabase::create().await;
    let (pool, mut owner) = (database.pool().await, database.owner().await);
    let mut leases = LeaseConnection::open(&pool, LEASE).await.unwrap();
    let (dead, _) = leases.register("dead", "1", LEASE).await.unwrap();
    let younger = Some(RunId(dead.run.0 + 1_000));
    let mut c = pool.get().await.unwrap();
    for (run, event) in [
        (Some(dead.run), trouble("dead")),
        (younger, trouble("younger")),
        (Some(dead.run), of("a")),
    ] {
        system_events::open_of(&mut c, run, &event).await.unwrap();
    }
    system_events::forget_the_ended(&pool).await.unwrap();
    let both = format!("f f {{{},{}}} younger", dead.run.0, dead.run.0 + 1_000);
    assert_eq!(events(&mut owner).await[0], both);
    leases.end(&dead).await.unwrap();
    system_events::forget_the_ended(&pool).await.unwrap();
    let left = format!("f f {{{}}} younger", dead.run.0 + 1_000);
    assert_eq!(events(&mut owner).await, [left.as_str(), "t t {} a"]);
}

/// A node that tells of its trouble.
fn node(
    pool: &Database,
    run: RunId,
    stop: &Shutdown,
) -> (
    watch::Sender<Option<SystemEvent>>,
    impl Future<Output = ()> + use<>,
) {
    let lease_gate = LeaseGate::closed();
    lease_gate.renew(run, clock::uptime());
    let reporter = EventReporter {
        database: pool.clone(),
        lease_gate,
        again: Duration::from_millis(20),
        stop: stop.clone(),
    };
    let trouble = watch::Sender::new(None);
    let told = reporter.tell(KIND, trouble.subscribe());
    (trouble, told)
}

#[tokio::test]
async fn trouble_that_lasts_is_told_again_and_ends_with_the_last_node_that_has_it() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let mut outcomes = Outcomes::watch(&database).await;
    let stop = Shutdown::new();
    let (one, told_by_one) = node(&pool, RunId(1), &stop);
    let (two, told_by_two) = node(&pool, RunId(2), &stop);
    let open = "SELECT count(*) FROM admin_system_events WHERE NOT is_resolved AND runs @> '{2}'";
    let of_both =
        "SELECT count(*) FROM admin_system_events WHERE NOT is_resolved AND runs @> '{1,2}'";
    let look = async {
        one.send_replace(Some(trouble("one")));
        two.send_replace(Some(trouble("two")));
        outcomes.until_count(of_both, 1).await;
        one.send_replace(None);
        outcomes.until_count(of_both, 0).await;
        outcomes.until_count(open, 1).await;
        // Somebody resolves it too early.
        outcomes
            .execute("UPDATE admin_system_events SET is_resolved = true")
            .await;
        outcomes.until_count(open, 1).await;
        two.send_replace(None);
        outcomes.until_count(open, 0).await;
        stop.raise(Ending::Asked);
    };
    let all = async { tokio::join!(look, told_by_one, told_by_two) };
    timeout(PATIENCE, all).await.unwrap();
}

#[tokio::test]
async fn everybody_who_has_the_same_trouble_is_named_up_to_so_many() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let mut c = pool.get().await.unwrap();
    let of = |user_id: Option<Uuid>| SystemEvent {
        tenant_id: Some(DEFAULT_TENANT),
        user_id,
        ..trouble("")
    };
    let people: Vec<Option<Uuid>> = (1..=3).map(|n| Some(Uuid::from_u128(n))).collect();
    let again = [people[1], None, people[0], None];
    for user_id in people.iter().copied().chain(again) {
        system_events::open_with_others(&mut c, &of(user_id))
            .await
            .unwrap();
    }
    let named = "SELECT concat_ws(' ', right(user_id::text, 1), details ->> 'others',
                                       details ->> 'more_than_these') AS text
                 FROM notification_schema.admin_system_events";
    let others = |numbers: &[u32]| {
        let id = |n: &u32| format!("\"00000000-0000-0000-0000-{n:012}\"");
        numbers.iter().map(id).collect::<Vec<_>>().join(", ")
    };
    let expected = format!("1 [{}, \"the tenant\"]", others(&[2, 3]));
    assert_eq!(lines(&mut c, named).await, [expected]);
    for n in 4..200 {
        system_events::open_with_others(&mut c, &of(Some(Uuid::from_u128(n))))
            .await
            .unwrap();
    }
    let many = "SELECT concat_ws(' ', jsonb_array_length(details -> 'others'),
                                      details ->> 'more_than_these') AS text
                FROM notification_schema.admin_system_events";
    assert_eq!(lines(&mut c, many).await, ["64 true"]);
}
