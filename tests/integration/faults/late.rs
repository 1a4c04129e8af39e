//! What changes while a connection to a provider is opened: the last look is taken at the wire.

use std::time::Duration;

use herald::runtime::clock;

use super::process;
use crate::handshakes::SlowHandshakes;
use crate::stage::{ANA, PATIENCE, Stage, ana, envelope};

/// How long a decision holds.
const DECISION: Duration = Duration::from_secs(1);

/// A stage with one account whose handshakes wait to be let through.
async fn stage() -> (Stage, SlowHandshakes, tempfile::TempDir) {
    let mut stage = Stage::with_lanes("email.normal").await;
    let folder = tempfile::tempdir().unwrap();
    let (provider, ca) = SlowHandshakes::start(folder.path()).await;
    stage.set("HERALD__PROVIDERS__CA_FILE", ca);
    stage.set("HERALD__PROVIDERS__CONNECT_TIMEOUT", "5m");
    stage.apply(&format!("{}{}", ana(), provider.account()));
    (stage, provider, folder)
}

fn preference(enabled: bool) -> String {
    format!("[[preferences]]\nuser_id = \"{ANA}\"\nchannel = \"email\"\nenabled = {enabled}\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_opt_out_during_the_handshake_holds_and_the_connection_is_used_at_once() {
    let (stage, provider, _folder) = stage().await;
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    let publisher = stage.publisher().await;
    publisher.publish(&envelope("email")).await;
    provider.until(|seen| seen.connections == 1).await;
    let asked = clock::now();
    stage.apply(&preference(false));
    while clock::now().duration_since(asked) <= DECISION.try_into().unwrap() {
        stage.apply(&preference(false));
    }
    provider.let_through(1);
    outcomes.only("cancelled", Some("channel_disabled")).await;
    assert_eq!(provider.seen().requests, 0);
    // Who wants it gets it, over the connection that was opened in vain.
    stage.apply(&preference(true));
    publisher.publish(&envelope("email")).await;
    outcomes
        .until(|rows| rows.iter().any(|row| row.is("sent", None)))
        .await;
    let seen = provider.seen();
    assert_eq!((seen.connections, seen.requests), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_longer_than_any_decision_ends_in_one_request() {
    let (stage, provider, _folder) = stage().await;
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    stage.publisher().await.publish(&envelope("email")).await;
    provider.until(|seen| seen.connections == 1).await;
    let asked = clock::now();
    while clock::now().duration_since(asked) <= DECISION.try_into().unwrap() {
        stage.apply(&preference(true));
    }
    provider.let_through(1);
    let row = outcomes.only("sent", None).await;
    assert_eq!(row.attempt_count, 1);
    assert_eq!(row.attempts.as_array().unwrap().len(), 1, "{row:?}");
    let seen = provider.seen();
    assert_eq!((seen.connections, seen.requests), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_loses_its_lease_during_the_handshake_sends_nothing() {
    let (stage, provider, _folder) = stage().await;
    let mut outcomes = stage.outcomes().await;
    let one = process::node(stage.herald(&["serve"]), "one").await;
    stage.publisher().await.publish(&envelope("email")).await;
    provider.until(|seen| seen.connections == 1).await;
    one.signal("STOP").unwrap();
    let two = process::node(stage.herald(&["serve"]), "two").await;
    // Another takes it over, and waits at a handshake of its own.
    let waits = provider.until(|seen| seen.connections == 2);
    tokio::time::timeout(PATIENCE, waits).await.unwrap();
    provider.let_through(2);
    outcomes.only("sent", None).await;
    one.signal("CONT").unwrap();
    one.says("another node ended this node's run")
        .await
        .unwrap();
    process::end(&one).await;
    process::end(&two).await;
    let seen = provider.until(|seen| seen.closed >= 2).await;
    assert_eq!(seen.requests, 1, "{seen:?}");
}
