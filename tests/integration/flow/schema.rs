//! A node and the schema that it finds.

use diesel_async::SimpleAsyncConnection;
use herald::runtime::Shutdown;
use herald::{app, store::migrations};
use loadtest::harness::engine::CONSUMING;
use loadtest::harness::http;
use loadtest::simulator::Provider;

use crate::faults::process;
use crate::stage::{Stage, envelope};

#[tokio::test(flavor = "multi_thread")]
async fn a_node_waits_for_migrations_and_goes_on_by_itself() {
    let stage = Stage::with_lanes("email.normal").await;
    let url = stage.database.url().to_owned();
    let migrated = migrations::revert(&url, 1, |_| {}).await.unwrap();
    let engine = process::starting(stage.herald(&["serve"]));
    engine.says("1 migrations are pending").await.unwrap();
    let ready = http::get(&stage.url("/readyz")).await.unwrap();
    assert!(
        ready.text().contains("run `herald migrate`"),
        "{}",
        ready.text()
    );
    assert_eq!(migrations::migrate(&url, |_| {}).await.unwrap(), migrated);
    engine.says(CONSUMING).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_goes_on_beside_a_newer_version() {
    let stage = Stage::with_lanes("email.normal").await;
    let simulator = stage.simulator(Provider::SendGrid);
    stage.apply_ana_and(&[&simulator]);
    record(
        &stage,
        "INSERT INTO migration_schema.migrations VALUES ('9999-later', 'x')",
    )
    .await;
    let mut outcomes = stage.outcomes().await;
    let engine = process::engine(stage.herald(&["serve"])).await;
    engine
        .says("the database has a newer schema")
        .await
        .unwrap();
    let publisher = stage.publisher().await;
    publisher.publish(&envelope("email")).await;
    outcomes.only("sent", None).await;
    let checked = stage.herald(&["check"]).output().unwrap();
    let said = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(
        said.contains("warning schema: this database belongs to a newer"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_refuses_a_database_of_another_history() {
    let stage = Stage::with_lanes("email.normal").await;
    record(
        &stage,
        "UPDATE migration_schema.migrations SET sha256 = 'x'",
    )
    .await;
    let settings = stage.settings();
    let ended = tokio::task::spawn_blocking(|| app::run(settings, Shutdown::new()));
    let refused = ended.await.unwrap().unwrap_err().to_string();
    assert!(refused.contains("another history"), "{refused}");
    let status = stage.herald(&["migrate", "--status"]).output().unwrap();
    assert_eq!(status.status.code(), Some(1));
    let said = String::from_utf8_lossy(&status.stdout).into_owned();
    assert!(said.starts_with("altered "), "{said}");
}

async fn record(stage: &Stage, statement: &str) {
    let mut owner = stage.database.owner().await;
    owner.batch_execute(statement).await.unwrap();
}
