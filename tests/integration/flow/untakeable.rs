//! A row that PostgreSQL refuses to let be taken: the others go on.

use diesel_async::SimpleAsyncConnection;
use loadtest::simulator::Provider;
use serde_json::json;

use super::timing::from_now;
use crate::database::PATIENCE;
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

/// Who is taken cannot go on, and a full disk keeps them from being given back; a sequence counts how often.
const FULL: &str = "BEGIN;
    CREATE SEQUENCE public.refused;
    CREATE FUNCTION public.full_disk() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
        PERFORM nextval('public.refused');
        RAISE EXCEPTION 'no space' USING ERRCODE = '53100';
    END $$;
    CREATE TRIGGER full_disk BEFORE UPDATE ON notification_schema.notifications FOR EACH ROW
        WHEN (OLD.owner IS NOT NULL AND NEW.owner IS NULL AND NEW.status = 'pending')
        EXECUTE FUNCTION public.full_disk();
    REVOKE SELECT ON notification_schema.suppressions FROM herald_notifications;
    UPDATE notification_schema.notifications SET send_at = now(), due_at = now();
    COMMIT";
const ROOM: &str = "BEGIN;
    DROP FUNCTION public.full_disk CASCADE;
    GRANT SELECT ON notification_schema.suppressions TO herald_notifications;
    COMMIT";

#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_be_given_back_while_the_disk_was_full_is_sent_afterwards() {
    let stage = Stage::with_lanes("email.*").await;
    let sendgrid = stage.simulator(Provider::SendGrid);
    stage.apply_ana_and(&[&sendgrid]);
    let mut outcomes = stage.outcomes().await;
    let engine = stage.start().await;
    let publisher = stage.publisher().await;
    for _ in 0..2 {
        let later = json!({ "send_at": from_now(3_600) });
        publisher.publish(&envelope_with("email", later)).await;
    }
    let scheduled = "SELECT count(*) FROM notifications WHERE reason = 'scheduled'";
    outcomes.until_count(scheduled, 2).await;
    stage
        .database
        .owner()
        .await
        .batch_execute(FULL)
        .await
        .unwrap();
    // Both together, and each of them.
    let refused = "SELECT last_value AS count FROM public.refused";
    let all = async { while outcomes.count(refused).await < 3 {} };
    tokio::time::timeout(PATIENCE, all).await.unwrap();
    stage
        .database
        .owner()
        .await
        .batch_execute(ROOM)
        .await
        .unwrap();
    let sent = "SELECT count(*) FROM notifications WHERE status = 'sent'";
    outcomes.until_count(sent, 2).await;
    assert_eq!(stage.ledger.accepted(), 2);
    assert!(engine.stop().await.drained);
}
