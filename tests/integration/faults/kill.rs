//! SIGKILL and SIGTERM of the real program.

use std::time::Duration;

use loadtest::publisher::Mix;
use loadtest::simulator::{Behaviour, Fault};

use super::scene::{MOST_IN_FLIGHT, Scene, mix, unhurried};
use super::verdict::Excuses;

/// The `HERALD__ENGINE__SHUTDOWN_DEADLINE` when nothing hangs: the default.
const DEADLINE: Duration = Duration::from_secs(25);
/// The same when something does.
const SHORT_DEADLINE: Duration = Duration::from_secs(1);
/// What ending takes beyond the deadline at most.
const BEYOND: Duration = Duration::from_secs(8);

#[tokio::test(flavor = "multi_thread")]
async fn killed_again_and_again_it_loses_nothing_and_repeats_only_what_was_in_flight() {
    let mut scene = Scene::with(unhurried()).await;
    let scheduled = Mix {
        scheduled_share: 0.2,
        schedule_ahead_ms: 300,
        ..mix()
    };
    let mut engine = scene.engine().await;
    let load = scene.load(scheduled, 2_000, 1_500.0).await;
    let mut excuses = Excuses::default();
    for accepted in [1, 600, 1_400] {
        scene.accepted(accepted).await;
        engine.kill().await;
        nothing_was_acknowledged_too_early(&mut scene, load.progress.confirmed()).await;
        scene.end_sessions().await;
        let in_flight = scene.in_flight(engine.run().await).await;
        assert!(in_flight.len() <= MOST_IN_FLIGHT, "{}", in_flight.len());
        excuses.add(&in_flight);
        engine = scene.engine().await;
    }
    let published = load.published().await;
    scene.nothing_is_lost(&published.expected).await;
    let repeated = scene.only_excused_repetitions(&excuses).await;
    println!("{repeated} sent twice, {} were in flight", excuses.total());
    engine.signal("TERM");
    assert!(engine.ended(DEADLINE + BEYOND).await.success());
    scene.the_lanes_are_empty().await;
}

/// What was published before is in a lane, or a committed row says what became of it.
async fn nothing_was_acknowledged_too_early(scene: &mut Scene, published: u64) {
    let ready = scene.ready().await;
    let rows = scene
        .outcomes
        .count("SELECT count(*) FROM notifications")
        .await;
    let known = ready + u64::try_from(rows).unwrap();
    assert!(
        known >= published,
        "{ready} ready and {rows} stored of {published}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn asked_to_end_under_load_it_ends_in_time_and_repeats_nothing() {
    let mut scene = Scene::with(unhurried()).await;
    let mut engine = scene.engine().await;
    let load = scene.load(mix(), 2_000, 1_500.0).await;
    for accepted in [200, 900, 1_500] {
        scene.accepted(accepted).await;
        engine.signal("TERM");
        assert!(engine.ended(DEADLINE + BEYOND).await.success());
        assert_eq!(
            scene.in_flight(engine.run().await).await,
            [""; 0],
            "it ended with work in hand"
        );
        engine = scene.engine().await;
    }
    let published = load.published().await;
    scene.nothing_is_lost(&published.expected).await;
    scene.nothing_is_sent_twice().await;
    engine.signal("TERM");
    assert!(engine.ended(DEADLINE + BEYOND).await.success());
    scene.the_lanes_are_empty().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hanging_job_is_returned_at_shutdown_and_sent_by_the_next_run() {
    let mut scene = Scene::with(Behaviour::failing(Fault::Hang)).await;
    scene.stage.set("HERALD__ENGINE__SHUTDOWN_DEADLINE", "1s");
    let engine = scene.engine().await;
    let load = scene.load(mix(), 300, 0.0).await;
    let published = load.published().await;
    let claimed = "SELECT count(*) FROM notification_deduplication";
    scene.outcomes.until_count(claimed, 300).await;
    engine.signal("TERM");
    assert!(engine.ended(SHORT_DEADLINE + BEYOND).await.success());
    assert_eq!(scene.ready().await, 300, "it kept what it did not send");
    for simulator in &scene.simulators {
        simulator.set_behaviour(Behaviour::default());
    }
    let _engine = scene.engine().await;
    scene.nothing_is_lost(&published.expected).await;
    scene.nothing_is_sent_twice().await;
}
