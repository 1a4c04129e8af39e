//! Sending: signed, at least once, by its own schedule, and to nobody who is not to be reached.

use loadtest::receiver::ReceiverBehaviour;

use super::Desk;
use crate::database::lines;
use crate::faults::process;

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_is_told_once_signed_and_byte_for_byte_as_it_is_stored() {
    let mut desk = Desk::open().await;
    let (receiver, id) = desk.receiver(1).await;
    let _engine = desk.stage.start().await;
    desk.send(3).await;
    desk.until(id, "delivered", 6).await;
    let stats = receiver.stats();
    assert_eq!(
        (stats.accepted, stats.distinct, stats.invalid),
        (6, 6, 0),
        "{stats:?}"
    );
    assert_eq!(stats.types["notification.sent"], 3);
    assert_eq!(stats.types["notification.accepted"], 3);
    let stored = "SELECT id || ' ' || payload AS text FROM notification_schema.webhook_deliveries
                  WHERE response_status = 204 AND attempt_count = 1 AND owner IS NULL
                    AND next_retry_at IS NULL AND delivered_at IS NOT NULL
                  ORDER BY id::text";
    let stored = lines(&mut desk.stage.database.owner().await, stored).await;
    let told: Vec<String> = receiver
        .told()
        .iter()
        .map(|told| format!("{} {}", told.id, told.body))
        .collect();
    assert_eq!(told, stored);
    assert!(!told.concat().contains("@example.com"), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_is_made_while_the_engine_works_hears_of_what_happens_then() {
    let mut desk = Desk::open().await;
    let _engine = desk.stage.start().await;
    desk.send(1).await;
    let (receiver, id) = desk.receiver(1).await;
    // A notice tells the engine of it; until then nothing is written for it.
    let written = format!("SELECT count(*) FROM webhook_deliveries WHERE webhook_id = '{id}'");
    let known = tokio::time::timeout(crate::database::PATIENCE, async {
        while desk.outcomes.count(&written).await == 0 {
            desk.send(1).await;
        }
    });
    known.await.unwrap();
    let all = desk.outcomes.count(&written).await;
    desk.until(id, "delivered", all).await;
    assert_eq!(receiver.stats().distinct, u64::try_from(all).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_taken_is_sent_again_under_the_same_id_at_its_own_step() {
    let mut desk = Desk::open().await;
    let (receiver, id) = desk.receiver(1).await;
    receiver.behave(ReceiverBehaviour {
        status: 500,
        body: "no <b>room</b>\u{1b}".to_owned(),
        ..ReceiverBehaviour::default()
    });
    let _engine = desk.stage.start().await;
    desk.send(1).await;
    for (tries, least, most) in [(1, 5, 8), (2, 300, 331), (3, 1_800, 1_981)] {
        let waits = format!(
            "attempt_count = {tries} AND owner IS NULL AND next_retry_at BETWEEN
             last_attempt_at + interval '{least} s' AND last_attempt_at + interval '{most} s'"
        );
        desk.until(id, &waits, 2).await;
        desk.hurry().await;
    }
    let answer = "response_status = 500 AND response_body = 'no <b>room</b>\\u{1b}'";
    desk.until(id, answer, 2).await;
    receiver.behave(ReceiverBehaviour::default());
    desk.hurry().await;
    desk.until(id, "delivered AND next_retry_at IS NULL", 2)
        .await;
    let told = receiver.told();
    let stats = receiver.stats();
    assert_eq!(
        (told.len(), stats.changed, stats.repeated),
        (2, 0, 0),
        "{stats:?}"
    );
    assert!(
        told.iter()
            .all(|told| told.times >= 4 && told.accepted == 1),
        "{told:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_webhook_that_never_answers_delays_no_other() {
    let mut desk = Desk::open().await;
    desk.stage.set("HERALD__WEBHOOKS__CONCURRENCY", "2");
    let (slow, slow_id) = desk.receiver(1).await;
    slow.behave(ReceiverBehaviour {
        delay_ms: 60_000,
        ..ReceiverBehaviour::default()
    });
    let (quick, quick_id) = desk.receiver(2).await;
    let _engine = desk.stage.start().await;
    desk.send(30).await;
    desk.until(quick_id, "delivered", 60).await;
    assert_eq!(quick.stats().distinct, 60);
    // Two in flight, two in hand; the rest can be taken by anybody.
    desk.until(slow_id, "owner IS NULL AND attempt_count = 0", 56)
        .await;
    assert!(slow.stats().received <= 2, "{:?}", slow.stats());
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_with_an_engine_that_is_killed() {
    let mut desk = Desk::open().await;
    let (receiver, id) = desk.receiver(1).await;
    receiver.behave(ReceiverBehaviour {
        status: 503,
        delay_ms: 60_000,
        ..ReceiverBehaviour::default()
    });
    let engine = process::engine(desk.stage.herald(&["serve"])).await;
    desk.send(40).await;
    desk.until(id, "owner IS NOT NULL", 80).await;
    engine.kill().await.unwrap();
    receiver.behave(ReceiverBehaviour::default());
    let _next = process::engine(desk.stage.herald(&["serve"])).await;
    desk.until(id, "delivered", 80).await;
    let stats = receiver.stats();
    assert!(stats.distinct == 80 && stats.changed == 0, "{stats:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_not_public_is_refused_with_why_and_reached_by_nothing() {
    let mut desk = Desk::open().await;
    desk.stage.set("HERALD__WEBHOOKS__ALLOWED_NETWORKS", "");
    let (receiver, id) = desk.receiver(1).await;
    let _engine = desk.stage.start().await;
    desk.send(1).await;
    let refused = "attempt_count = 1 AND response_status IS NULL
                   AND error LIKE '%127.0.0.1 is not public%allowed_networks%'";
    desk.until(id, refused, 2).await;
    assert_eq!(receiver.stats().received, 0);
}
