//! Signals: whatever would end the process ends it in good order.

use std::time::Duration;

use loadtest::simulator::{Behaviour, Fault, Provider};

use super::process::{CONSUMING, Process, RUNNING};
use super::scene::{Scene, mix, slow};
use crate::stage::{PATIENCE, Stage, envelope};

/// All that Linux ends a process for that does not know them, but for those that only a fault raises.
const ENDING: [&str; 12] = [
    "HUP", "QUIT", "INT", "USR1", "USR2", "ALRM", "VTALRM", "PROF", "POLL", "PWR", "XCPU", "STKFLT",
];
const ORDERLY: &str = "a signal requests an orderly shutdown";

#[tokio::test(flavor = "multi_thread")]
async fn every_ending_signal_ends_the_engine_in_good_order() {
    let mut scene = Scene::with(slow()).await;
    for priority in ["HIGH", "NORMAL"] {
        let permits = format!("HERALD__LANES__{priority}");
        scene.stage.set(&permits, "8");
    }
    let mut load = None;
    for signal in ENDING {
        let engine = scene.engine().await;
        // The first engine declares what is published to.
        if load.is_none() {
            load = Some(scene.load(mix(), 2_000, 0.0).await);
        }
        scene.accepted(scene.stage.ledger.accepted() + 20).await;
        engine.signal(signal);
        let ended = engine.ended(PATIENCE).await;
        assert!(ended.success(), "SIG{signal}: {ended}");
        let in_hand = scene.in_flight(engine.run().await).await;
        assert_eq!(in_hand, [""; 0], "SIG{signal}");
    }
    for simulator in &scene.simulators {
        simulator.set_behaviour(Behaviour::default());
    }
    let _engine = scene.engine().await;
    let published = load.unwrap().published().await;
    scene.nothing_is_lost(&published.expected).await;
    scene.nothing_is_sent_twice().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_signals_change_nothing() {
    let mut stage = Stage::with_lanes("email.normal").await;
    stage.set("HERALD__LOG__FORMAT", "json");
    let simulator = stage.simulator(Provider::SendGrid);
    stage.apply_ana_and(&[&simulator]);
    let mut outcomes = stage.outcomes().await;
    // As `nohup` does it.
    let engine = Process::starting(stage.herald_after("trap '' HUP", "serve"));
    engine.says(CONSUMING).await;
    engine.says(RUNNING).await;
    for signal in ["PIPE", "HUP", "XFSZ", "WINCH", "CHLD", "URG", "CONT"] {
        engine.signal(signal);
    }
    stage.publisher().await.publish(&envelope("email")).await;
    outcomes.only("sent", None).await;
    engine.signal("TERM");
    assert!(engine.ended(PATIENCE).await.success());
    let said = engine.said();
    let orderly: Vec<_> = said.iter().filter(|line| line.contains(ORDERLY)).collect();
    assert!(
        matches!(&orderly[..], [only] if only.contains("\"signal\":15")),
        "{orderly:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_it_at_once() {
    let scene = Scene::with(Behaviour::failing(Fault::Hang)).await;
    let engine = scene.engine().await;
    scene.load(mix(), 50, 0.0).await.published().await;
    engine.signal("TERM");
    engine.says(ORDERLY).await;
    // Two that come together are one.
    let ended = loop {
        engine.signal("INT");
        if let Some(ended) = engine.ends_within(Duration::from_millis(300)).await {
            break ended;
        }
    };
    assert_eq!(ended.code(), Some(1));
    engine.says("a second signal").await;
}
