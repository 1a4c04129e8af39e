//! A panic in each actor and in each unit of work.
//!
//! One test, one engine: the failpoints are the process's, and would meet in a shared one.

use herald::runtime::failpoint;
use loadtest::client;
use loadtest::publisher::{Mix, Plan, Publisher};
use loadtest::simulator::Behaviour;

use super::scene::{Scene, mix};

/// How often each point panics.
const TIMES: u32 = 3;
/// Messages published for each point.
const MESSAGES: u64 = 200;
/// The points in units of work: no actor dies of them.
const WORK: [&str; 9] = [
    "ingest.admit",
    "ingest.claimed",
    "dispatcher.job",
    "provider.ask",
    "provider.decide",
    "recorder.settle",
    "recorder.settled",
    "scheduler.take",
    "scheduler.taken",
];
/// The points in actors, each the actor's name in the metrics.
const ACTORS: [&str; 5] = ["ingest", "dispatcher", "provider", "recorder", "metrics"];

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_anywhere_loses_nothing_repeats_nothing_and_is_counted() {
    let mut scene = Scene::with(Behaviour::default()).await;
    let engine = scene.stage.start().await;
    let publisher = Publisher::connect(scene.stage.vhost.url()).await.unwrap();
    let mut expected = loadtest::publisher::Expectations::default();
    for (round, point) in (0..).zip(WORK.into_iter().chain(ACTORS)) {
        failpoint::arm(point, 2, TIMES);
        let mut plan = Plan::new(some_scheduled(), round, "panics").starting_at(round * MESSAGES);
        for _ in 0..MESSAGES {
            let draft = plan.draft(loadtest::marker::now_micros());
            let key = draft.lane.to_string();
            let sent = publisher.publish_one(&draft.body, &key, Default::default());
            sent.await.unwrap();
            expected.add(draft.sequence, draft.lane, draft.acceptances);
        }
        println!("{point}");
        scene.nothing_is_lost(&expected).await;
        scene.nothing_is_sent_twice().await;
        assert_eq!(
            failpoint::left(point),
            0,
            "{point} was not passed often enough"
        );
    }
    every_death_is_counted(&scene).await;
    assert!(engine.stop().await.drained);
    scene.the_lanes_are_empty().await;
}

/// Some go through the database, so that the scheduler has something in hand, too.
fn some_scheduled() -> Mix {
    Mix {
        scheduled_share: 0.2,
        schedule_ahead_ms: 100,
        ..mix()
    }
}

async fn every_death_is_counted(scene: &Scene) {
    let answer = client::get(&scene.stage.url("/metrics")).await.unwrap();
    let text = answer.text();
    let died = text
        .lines()
        .filter(|line| line.starts_with("herald_actor_restarts_total{"));
    let mut died: Vec<&str> = died.collect();
    died.sort_unstable();
    let mut wanted =
        ACTORS.map(|actor| format!("herald_actor_restarts_total{{actor=\"{actor}\"}} {TIMES}"));
    wanted.sort_unstable();
    assert_eq!(died, wanted);
}
