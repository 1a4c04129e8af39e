//! A machine that allows too few open files: said, and nobody else's fault.

use loadtest::harness::http;
use loadtest::simulator::Provider;
use serde_json::json;

use super::process;
use super::scene::answering_after;
use crate::stage::{Stage, envelope_with};
use loadtest::harness::engine::RUNNING;

const MESSAGES: usize = 60;
/// Connections that the account may still open.
const ROOM: usize = 6;

#[tokio::test(flavor = "multi_thread")]
async fn files_that_run_out_are_no_providers_fault_and_use_up_no_attempt() {
    let mut stage = Stage::with_lanes("email.normal").await;
    // Less is said by `/readyz` than what is enough here.
    let provider = stage.behaving(Provider::SendGrid, answering_after(300.0));
    stage.apply_ana_and(&[&provider]);
    let mut outcomes = stage.outcomes().await;
    let idle = process::engine(stage.herald(&["serve"])).await;
    let open = std::fs::read_dir(format!("/proc/{}/fd", idle.id()));
    let open = open.unwrap().count();
    process::end(&idle).await;

    stage.set("HERALD__LOG__FORMAT", "json");
    let limited = stage.herald_after(&format!("ulimit -n {}", open + ROOM), "serve");
    let engine = process::engine(limited).await;
    engine
        .says("the process has too few open files")
        .await
        .unwrap();
    let publisher = stage.publisher().await;
    for _ in 0..MESSAGES {
        // One attempt, and no other.
        let once = json!({ "max_retries": 0 });
        publisher.publish(&envelope_with("email", once)).await;
    }
    let rows = outcomes
        .until(|rows| rows.len() == MESSAGES && rows.iter().any(|row| row.status != "pending"))
        .await;
    let lacked = rows.iter().filter(|row| {
        let attempts = row.attempts.to_string();
        attempts.contains("no further file")
    });
    assert!(lacked.count() > 0, "{rows:#?}");
    process::end(&engine).await;
    let opened =
        "SELECT count(*) FROM admin_system_events WHERE event_type = 'provider_circuit_open'";
    assert_eq!(outcomes.count(opened).await, 0);

    // With files enough all of them go, in the one attempt that they have.
    outcomes
        .execute("UPDATE notifications SET due_at = now() WHERE status = 'pending'")
        .await;
    let _engine = process::engine(stage.herald(&["serve"])).await;
    outcomes
        .until(|rows| rows.iter().all(|row| row.status == "sent"))
        .await;
    assert_eq!(stage.ledger.sent_twice().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn too_few_files_to_work_with_are_said_and_the_node_is_not_ready() {
    let mut stage = Stage::with_lanes("email.normal").await;
    stage.set("HERALD__LOG__FORMAT", "json");
    // Too few for a channel of each lane: it does not consume.
    let engine = process::starting(stage.herald_after("ulimit -n 60", "serve"));
    engine
        .says("the process has too few open files")
        .await
        .unwrap();
    engine.says(RUNNING).await.unwrap();
    let ready = http::get(&stage.url("/readyz")).await.unwrap();
    assert_eq!(ready.status, 503);
    let said = ready.text();
    assert!(said.contains("may have 60 open files, and needs"), "{said}");
    let check = stage
        .herald_after("ulimit -n 60", "check")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&check.stdout).into_owned();
    assert!(
        said.contains("failed  open files: the process may have 60"),
        "{said}"
    );
    // What may be raised is raised.
    stage.set("HERALD__HTTP__BIND", "127.0.0.1:0");
    let raised = stage.herald_after("ulimit -Sn 60", "serve");
    let raised = process::engine(raised).await;
    process::end(&raised).await;
    let said = raised.lines();
    assert!(!said.iter().any(|line| line.contains("too few open files")));
}
