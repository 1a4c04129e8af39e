//! The connection to RabbitMQ is cut, a consumer is cancelled.

use loadtest::marker::now_micros;
use loadtest::proxy::Proxy;
use loadtest::publisher::{Mix, Plan};
use tokio::time::timeout;

use super::process::CONSUMING;
use super::scene::{ASIDE, Scene, mix, unhurried};
use crate::stage::PATIENCE;

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_cut_again_and_again_comes_back_and_nothing_is_repeated() {
    let mut scene = Scene::with(unhurried()).await;
    let proxy = Proxy::before(scene.stage.vhost.url()).await.unwrap();
    let through = proxy.url(scene.stage.vhost.url());
    scene.stage.set("HERALD__BROKER__URL", through);
    let engine = scene.engine().await;
    // Published before the first cut: an operator's cut is the publisher's, too.
    let load = scene.load(mix(), 2_000, 0.0).await;
    let published = load.published().await;
    scene.accepted(100).await;
    assert!(scene.stage.vhost.cut_connections().await > 0);
    for (times, accepted) in [(2, 600), (3, 1_200)] {
        engine.says_times(CONSUMING, times).await;
        scene.accepted(accepted).await;
        let left = published.expected.acceptances() - scene.stage.ledger.distinct();
        assert!(left > 0, "it is cut when all is done");
        proxy.cut();
    }
    engine.says_times(CONSUMING, 4).await;
    scene.nothing_is_lost(&published.expected).await;
    scene.nothing_is_sent_twice().await;
    engine.signal("TERM");
    assert!(engine.ended(PATIENCE).await.success());
    scene.the_lanes_are_empty().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lane_whose_queue_was_deleted_is_consumed_again_and_the_others_go_on() {
    let mut scene = Scene::with(unhurried()).await;
    let engine = scene.engine().await;
    let load = scene.load(mix(), 1_000, 1_000.0).await;
    scene.accepted(100).await;
    // A lane that the load leaves alone: what is in a queue goes with it.
    scene
        .stage
        .vhost
        .delete_queue(&format!("herald.{ASIDE}"))
        .await;
    engine.says("the consumer of a lane ended").await;
    let mut published = load.published().await;
    let draft = Plan::new(aside(), 1, "aside")
        .starting_at(1_000)
        .draft(now_micros());
    let publisher = scene.stage.publisher().await;
    let again = publisher.publish_until_taken(&draft.body, ASIDE);
    assert!(
        timeout(PATIENCE, again).await.is_ok(),
        "the queue does not come back"
    );
    let expected = &mut published.expected;
    expected.add(draft.sequence, draft.lane, draft.acceptances);
    scene.nothing_is_lost(expected).await;
    scene.nothing_is_sent_twice().await;
}

fn aside() -> Mix {
    Mix {
        channels: "email".parse().unwrap(),
        priorities: "urgent".parse().unwrap(),
        ..mix()
    }
}
