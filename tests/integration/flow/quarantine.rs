//! An outcome that PostgreSQL refuses for its own data, at the operator's desk.

use std::time::Duration;

use loadtest::simulator::Provider;
use serde_json::{Value, json};

use crate::stage::{ANA, Stage, account, ana, envelope_with};

const BEN: &str = "0190c1a0-0000-7000-8000-000000000002";
const QUARANTINED: &str = "SELECT count(*) FROM notification_quarantine WHERE resolved_at IS NULL";
const DUPLICATES: &str = "SELECT coalesce(sum(duplicates), 0)::bigint AS count FROM intake";

fn herald(stage: &Stage, arguments: &[&str]) -> (Option<i32>, String) {
    let output = stage.herald(arguments).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (
        output.status.code(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

fn in_json(stage: &Stage, arguments: &[&str]) -> Value {
    let all = [&["--json", "quarantine"], arguments].concat();
    let (code, said) = herald(stage, &all);
    assert_eq!(code, Some(0), "{said}");
    serde_json::from_str(&said).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn quarantined_outcome_is_listed_replayed_and_never_sent_again() {
    let stage = Stage::with_lanes("email.normal").await;
    let sendgrid = stage.simulator(Provider::SendGrid);
    let ben =
        format!("[[users]]\nid = \"{BEN}\"\nemail = \"ben@example.com\"\nusername = \"ben\"\n");
    stage.apply(&format!("{}{ben}{}", ana(), account(&sendgrid)));
    let mut outcomes = stage.outcomes().await;
    let by_hand = "ALTER TABLE notifications
        ADD CONSTRAINT by_hand CHECK (recipient <> 'ana@example.com')";
    outcomes.execute(by_hand).await;
    let engine = stage.start().await;
    let publisher = stage.publisher().await;
    let for_ana = envelope_with("email", json!({ "user_id": ANA }));
    publisher.publish(&for_ana).await;
    publisher
        .publish(&envelope_with("email", json!({ "user_id": BEN })))
        .await;
    let stored = outcomes.only("sent", None).await;
    assert_eq!(stored.recipient.as_deref(), Some("ben@example.com"));
    let in_time = stage.ledger.wait_for_accepted(2, Duration::from_secs(30));
    assert!(in_time.await);
    // The same message again is known, though no row says so: also to another run.
    publisher.publish(&for_ana).await;
    outcomes.until_count(DUPLICATES, 1).await;
    assert_eq!(outcomes.count(QUARANTINED).await, 1);
    assert!(engine.stop().await.drained);
    let engine = stage.start().await;
    publisher.publish(&for_ana).await;
    outcomes.until_count(DUPLICATES, 2).await;

    let list = in_json(&stage, &["list"]);
    let entry = &list["data"][0];
    assert_eq!(entry["sqlstate"], "23514");
    assert_eq!(entry["status"], "sent");
    let id = entry["notification_id"].as_str().unwrap();
    let (code, shown) = herald(&stage, &["quarantine", "show", id]);
    assert!(code == Some(0) && shown.contains("by_hand"), "{shown}");
    assert!(!shown.contains("It is on its way."), "{shown}");
    let (_, shown) = herald(&stage, &["quarantine", "show", id, "--content"]);
    assert!(shown.contains("It is on its way."), "{shown}");

    let (code, said) = herald(&stage, &["quarantine", "replay", id]);
    assert_eq!(code, Some(1));
    assert!(said.contains("refused again"), "{said}");
    let mend = "ALTER TABLE notifications DROP CONSTRAINT by_hand";
    outcomes.execute(mend).await;
    let replayed = in_json(&stage, &["replay", "--all"]);
    assert_eq!(replayed["data"][0]["result"], "stored");
    outcomes
        .until(|rows| rows.len() == 2 && rows.iter().all(|row| row.is("sent", None)))
        .await;
    assert_eq!(outcomes.count(QUARANTINED).await, 0);
    assert_eq!(stage.ledger.accepted(), 2);
    let (code, said) = herald(&stage, &["quarantine", "resolve", id]);
    assert_eq!(code, Some(1), "{said}");
    assert!(engine.stop().await.drained);
}
