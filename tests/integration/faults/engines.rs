//! Two engines on one database and one vhost.

use herald::runtime::clock;
use jiff::SignedDuration;
use serde_json::json;

use super::process;
use crate::stage::{Stage, envelope_with};

/// Rows that are due at once.
const DUE: i64 = 100;

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_rows_that_are_due_at_once_are_sent_once_by_two_engines() {
    let (mut stage, _sendgrid, mut outcomes) = Stage::mailing().await;
    // A node holds a few at a time.
    stage.set("HERALD__LANES__NORMAL", "64");
    let node = |name| process::node(stage.herald(&["serve"]), name);
    let (_one, _two) = tokio::join!(node("one"), node("two"));
    let later = clock::now() + SignedDuration::from_hours(1);
    let later = envelope_with("email", json!({ "send_at": later.to_string() }));
    let publisher = stage.publisher().await;
    for n in 0..DUE {
        let mut message = later.clone();
        message["idempotency_key"] = json!(format!("due-{n}"));
        publisher.publish(&message).await;
    }
    let scheduled = "SELECT count(*) FROM notifications WHERE reason = 'scheduled'";
    outcomes.until_count(scheduled, DUE).await;
    let due = "UPDATE notifications SET send_at = now(), due_at = now()";
    outcomes.execute(due).await;
    let sent = "SELECT count(*) FROM notifications WHERE status = 'sent'";
    outcomes.until_count(sent, DUE).await;
    let all = u64::try_from(DUE).unwrap();
    assert_eq!(stage.ledger.accepted(), all, "{:?}", stage.ledger.totals());
    let runs = "SELECT count(DISTINCT take >> 32) FROM notifications";
    assert_eq!(outcomes.count(runs).await, 2, "one took them all");
}
