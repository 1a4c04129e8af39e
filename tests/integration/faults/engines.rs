//! Two engines on one database and one vhost, of which one dies.

use loadtest::publisher::Mix;

use super::process::Process;
use super::scene::{Scene, answering_after, mix, slow};
use super::verdict::Excuses;

/// Milliseconds: what one engine has in hand comes to the other one while it is still in hand.
const SLOWER_THAN_A_RETURN: f64 = 1_500.0;

#[tokio::test(flavor = "multi_thread")]
async fn one_takes_over_what_the_other_had_in_hand_when_it_died() {
    let mut scene = Scene::with(slow()).await;
    let dying = start(&scene, "one").await;
    let scheduled = Mix {
        scheduled_share: 0.4,
        // Ahead enough to be put off when they arrive, all of them.
        schedule_ahead_ms: 2_000,
        ..mix()
    };
    let load = scene.load(scheduled, 1_500, 0.0).await;
    let run = dying.run().await;
    let taken = format!(
        "SELECT least(count(*), 1) AS count FROM notifications
         WHERE status = 'pending' AND owner = {run}"
    );
    scene.outcomes.until_count(&taken, 1).await;
    // It stops and keeps what it holds, which can be counted, and which nobody may take.
    dying.signal("STOP");
    let in_flight = scene.in_flight(run).await;
    let _living = start(&scene, "two").await;
    dying.kill().await;

    let published = load.published().await;
    scene.nothing_is_lost(&published.expected).await;
    let mut excuses = Excuses::default();
    excuses.add(&in_flight);
    let repeated = scene.only_excused_repetitions(&excuses).await;
    println!("{repeated} sent twice, {} were in flight", excuses.total());
}

#[tokio::test(flavor = "multi_thread")]
async fn as_long_as_both_live_nothing_is_repeated() {
    let mut scene = Scene::with(answering_after(SLOWER_THAN_A_RETURN)).await;
    let (one, two) = (start(&scene, "one").await, start(&scene, "two").await);
    // Deliveries that were with one go to the other, which must leave the claims alone.
    let load = scene.load(mix(), 900, 0.0).await;
    let published = load.published().await;
    scene.accepted(1).await;
    assert!(scene.stage.vhost.cut_connections().await > 1);
    scene.nothing_is_lost(&published.expected).await;
    scene.nothing_is_sent_twice().await;
    let runs = "SELECT count(DISTINCT owner) FROM notification_deduplication";
    assert_eq!(scene.outcomes.count(runs).await, 2, "one did it all");
    for engine in [one, two] {
        engine.signal("TERM");
        assert!(engine.ended(crate::stage::PATIENCE).await.success());
    }
    scene.the_lanes_are_empty().await;
}

async fn start(scene: &Scene, node: &str) -> Process {
    let mut command = scene.stage.herald(&["serve"]);
    command.env("HERALD__ENGINE__NODE_NAME", node);
    command.env("HERALD__HTTP__BIND", "127.0.0.1:0");
    Process::engine(command).await
}
