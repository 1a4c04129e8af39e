//! A cluster of three nodes that loses one, and then its quorum.

use std::sync::Arc;

use loadtest::publisher::{Expectations, Pace, Plan, Publisher};

use super::broker::Broker;
use super::scene::{Scene, mix, slow};
use crate::stage::PATIENCE;

/// Messages published in each phase.
const EACH: u64 = 1_000;
const PER_SECOND: f64 = 500.0;

/// Three nodes of one cluster; the first one to boot is found by the others.
async fn cluster() -> [Broker; 3] {
    let mut nodes = Broker::three();
    for node in &mut nodes {
        node.boot().await;
    }
    nodes
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_loses_a_node_and_then_its_quorum_loses_no_confirmed_message() {
    let mut scene = Scene::with(slow()).await;
    let [mut first, mut second, third] = cluster().await;
    let nodes = [&first, &second, &third].map(|node| format!("127.0.0.1:{}", node.port()));
    let url = format!("amqp://guest:guest@{}/%2f", nodes.join(","));
    scene.stage.set("HERALD__BROKER__URL", url);
    let engine = scene.stage.start().await;
    let mut plan = Plan::new(mix(), 1, "cluster");
    let mut expected = Expectations::default();
    publish(&third, &mut plan, &mut expected).await;
    first.kill().await;
    publish(&third, &mut plan, &mut expected).await;
    let all = expected.acceptances();
    scene.accepted(all).await;

    publish(&third, &mut plan, &mut expected).await;
    let left = expected.acceptances() - scene.stage.ledger.distinct();
    assert!(left > 0, "the quorum is lost when all is done");
    second.kill().await;
    first.boot().await;
    let ready = tokio::time::timeout(PATIENCE, engine.health.ready()).await;
    assert!(ready.is_ok(), "{:?}", engine.health.parts());
    publish(&third, &mut plan, &mut expected).await;
    // Without a quorum next to nothing is confirmed; it is again, once there is one.
    assert!(expected.messages() > 2 * EACH);
    scene.all_is_sent_once(&expected).await;
    assert!(engine.stop().await.drained);
}

/// Publishes; what is expected is what the broker has confirmed.
async fn publish(node: &Broker, plan: &mut Plan, expected: &mut Expectations) {
    let publisher = Publisher::connect(&node.url_of("guest", "guest"))
        .await
        .unwrap();
    let (pace, progress) = (Pace::starting_now(PER_SECOND), Arc::default());
    let published = publisher.run(plan, EACH, pace, 200, &progress).await;
    let confirmed = published.unwrap().expected;
    for (sequence, acceptances) in confirmed.wanted() {
        let lane = confirmed.lane(sequence).unwrap();
        expected.add(sequence, lane, acceptances);
    }
}
