//! The scheduler and channels whose every account is tripped.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use herald::cache::recipients::RecipientCache;
use herald::cache::templates::TemplateCache;
use herald::delivery::cap_reservations::CapReservations;
use herald::delivery::eligibility::{Eligibility, RecheckRequests};
use herald::delivery::registry::AccountRegistry;
use herald::delivery::{ChannelStates, NodeContext};
use herald::domain::{Channel, GlobalPolicy, Lane, LinkKey, LinkMaker, Priority, Reason};
use herald::ops::lease_keeper::LeaseKeeper;
use herald::pipeline::dispatcher::ChannelContext;
use herald::pipeline::scheduler::{Pauses, Poller};
use herald::pipeline::{Dispatcher, Scheduler};
use herald::runtime::{Ending, Health, Shutdown, ShutdownPhases, Supervisor, Tasks, clock};
use herald::store::Database;
use herald::telemetry::Metrics;
use herald::templates::Limits;
use herald::work::claim_guard::ClaimGuards;
use herald::work::job::Outcome;
use herald::work::lane_permits::LanePermits;
use herald::work::{
    CallGates, Dispatchers, InFlight, LeaseGate, RecorderWake, ReleaseQueue, SettleQueue,
};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio::time::timeout;
use uuid::Uuid;

use crate::database::{TestDatabase, lines};
use crate::stage::{PATIENCE, Stage};

const EMAIL: Channel = Channel::Email;
const URGENT: Lane = Lane::new(EMAIL, Priority::Urgent);
const NORMAL: Lane = Lane::new(EMAIL, Priority::Normal);

/// Connections and tasks live here, actors on the test's own thread.
static IO: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

/// A row that waits: for these seconds still, for this reason.
async fn row(c: &mut AsyncPgConnection, lane: Lane, seconds: i32, reason: Reason, payload: &str) {
    let Lane { channel, priority } = lane;
    let id = Uuid::now_v7();
    let user = Uuid::now_v7();
    let insert = format!(
        "INSERT INTO notification_schema.users (id, tenant_id, email)
         VALUES ('{user}', '{tenant}', '{id}@example.com');
         INSERT INTO notification_schema.notifications
             (id, tenant_id, user_id, idempotency_key, message_type, priority, reason, waits_for, payload,
              due_at)
         VALUES ('{id}', '{tenant}', '{user}', repeat('{key}', 2), '{channel}', '{priority}',
                 '{reason}', CASE '{reason}' WHEN 'waiting_for_provider' THEN 'any' END, '{payload}',
                 now() + interval '{seconds} seconds')",
        tenant = herald::domain::DEFAULT_TENANT,
        key = id.simple(),
    );
    c.batch_execute(&insert).await.unwrap();
}

/// A payload that says which row it is.
fn named(name: &str) -> String {
    format!(r#"{{"content": {{"body": "{name}"}}}}"#)
}

/// A scheduler whose jobs all come back as put off: there is no account.
struct Scene {
    channels: ChannelStates,
    settle_queue: SettleQueue,
    recorder_wake: RecorderWake,
    woken: mpsc::UnboundedReceiver<()>,
    stop: Shutdown,
    owner: AsyncPgConnection,
    database: TestDatabase,
}

impl Scene {
    async fn new() -> Self {
        let (database, recorder_wake) = (TestDatabase::create().await, RecorderWake::default());
        Self {
            channels: ChannelStates::new(),
            settle_queue: SettleQueue::new(1, Duration::ZERO, recorder_wake.clone()),
            recorder_wake,
            woken: mpsc::unbounded_channel().1,
            stop: Shutdown::new(),
            owner: database.owner().await,
            database,
        }
    }

    async fn start(&mut self) {
        let (channels, settle_queue) = (self.channels.clone(), self.settle_queue.clone());
        let (sender, woken) = mpsc::unbounded_channel();
        self.woken = woken;
        self.recorder_wake.set(move || {
            // Nobody listens any more when the test has ended.
            let _ = sender.send(());
        });
        let (tasks, metrics) = (Tasks::new(IO.handle().clone()), Arc::new(Metrics::new()));
        let pool = Database::lazy(&self.database.settings(), IO.handle());
        let lease_gate = LeaseGate::closed();
        let keeper = LeaseKeeper {
            database: pool.clone(),
            lease_gate: lease_gate.clone(),
            node_name: "test".to_owned(),
            heartbeat: Duration::from_secs(1),
            lease: Duration::from_secs(5),
            metrics: Arc::clone(&metrics),
            health: Health::new(),
            stop: self.stop.clone(),
        };
        tasks.spawn("lease", keeper.run());
        let supervisor = Supervisor::new(Health::new(), self.stop.clone(), Arc::new(|_| {}));
        let templates = TemplateCache::new(Limits {
            max_output_bytes: 1_000,
            fuel: 1_000,
        });
        let eligibility = Arc::new(Eligibility {
            database: pool.clone(),
            recipients: RecipientCache::new(pool.clone(), 16, Duration::from_secs(1)),
            rechecks: RecheckRequests::default(),
            pace: Default::default(),
            cap_reservations: CapReservations::new(pool.clone(), self.stop.clone()),
            global: GlobalPolicy::default(),
            giving_up: self.stop.clone(),
        });
        let node = Arc::new(NodeContext {
            database: pool,
            registry: AccountRegistry::default(),
            templates,
            links: LinkMaker::new(None, false, LinkKey::derived(&[0; 32])),
            eligibility,
            channels: channels.clone(),
            lease_gate,
            settle_queue,
            claim_guards: ClaimGuards {
                in_flight: InFlight::default(),
                release_queue: ReleaseQueue::default(),
                gates: CallGates::default(),
                metrics: Arc::clone(&metrics),
            },
            metrics,
            tasks,
            phases: ShutdownPhases {
                stop: self.stop.clone(),
                ..ShutdownPhases::default()
            },
        });
        let dispatcher = |channel: &Channel| {
            let channel_context = ChannelContext {
                channel: *channel,
                node: Arc::clone(&node),
            };
            let actor = Dispatcher::new(channel_context, 1);
            supervisor
                .start("dispatcher", channel.as_str(), actor)
                .recipient()
        };
        let poller = Poller {
            node: Arc::clone(&node),
            lanes: vec![NORMAL, URGENT],
            permits: LanePermits::new(&Stage::default_settings().lanes),
            dispatchers: Dispatchers::new(Channel::ALL.iter().map(dispatcher).collect()),
            pauses: Pauses::new(channels),
            looking: Default::default(),
            takes: Default::default(),
            suspects: Default::default(),
        };
        let scheduler = Scheduler::new(Arc::new(poller), Duration::from_millis(20));
        supervisor.start("scheduler", "scheduler", scheduler);
    }

    /// The next job that was taken, as its outcome, which holds its permit.
    async fn next(&mut self, name: &str) -> Outcome {
        let taken = timeout(PATIENCE, async {
            loop {
                let taken = self.settle_queue.take_ready(clock::instant(), 0);
                if let Some(outcome) = taken.and_then(|mut batch| batch.pop()) {
                    return outcome;
                }
                self.woken.recv().await;
            }
        });
        let outcome = taken.await.expect("nothing is taken");
        let payload = format!("{:?}", outcome.settlement.notification.payload);
        assert!(payload.contains(name), "{payload} instead of {name}");
        outcome
    }

    async fn owned(&mut self) -> Vec<String> {
        let owned = "SELECT payload -> 'content' ->> 'body' AS text
            FROM notification_schema.notifications WHERE owner IS NOT NULL ORDER BY 1";
        lines(&mut self.owner, owned).await
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.stop.raise(Ending::Asked);
    }
}

#[actix::test]
async fn of_a_paused_channel_one_at_a_time_is_the_probe_until_one_tells_something() {
    let mut scene = Scene::new().await;
    let rows = [
        (URGENT, 3_600, Reason::Scheduled, "scheduled"),
        (URGENT, 10, Reason::WaitingForProvider, "first"),
        (NORMAL, -60, Reason::Retry, "second"),
        (NORMAL, -30, Reason::Retry, "third"),
    ];
    for (lane, seconds, reason, name) in rows {
        row(&mut scene.owner, lane, seconds, reason, &named(name)).await;
    }
    let mut held = scene.channels.held(EMAIL);
    scene.channels.report(EMAIL, "a", Some(clock::instant()));
    scene.start().await;
    let first = scene.next("first").await;
    for _ in 0..50 {
        assert_eq!(scene.owned().await, ["first"], "one at a time");
    }
    assert!(*held.borrow());
    // As a probe that ended without an answer: too late, cancelled, its worker panicked.
    drop(first);
    let second = scene.next("second").await;
    // The next message may be the probe as well.
    let consumed = timeout(PATIENCE, held.wait_for(|held| !*held))
        .await
        .is_ok();
    assert!(consumed, "the lanes are never consumed");
    scene.channels.report(EMAIL, "a", None);
    let third = scene.next("third").await;
    assert_eq!(scene.owned().await, ["first", "second", "third"]);
    drop((second, third));
}

#[actix::test]
async fn what_is_in_hand_and_cannot_end_does_not_keep_a_paused_channel_from_being_probed() {
    let mut scene = Scene::new().await;
    row(
        &mut scene.owner,
        NORMAL,
        -60,
        Reason::Retry,
        &named("stuck"),
    )
    .await;
    scene.start().await;
    // As an outcome that PostgreSQL refuses to store: its permit stays with it.
    let stuck = scene.next("stuck").await;
    scene.channels.report(EMAIL, "a", Some(clock::instant()));
    row(
        &mut scene.owner,
        NORMAL,
        -60,
        Reason::Retry,
        &named("probe"),
    )
    .await;
    let probe = scene.next("probe").await;
    drop((stuck, probe));
}

#[actix::test]
async fn when_nothing_waits_the_next_message_is_the_probe() {
    let mut scene = Scene::new().await;
    let later = clock::instant() + Duration::from_secs(3_600);
    scene.channels.report(EMAIL, "a", Some(later));
    scene.start().await;
    let mut held = scene.channels.held(EMAIL);
    assert!(*held.borrow());
    scene.channels.report(EMAIL, "a", Some(clock::instant()));
    // What was waited for holds a lock.
    let consumed = timeout(PATIENCE, held.wait_for(|held| !*held))
        .await
        .is_ok();
    assert!(consumed, "the lanes are never consumed");
    scene.channels.report(EMAIL, "a", Some(later));
    assert!(*scene.channels.held(EMAIL).borrow(), "the probe failed");
}

/// The most rows of the lane that the scheduler has in hand at once.
fn permits() -> usize {
    let permits = LanePermits::new(&Stage::default_settings().lanes);
    permits.scheduler(NORMAL).unwrap().total()
}

#[actix::test]
async fn one_tenants_pile_that_is_due_does_not_delay_another_tenants_three() {
    let mut scene = Scene::new().await;
    let other = Uuid::now_v7();
    let pile = permits() * 3;
    let rows = format!(
        "SET search_path TO notification_schema;
         INSERT INTO tenants (id, name) VALUES ('{other}', 'other');
         INSERT INTO users (id, tenant_id) VALUES ('{other}', '{other}'), ('{user}', '{tenant}');
         INSERT INTO notifications
             (id, tenant_id, user_id, idempotency_key, message_type, priority, reason, payload, due_at)
         SELECT gen_random_uuid(), '{tenant}'::uuid, '{user}'::uuid, repeat('ab', 32), 'email', 'normal', 'retry',
                '{payload}'::jsonb, now() - interval '1 hour'
         FROM generate_series(1, {pile}) UNION ALL
         SELECT gen_random_uuid(), '{other}', '{other}', repeat('cd', 32), 'email', 'normal', 'retry',
                '{payload}', now() - interval '1 minute' FROM generate_series(1, 3);
         RESET search_path",
        user = Uuid::now_v7(),
        tenant = herald::domain::DEFAULT_TENANT,
        payload = named("due"),
    );
    let rows = rows.replace(
        "gen_random_uuid()",
        "overlay(notification_schema.uuid_bound(now())::text placing
             right(gen_random_uuid()::text, 12) from 25)::uuid",
    );
    scene.owner.batch_execute(&rows).await.unwrap();
    scene.start().await;
    let (mut before, mut theirs) = (0, 0);
    while theirs < 3 {
        let outcome = scene.next("due").await;
        match outcome.settlement.notification.tenant_id == other {
            true => theirs += 1,
            false => before += 1,
        }
    }
    assert!(before < permits() * 2, "{before} of the pile went before");
}
