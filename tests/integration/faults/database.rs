//! PostgreSQL ends sessions, stalls, or is not there; the broker is not there.

use std::time::Duration;

use loadtest::client;
use loadtest::proxy::Proxy;
use loadtest::publisher::Published;

use super::process::{CONSUMING, Process, RUNNING};
use super::scene::{Scene, mix, unhurried};
use super::verdict::Excuses;

const DATABASE: &str = "HERALD__DATABASE__URL";
const BROKER: &str = "HERALD__BROKER__URL";
/// How long the database stalls.
const STALL: Duration = Duration::from_secs(3);

#[tokio::test(flavor = "multi_thread")]
async fn sessions_that_are_terminated_again_and_again_cost_nothing() {
    let mut scene = Scene::with(unhurried()).await;
    let engine = scene.stage.start().await;
    let load = scene.load(mix(), 2_000, 1_500.0).await;
    let mut ended = 0;
    for accepted in [1, 500, 1_000, 1_500] {
        scene.accepted(accepted).await;
        ended += scene.end_sessions().await;
    }
    // Now and then the engine is just about to connect again, and there is nothing to end.
    assert!(ended > 1, "{ended} sessions were ended");
    let published = load.published().await;
    scene.nothing_is_lost(&published.expected).await;
    scene.nothing_is_sent_twice().await;
    assert!(engine.stop().await.drained);
    scene.the_lanes_are_empty().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_are_cut_again_and_again_cost_nothing() {
    let (mut scene, proxy) = behind_a_proxy().await;
    let engine = scene.stage.start().await;
    let load = scene.load(mix(), 2_000, 1_500.0).await;
    for accepted in [1, 500, 1_000, 1_500] {
        scene.accepted(accepted).await;
        proxy.cut();
    }
    let published = load.published().await;
    scene.nothing_is_lost(&published.expected).await;
    scene.nothing_is_sent_twice().await;
    assert!(engine.stop().await.drained);
    scene.the_lanes_are_empty().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_database_stalls_nothing_is_acknowledged_and_nobody_is_asked_twice() {
    let (mut scene, proxy) = behind_a_proxy().await;
    let engine = scene.engine().await;
    let published = scene.load(mix(), 1_500, 0.0).await.published().await;
    scene.accepted(200).await;
    stalled(&scene, &proxy, &published).await;
    proxy.flow();
    scene.accepted(900).await;
    scene.nothing_is_sent_twice_so_far();

    // The same again, and the engine dies of it: what it had not stored is all still there.
    stalled(&scene, &proxy, &published).await;
    engine.kill().await;
    proxy.cut();
    scene.end_sessions().await;
    let rows = scene
        .outcomes
        .count("SELECT count(*) FROM notifications")
        .await;
    let known = scene.ready().await + u64::try_from(rows).unwrap();
    assert!(known >= 1_500, "{known} are known of 1500");
    let mut excuses = Excuses::default();
    excuses.add(&scene.in_flight(engine.run().await).await);
    proxy.flow();
    let _engine = scene.engine().await;
    scene.nothing_is_lost(&published.expected).await;
    let repeated = scene.only_excused_repetitions(&excuses).await;
    println!("{repeated} sent twice, {} were in flight", excuses.total());
}

/// Stalls the database until what is in hand is out: it can not be everything.
async fn stalled(scene: &Scene, proxy: &Proxy, published: &Published) {
    proxy.stall();
    let all = published.expected.acceptances();
    let ledger = &scene.stage.ledger;
    let finished = ledger
        .wait_until(STALL, |ledger| ledger.distinct() >= all)
        .await;
    assert!(!finished, "it went on without its database");
}

#[tokio::test(flavor = "multi_thread")]
async fn engine_starts_by_itself_once_the_database_is_there() {
    let mut scene = Scene::with(unhurried()).await;
    let mut proxy = Proxy::absent(scene.stage.database.url()).await.unwrap();
    scene
        .stage
        .set(DATABASE, proxy.url(scene.stage.database.url()));
    let engine = Process::starting(scene.stage.herald(&["serve"]));
    engine
        .says("the database schema is missing; trying again")
        .await;
    it_is_not_ready_because_of(&scene, "database").await;
    proxy.listen().await.unwrap();
    engine.says(RUNNING).await;
    engine.says(CONSUMING).await;
    it_works(&mut scene).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn engine_starts_by_itself_once_the_broker_is_there() {
    let mut scene = Scene::with(unhurried()).await;
    let mut proxy = Proxy::absent(scene.stage.vhost.url()).await.unwrap();
    scene.stage.set(BROKER, proxy.url(scene.stage.vhost.url()));
    let engine = Process::starting(scene.stage.herald(&["serve"]));
    engine.says("the consumers cannot start").await;
    it_is_not_ready_because_of(&scene, "broker").await;
    proxy.listen().await.unwrap();
    engine.says(CONSUMING).await;
    engine.says(RUNNING).await;
    it_works(&mut scene).await;
}

async fn behind_a_proxy() -> (Scene, Proxy) {
    let mut scene = Scene::with(unhurried()).await;
    let proxy = Proxy::before(scene.stage.database.url()).await.unwrap();
    scene
        .stage
        .set(DATABASE, proxy.url(scene.stage.database.url()));
    (scene, proxy)
}

async fn it_is_not_ready_because_of(scene: &Scene, part: &str) {
    let answer = client::get(&scene.stage.url("/readyz")).await.unwrap();
    assert_eq!(answer.status, 503);
    let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert_ne!(body["parts"][part], "ok", "{body}");
    assert!(body["parts"][part].is_string(), "{body}");
}

async fn it_works(scene: &mut Scene) {
    let published = scene.load(mix(), 50, 0.0).await.published().await;
    scene.nothing_is_lost(&published.expected).await;
    scene.nothing_is_sent_twice().await;
    scene.stage.ready().await;
}
