//! A webhook that wants no more, or has failed for days: it is disabled, an event says so, and what it misses
//! is kept.

use herald::domain::WebhookSecret;
use loadtest::receiver::{Receiver, ReceiverBehaviour};

use super::Desk;
use crate::database::lines;
use crate::stage::Stage;

const EVENTS: &str = "SELECT count(*) FROM admin_system_events
                      WHERE event_type = 'webhook_disabled' AND NOT is_resolved";

fn disabled(reason: &str) -> String {
    format!(
        "SELECT count(*) FROM notification_webhooks
         WHERE NOT is_active AND disabled_reason = '{reason}'"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_gone_is_disabled_and_what_it_misses_is_kept() {
    let mut desk = Desk::open().await;
    let (receiver, id) = desk.receiver(1).await;
    receiver.behave(ReceiverBehaviour {
        status: 410,
        ..ReceiverBehaviour::default()
    });
    let _engine = desk.stage.start().await;
    desk.send(1).await;
    desk.outcomes.until_count(&disabled("gone"), 1).await;
    desk.outcomes.until_count(EVENTS, 1).await;
    let received = receiver.stats().received;
    assert!((1..=2).contains(&received), "{received}");
    desk.send(2).await;
    desk.until(id, "next_retry_at IS NULL AND NOT delivered", 6)
        .await;
    assert_eq!(receiver.stats().received, received, "nothing more is sent");
    assert_eq!(desk.outcomes.count(EVENTS).await, 1);
}

/// The owner has moved the webhook while its old place was asked, which says that it is gone.
#[tokio::test(flavor = "multi_thread")]
async fn what_an_old_place_says_late_disables_nobody_and_goes_to_the_new_one() {
    let mut desk = Desk::open().await;
    let (old, id) = desk.receiver(1).await;
    old.behave(ReceiverBehaviour {
        status: 410,
        delay_ms: 8_000,
        ..ReceiverBehaviour::default()
    });
    let new = Receiver::start(0).unwrap();
    new.trust(WebhookSecret::new([1; 24]).expose());
    let _engine = desk.stage.start().await;
    desk.send(1).await;
    let taken = format!(
        "SELECT count(*) FROM webhook_deliveries WHERE webhook_id = '{id}' AND owner IS NOT NULL"
    );
    desk.outcomes.until_count(&taken, 2).await;
    let url = new.url();
    let moved = format!("UPDATE notification_webhooks SET url = '{url}' WHERE id = '{id}'");
    desk.outcomes.execute(&moved).await;
    desk.until(id, "delivered AND attempt_count = 1", 2).await;
    assert_eq!(new.stats().distinct, 2);
    let active = "SELECT count(*) FROM notification_webhooks WHERE is_active";
    assert_eq!(desk.outcomes.count(active).await, 1);
    assert_eq!(desk.outcomes.count(EVENTS).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_asks_for_it_is_disabled_though_it_took_what_came() {
    let mut desk = Desk::open().await;
    let (receiver, id) = desk.receiver(1).await;
    receiver.behave(ReceiverBehaviour {
        headers: vec!["webhook-delivery: disable".to_owned()],
        first: Some(1),
        ..ReceiverBehaviour::default()
    });
    let _engine = desk.stage.start().await;
    desk.send(1).await;
    desk.outcomes.until_count(&disabled("receiver"), 1).await;
    desk.until(id, "NOT delivered AND next_retry_at IS NOT NULL", 0)
        .await;
    assert!(receiver.stats().accepted >= 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn days_of_nothing_but_failures_disable_a_webhook_and_one_success_clears_them() {
    let mut desk = Desk::open().await;
    let (receiver, id) = desk.receiver(1).await;
    let failing = ReceiverBehaviour {
        status: 503,
        ..ReceiverBehaviour::default()
    };
    receiver.behave(failing.clone());
    let engine = desk.stage.start().await;
    desk.send(1).await;
    let since = "SELECT count(*) FROM notification_webhooks WHERE failing_since IS NOT NULL";
    desk.outcomes.until_count(since, 1).await;
    receiver.behave(ReceiverBehaviour::default());
    desk.hurry().await;
    desk.until(id, "delivered", 2).await;
    desk.outcomes.until_count(since, 0).await;
    drop(engine);

    let for_days = "UPDATE notification_webhooks SET failing_since = now() - interval '121 hours',
                    last_failed_at = now() - interval '1 hour'";
    desk.outcomes.execute(for_days).await;
    receiver.behave(failing);
    let _engine = desk.stage.start().await;
    desk.send(1).await;
    desk.outcomes.until_count(&disabled("failing"), 1).await;
    desk.outcomes.until_count(EVENTS, 1).await;
    let told = "SELECT count(*) FROM admin_system_events
                WHERE event_type = 'webhook_disabled' AND description LIKE '%nothing but failures%'";
    assert_eq!(desk.outcomes.count(told).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_webhook_that_cannot_be_read_stops_no_other_and_is_told_of() {
    let mut desk = Desk::open().await;
    let (odd, odd_id) = desk.receiver(1).await;
    let (good, good_id) = desk.receiver(2).await;
    let by_hand = format!(
        "UPDATE notification_webhooks SET events = '[\"nonsense\", 3]' WHERE id = '{odd_id}'"
    );
    desk.outcomes.execute(&by_hand).await;
    let _engine = desk.stage.start().await;
    desk.send(2).await;
    desk.until(good_id, "delivered", 4).await;
    assert_eq!((good.stats().distinct, odd.stats().received), (4, 0));
    let told = "SELECT count(*) FROM admin_system_events WHERE event_type = 'webhook_unusable'";
    desk.outcomes.until_count(told, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_is_declared_in_a_file_that_may_be_applied_again() {
    let stage = Stage::with_lanes("email.normal").await;
    let file = |url: &str, more: &str| {
        format!(
            "[[webhooks]]\nname = \"desk\"\nurl = \"{url}\"\nevents = [\"notification.sent\"]\n\
             secret = \"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"\n{more}"
        )
    };
    let rows = "SELECT concat_ws(' ', url, events, is_active, retry_count, xmin) AS text
                FROM notification_schema.notification_webhooks";
    let mut owner = stage.database.owner().await;
    stage.apply(&file("https://example.com/a", ""));
    let first = lines(&mut owner, rows).await;
    assert!(
        first[0].starts_with("https://example.com/a [\"notification.sent\"] t 10 "),
        "{first:?}"
    );
    stage.apply(&file("https://example.com/a", ""));
    assert_eq!(lines(&mut owner, rows).await, first, "nothing was written");
    stage.apply(&file(
        "https://example.com/b",
        "is_active = false\nretry_count = 3\n",
    ));
    let changed = lines(&mut owner, rows).await;
    assert_eq!(changed.len(), 1);
    assert!(
        changed[0].starts_with("https://example.com/b [\"notification.sent\"] f 3 "),
        "{changed:?}"
    );
}
