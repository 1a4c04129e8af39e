//! The floor is a fair yardstick only while it delivers what the engine delivers and stores what the
//! engine stores.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use loadtest::floor::{self, Providers, Settings, Summary};
use loadtest::ledger::Ledger;
use loadtest::publisher::{Mix, Pace, Plan, Progress, Publisher};
use loadtest::seed::{Target, seed_file};
use loadtest::simulator::{Provider, Simulator};
use tokio::sync::Notify;

use crate::database::lines;
use crate::stage::{PATIENCE, Stage};

const MESSAGES: u64 = 200;
const PEOPLE: u32 = 20;

/// For each kind of notification: what is known of it, and how its timeline reads.
const SHAPES: &str = "
SELECT DISTINCT concat_ws(' ', message_type, priority, status,
    (SELECT string_agg(key, ',' ORDER BY key) FROM jsonb_object_keys(jsonb_strip_nulls(to_jsonb(n))) key),
    (SELECT string_agg(key, ',' ORDER BY key) FROM jsonb_object_keys(n.payload) key),
    provider, provider_response, attempt_count, max_retries, jsonb_array_length(attempts) > 0) AS text
FROM notification_schema.notifications n ORDER BY 1";
const CONSUMED: &str = "
SELECT concat_ws(' ', channel, sum(consumed)) AS text FROM notification_schema.intake
GROUP BY channel ORDER BY 1";

/// A stage with people and all HTTP providers.
async fn stage() -> (Stage, Vec<Simulator>) {
    let stage = Stage::with_lanes("*.*").await;
    let http = [
        Provider::SendGrid,
        Provider::Twilio,
        Provider::Fcm,
        Provider::Slack,
    ];
    let simulators: Vec<Simulator> = http.map(|kind| stage.simulator(kind)).into();
    let targets: Vec<Target> = simulators.iter().map(Target::from).collect();
    stage.apply(&seed_file(PEOPLE, &targets, false).unwrap());
    (stage, simulators)
}

async fn all(stage: &Stage, query: &str) -> BTreeSet<String> {
    let lines = lines(&mut stage.database.owner().await, query).await;
    lines.into_iter().collect()
}

/// Publishes the same load on every stage, and waits for its acceptances.
async fn publish(stage: &Stage) {
    let mix = Mix {
        users: PEOPLE,
        channels: "email,sms,push,chat,in_app".parse().unwrap(),
        ..Mix::default()
    };
    let mut plan = Plan::new(mix, 1, "floor");
    let publisher = Publisher::connect(stage.vhost.url()).await.unwrap();
    let progress = Arc::new(Progress::default());
    let published = publisher
        .run(&mut plan, MESSAGES, Pace::starting_now(0.0), 100, &progress)
        .await
        .unwrap();
    let acceptances = published.expected.acceptances();
    let ledger: &Ledger = &stage.ledger;
    assert!(ledger.wait_for_accepted(acceptances, PATIENCE).await);
    assert_eq!(ledger.distinct(), acceptances);
}

/// Starts a floor on a thread of its own; it ends when its queues are empty.
fn start(stage: &Stage, simulators: &[Simulator]) -> std::thread::JoinHandle<Summary> {
    let at = |index: usize| simulators[index].base_url().to_owned();
    let settings = Settings {
        database: stage.database.url().to_owned(),
        broker: stage.vhost.url().to_owned(),
        providers: Providers {
            sendgrid: at(0),
            twilio: at(1),
            fcm: at(2),
            slack: at(3),
        },
        in_flight: 16,
        batch: 32,
        linger: Duration::from_millis(3),
        prefetch: 64,
        one_queue: false,
        drain: true,
    };
    let (ready, is_ready) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let tell = move || ready.send(()).unwrap();
        let never = Rc::new(Notify::new());
        runtime.block_on(floor::run(settings, tell, never)).unwrap()
    });
    is_ready.recv_timeout(PATIENCE).unwrap();
    thread
}

#[tokio::test(flavor = "multi_thread")]
async fn the_floor_stores_what_the_engine_stores() {
    let (floor, simulators) = stage().await;
    let thread = start(&floor, &simulators);
    publish(&floor).await;
    let summary = tokio::task::spawn_blocking(move || thread.join().unwrap());
    let summary = summary.await.unwrap();
    assert_eq!((summary.settled, summary.duplicates), (MESSAGES, 0));
    assert_eq!(floor.vhost.waiting("herald.email.normal").await, 0);

    let (engine, _simulators) = stage().await;
    let running = engine.start().await;
    publish(&engine).await;
    assert!(running.stop().await.drained);
    for query in [CONSUMED, SHAPES] {
        let of_floor = all(&floor, query).await;
        let of_engine = all(&engine, query).await;
        // Only the differences: the lists are long.
        let of_one: Vec<_> = of_floor.symmetric_difference(&of_engine).collect();
        assert!(of_one.is_empty() && !of_floor.is_empty(), "{of_one:#?}");
    }
}
