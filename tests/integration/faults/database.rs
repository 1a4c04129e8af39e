//! PostgreSQL or RabbitMQ is not there when the engine starts.

use loadtest::harness::http;
use loadtest::harness::proxy::Proxy;
use loadtest::simulator::Behaviour;

use super::process;
use super::scene::{Scene, mix};
use loadtest::harness::engine::{CONSUMING, RUNNING};

const DATABASE: &str = "HERALD__DATABASE__URL";
const BROKER: &str = "HERALD__BROKER__URL";

#[tokio::test(flavor = "multi_thread")]
async fn engine_starts_by_itself_once_the_database_is_there() {
    let mut scene = Scene::with(Behaviour::default()).await;
    let mut proxy = Proxy::absent(scene.stage.database.url()).unwrap();
    scene
        .stage
        .set(DATABASE, proxy.url(scene.stage.database.url()));
    let engine = process::starting(scene.stage.herald(&["serve"]));
    engine
        .says("the database cannot be used yet; trying again")
        .await
        .unwrap();
    it_is_not_ready_because_of(&scene, "database").await;
    proxy.listen().await.unwrap();
    engine.says(RUNNING).await.unwrap();
    engine.says(CONSUMING).await.unwrap();
    it_works(&mut scene).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn engine_starts_by_itself_once_the_broker_is_there() {
    let mut scene = Scene::with(Behaviour::default()).await;
    let mut proxy = Proxy::absent(scene.stage.vhost.url()).unwrap();
    scene.stage.set(BROKER, proxy.url(scene.stage.vhost.url()));
    let engine = process::starting(scene.stage.herald(&["serve"]));
    engine.says("the consumers cannot start").await.unwrap();
    it_is_not_ready_because_of(&scene, "broker").await;
    proxy.listen().await.unwrap();
    engine.says(CONSUMING).await.unwrap();
    engine.says(RUNNING).await.unwrap();
    it_works(&mut scene).await;
}

async fn it_is_not_ready_because_of(scene: &Scene, part: &str) {
    let answer = http::get(&scene.stage.url("/readyz")).await.unwrap();
    assert_eq!(answer.status, 503);
    let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert_ne!(body["parts"][part], "ok", "{body}");
    assert!(body["parts"][part].is_string(), "{body}");
}

async fn it_works(scene: &mut Scene) {
    let published = scene.load(mix(), 50).await.published().await;
    scene.all_is_sent_once(&published.expected).await;
    scene.stage.ready().await;
}
