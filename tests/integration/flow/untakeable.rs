//! A row that PostgreSQL refuses to let be taken: the others go on.

use loadtest::simulator::Provider;
use serde_json::json;

use super::timing::from_now;
use crate::stage::{Stage, envelope_with};

const COUNT: i64 = 6;

/// What a CHECK that came later makes of one row, while the others become due.
const DUE: &str = "BEGIN;
    UPDATE notifications SET send_at = now(), due_at = now(), waits_for = NULL,
        error_message = CASE WHEN id = (SELECT min(id::text)::uuid FROM notifications) THEN 'odd' END;
    ALTER TABLE notifications ADD CONSTRAINT later
        CHECK (error_message IS DISTINCT FROM 'odd') NOT VALID;
    COMMIT";

async fn the_others_are_sent(due: &str) {
    let mut stage = Stage::with_lanes("email.*").await;
    stage.set("HERALD__LOG__FILTER", "warn,herald=info");
    let sendgrid = stage.simulator(Provider::SendGrid);
    stage.apply_ana_and(&[&sendgrid]);
    let mut outcomes = stage.outcomes().await;
    let engine = stage.start().await;
    let publisher = stage.publisher().await;
    for number in 0..COUNT {
        let priority = ["urgent", "normal", "low"][usize::try_from(number).unwrap() % 3];
        let later = json!({ "send_at": from_now(3_600), "priority": priority });
        publisher.publish(&envelope_with("email", later)).await;
    }
    let scheduled = "SELECT count(*) FROM notifications WHERE reason = 'scheduled'";
    outcomes.until_count(scheduled, COUNT).await;
    outcomes.execute(due).await;
    let sent = "SELECT count(*) FROM notifications WHERE status = 'sent'";
    outcomes.until_count(sent, COUNT - 1).await;
    let event = "SELECT count(*) FROM admin_system_events
        WHERE event_type = 'notification_not_taken' AND NOT is_resolved";
    outcomes.until_count(event, 1).await;
    assert_eq!(stage.ledger.accepted(), u64::try_from(COUNT - 1).unwrap());
    assert!(engine.stop().await.drained);
}

#[tokio::test(flavor = "multi_thread")]
async fn untakeable_due_row_stops_no_lane() {
    the_others_are_sent(DUE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn untakeable_row_of_an_account_stops_none_behind_it() {
    let waits = DUE.replace(
        "due_at = now(), waits_for = NULL",
        "waits_for = 'account:sendgrid'",
    );
    the_others_are_sent(&waits).await;
}
