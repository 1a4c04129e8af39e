//! What is kept of events, when that is answered, and what it counts for.

use diesel_async::SimpleAsyncConnection;
use herald::runtime::clock;
use serde_json::json;
use uuid::Uuid;

use super::Hooks;
use super::sendgrid::event;
use crate::flow::status::Listener;

/// A node that is started anew, as any other, has been told nothing of it itself.
#[tokio::test(flavor = "multi_thread")]
async fn what_an_account_tells_all_nodes_together_counts() {
    let hooks = Hooks::with(&[("HERALD__PROVIDERS__DEAD_ADDRESSES_A_MINUTE", "2")]).await;
    let told = async |ages: &str| {
        let stored = format!(
            "INSERT INTO email_logs (message_type, provider, event, event_id, blame, occurred_at, created_at)
             SELECT 'email', 'mail', 'bounce', gen_random_uuid()::text, 'dead', now(), now() - age * interval '1 second'
             FROM unnest(ARRAY[{ages}]) AS age RETURNING event AS text"
        );
        hooks.lines(&stored).await;
    };
    told("5, 300, 300, 300").await;
    let _engine = hooks.stage.start().await;
    let dead =
        |id: &str, email: &str| event("bounce", id, json!({ "type": "bounce", "email": email }));
    assert_eq!(hooks.tell(&[dead("1", "ana@example.com")]).await, 204);
    let believed = ["email ana@example.com hard_bounce - t 1"];
    assert_eq!(
        hooks.suppressed().await,
        believed,
        "one elsewhere and this one"
    );
    assert_eq!(hooks.tell(&[dead("2", "other@example.com")]).await, 204);
    assert_eq!(hooks.suppressed().await, believed, "the third in a minute");
}

#[tokio::test(flavor = "multi_thread")]
async fn status_events_and_a_running_hour_hear_what_events_say_though_there_is_no_webhook() {
    let hooks = Hooks::with(&[("HERALD__BROKER__PUBLISH_STATUS", "true")]).await;
    let mut listener = Listener::of(&hooks.stage).await;
    let _engine = hooks.stage.start().await;
    let sums = "SELECT concat_ws(' ', provider, sum(total_sent), sum(total_failed), sum(delivery_ms_total) < 0) AS text
                FROM notification_metrics WHERE hour IS NOT NULL AND provider = 'mail' GROUP BY provider";
    let of = |id: Uuid| json!({ "herald_notification_id": id });
    let read = hooks.sent("mail", "").await;
    // They are told in any order, and come in that in which they happened.
    let now = clock::now().as_second();
    let ago = |kind: &str, id: &str, seconds: i64| {
        let mut event = event(kind, id, of(read));
        event["timestamp"] = json!(now - seconds);
        event
    };
    let told = [
        ago("click", "0a", 4),
        ago("open", "0b", 4),
        ago("delivered", "0c", 9),
    ];
    assert_eq!(hooks.tell(&told).await, 204);
    for key in ["email.delivered", "email.opened", "email.clicked"] {
        assert_eq!(listener.next().await.key, key);
    }
    let written = "SELECT last_value::text AS text FROM pg_sequences WHERE sequencename = 'status_outbox_id_seq'";
    assert_eq!(hooks.lines(written).await, ["3"]);
    let refused = hooks
        .sent("mail", "created_at = now() - interval '2 seconds'")
        .await;
    let mut blocked = of(refused);
    blocked["type"] = json!("blocked");
    assert_eq!(hooks.tell(&[event("bounce", "1", blocked)]).await, 204);
    assert_eq!(hooks.lines(sums).await, ["mail -1 0 t"]);
    let unknown = r#"[{"at": "2026-01-01T00:00:00Z", "step": "attempt", "provider": "mail", "class": "unknown", "elapsed_ms": 5}]"#;
    let given_up = format!(
        "status = 'failed', reason = 'retries_exhausted', sent_at = NULL, failed_at = now(), attempts = '{unknown}'"
    );
    let known = hooks.sent("mail", &given_up).await;
    assert_eq!(hooks.tell(&[event("delivered", "2", of(known))]).await, 204);
    assert_eq!(hooks.lines(sums).await, ["mail 0 -1 t"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_answered_before_it_is_stored_and_a_refused_event_takes_no_other_with_it() {
    let hooks = Hooks::open().await;
    let _engine = hooks.stage.start().await;
    let mut owner = hooks.stage.database.owner().await;
    let hold = "BEGIN; LOCK TABLE notification_schema.email_logs IN EXCLUSIVE MODE";
    owner.batch_execute(hold).await.unwrap();
    let delivered = event("delivered", "1", json!({}));
    let status = hooks.tell(std::slice::from_ref(&delivered)).await;
    assert_eq!(status, 503, "nobody can store it");
    let refuse = "ROLLBACK; ALTER TABLE notification_schema.email_logs
                  ADD CONSTRAINT odd CHECK (code <> '5.9.9')";
    owner.batch_execute(refuse).await.unwrap();
    let odd = event("bounce", "2", json!({ "status": "5.9.9" }));
    let opened = event("open", "3", json!({}));
    assert_eq!(hooks.tell(&[delivered, odd, opened]).await, 204);
    let kept = ["delivered - f", "open - f", "unreadable - f"];
    assert_eq!(hooks.events().await, kept);
}

/// The statement that keeps it marks the hour in which it happened, so that its figures are counted again.
#[tokio::test(flavor = "multi_thread")]
async fn what_happened_in_an_hour_that_is_over_marks_that_hour_and_no_other() {
    let hooks = Hooks::open().await;
    let _engine = hooks.stage.start().await;
    let sent = hooks.sent("mail", "").await;
    let then = clock::now().as_second() - 5 * 3_600;
    let late = json!({ "herald_notification_id": sent, "timestamp": then });
    let soon = json!({ "herald_notification_id": sent });
    let told = [event("delivered", "1", late), event("open", "2", soon)];
    assert_eq!(hooks.tell(&told).await, 204);
    let marked = format!(
        "SELECT concat_ws(' ', hour = date_trunc('hour', to_timestamp({then}), 'UTC'), marks) AS text
         FROM counted_hours WHERE marks > 0"
    );
    assert_eq!(hooks.lines(&marked).await, ["t 1"]);
}
