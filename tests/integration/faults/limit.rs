//! A message that the engine dies of again and again.

use loadtest::ledger::Subject;
use loadtest::marker::now_micros;
use loadtest::publisher::{Mix, Plan};
use loadtest::simulator::{Behaviour, Fault, Rule};

use super::scene::{Scene, mix};

/// The `HERALD__BROKER__DELIVERY_LIMIT` of this test: the least that may be set.
const RETURNS: u64 = 3;

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_every_engine_dies_with_is_set_aside_and_the_lane_goes_on() {
    // Every request is accepted and never answered: the engine is killed with it in hand.
    let mut hanging = Rule::always(Fault::Hang);
    hanging.accepted = Some(true);
    let mut scene = Scene::with(Behaviour::default().rule(hanging)).await;
    scene
        .stage
        .set("HERALD__BROKER__DELIVERY_LIMIT", RETURNS.to_string());
    let mut engine = scene.engine().await;
    let publisher = scene.stage.publisher().await;
    let mut plan = Plan::new(one_lane(), 1, "deadly");
    let deadly = plan.draft(now_micros());
    publisher.publish_raw(&deadly.body, "email.normal").await;
    for death in 1..=RETURNS + 1 {
        scene.accepted(death).await;
        engine.kill().await.unwrap();
        engine = scene.engine().await;
    }
    let rejected = scene.stage.vhost.next_rejected().await.unwrap();
    assert_eq!(rejected.body, deadly.body);
    let headers = &rejected.headers;
    assert!(headers.inner().contains_key("x-death"), "{headers:?}");

    scene.simulators[0].set_behaviour(Behaviour::default());
    let harmless = plan.draft(now_micros());
    publisher.publish_raw(&harmless.body, "email.normal").await;
    scene.accepted(RETURNS + 2).await;
    let ledger = &scene.stage.ledger;
    let twice = ledger.sent_twice();
    assert_eq!(twice.len(), 1, "{twice:?}");
    assert_eq!(twice[0].subject, Subject::Sequence(deadly.sequence));
}

fn one_lane() -> Mix {
    Mix {
        channels: "email".parse().unwrap(),
        priorities: "normal".parse().unwrap(),
        ..mix()
    }
}
