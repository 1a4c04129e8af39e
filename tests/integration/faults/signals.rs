//! Signals: whatever would end the process ends it in good order.

use std::process::Command;
use std::time::Duration;

use loadtest::simulator::{Behaviour, Fault, Provider};

use super::process;
use super::scene::{Scene, mix, slow};
use crate::stage::{PATIENCE, Stage, envelope};
use loadtest::harness::engine::{CONSUMING, RUNNING};

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
        let engine = process::engine(as_from_a_terminal(&scene.stage.herald(&["serve"]))).await;
        // The first engine declares what is published to.
        if load.is_none() {
            load = Some(scene.load(mix(), 2_000).await);
        }
        scene.accepted(scene.stage.ledger.accepted() + 20).await;
        engine.signal(signal).unwrap();
        let ended = engine.ended(PATIENCE).await.unwrap();
        assert!(ended.success(), "SIG{signal}: {ended}");
        let in_hand = scene.in_flight(process::run_of(&engine).await).await;
        assert_eq!(in_hand, [""; 0], "SIG{signal}");
    }
    for simulator in &scene.simulators {
        simulator.set_behaviour(Behaviour::default());
    }
    let _engine = scene.engine().await;
    let published = load.unwrap().published().await;
    scene.all_is_sent_once(&published.expected).await;
}

/// The same with no signal ignored from the start: whoever runs the tests may have said `nohup`, which is heeded.
fn as_from_a_terminal(command: &Command) -> Command {
    let mut bare = Command::new("env");
    let settings = command
        .get_envs()
        .filter_map(|(name, value)| Some((name, value?)));
    bare.arg("--default-signal")
        .arg(command.get_program())
        .args(command.get_args())
        .envs(settings);
    if let Some(directory) = command.get_current_dir() {
        bare.current_dir(directory);
    }
    bare
}

#[tokio::test(flavor = "multi_thread")]
async fn other_signals_change_nothing() {
    let mut stage = Stage::with_lanes("email.normal").await;
    stage.set("HERALD__LOG__FORMAT", "json");
    let simulator = stage.simulator(Provider::SendGrid);
    stage.apply_ana_and(&[&simulator]);
    let mut outcomes = stage.outcomes().await;
    // As `nohup` does it.
    let engine = process::starting(stage.herald_after("trap '' HUP", "serve"));
    engine.says(CONSUMING).await.unwrap();
    engine.says(RUNNING).await.unwrap();
    for signal in ["PIPE", "HUP", "XFSZ", "WINCH", "CHLD", "URG", "CONT"] {
        engine.signal(signal).unwrap();
    }
    stage.publisher().await.publish(&envelope("email")).await;
    outcomes.only("sent", None).await;
    process::end(&engine).await;
    let said = engine.lines();
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
    scene.load(mix(), 50).await.published().await;
    engine.signal("TERM").unwrap();
    engine.says(ORDERLY).await.unwrap();
    // Two that come together are one.
    let ended = loop {
        engine.signal("INT").unwrap();
        if let Some(ended) = engine.ends_within(Duration::from_millis(300)).await {
            break ended;
        }
    };
    assert_eq!(ended.code(), Some(1));
    engine.says("a second signal").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn hanging_job_is_returned_at_shutdown_and_sent_by_the_next_run() {
    let mut scene = Scene::with(Behaviour::failing(Fault::Hang)).await;
    scene.stage.set("HERALD__ENGINE__SHUTDOWN_DEADLINE", "1s");
    let engine = scene.engine().await;
    let published = scene.load(mix(), 300).await.published().await;
    let claimed = "SELECT count(*) FROM notification_deduplication";
    scene.outcomes.until_count(claimed, 300).await;
    engine.signal("TERM").unwrap();
    // The deadline, and what ending takes beyond it at most.
    let ended = engine.ended(Duration::from_secs(1 + 8)).await.unwrap();
    assert!(ended.success(), "{ended}");
    assert_eq!(scene.ready().await, 300, "it kept what it did not send");
    for simulator in &scene.simulators {
        simulator.set_behaviour(Behaviour::default());
    }
    let _engine = scene.engine().await;
    scene.all_is_sent_once(&published.expected).await;
}
