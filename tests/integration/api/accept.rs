//! Accepting by HTTP: what is answered with 202 is stored, sent once, and found again by its key.

mod batches;
mod conflicts;
mod refusals;
mod troubles;

use futures_util::future::join_all;
use loadtest::harness::http::Answer;
use loadtest::simulator::Simulator;
use serde_json::{Value, json};

use super::door::{ask, ask_as, is, json_of, key, told};
use crate::outcomes::Outcomes;
use crate::stage::{ANA, Stage, envelope, envelope_with};

const SINGLE: &str = "/v1/notifications";
const BATCH: &str = "/v1/notifications/batch";
const ROWS: &str = "SELECT count(*) FROM notifications";
const BOOKED: &str = "SELECT coalesce(sum(accepted_api), 0)::bigint AS count FROM intake";
const CONSUMED: &str = "SELECT coalesce(sum(consumed), 0)::bigint AS count FROM intake";
const DUPLICATES: &str = "SELECT coalesce(sum(duplicates), 0)::bigint AS count FROM intake";

/// A stage on which mail is sent to Ana, and the key of a publisher of the default tenant.
async fn mailing() -> (Stage, Simulator, Outcomes, String) {
    let (stage, sendgrid, outcomes) = Stage::mailing().await;
    let publisher = key(&stage, "publisher", None);
    (stage, sendgrid, outcomes, publisher)
}

/// An envelope without a key.
fn unkeyed() -> Value {
    let mut envelope = envelope("email");
    envelope.as_object_mut().unwrap().remove("idempotency_key");
    envelope
}

async fn post(stage: &Stage, key: &str, envelope: &Value) -> Answer {
    ask_as(stage, key, "POST", SINGLE, &envelope.to_string()).await
}

async fn post_keyed(stage: &Stage, key: &str, header: &str, envelope: &Value) -> Answer {
    let headers = [
        &*format!("Authorization: Bearer {key}"),
        "Content-Type: application/json",
        &format!("Idempotency-Key: {header}"),
    ];
    ask(stage, "POST", SINGLE, &headers, &envelope.to_string()).await
}

/// The id of what was accepted, and whether it is a repetition.
fn accepted(answer: &Answer) -> (String, bool) {
    assert_eq!(answer.status, 202, "{}", answer.text());
    let body = json_of(answer);
    assert_eq!(body["status"], "pending");
    let id = body["id"].as_str().unwrap().to_owned();
    assert_eq!(
        answer.headers["location"],
        format!("{SINGLE}/{id}").as_str()
    );
    let replayed = answer.headers.get("idempotent-replayed");
    (id, replayed.is_some_and(|it| it == "true"))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_accepted_goes_straight_on_and_is_found_again_by_its_key() {
    let (mut stage, _sendgrid, mut outcomes, key) = mailing().await;
    // The scheduler would bring it far too late.
    stage.set("HERALD__ENGINE__SCHEDULER_POLL", "1m");
    let engine = stage.start().await;
    let body = unkeyed();
    let answer = post_keyed(&stage, &key, "\"order-17\"", &body).await;
    let (id, replayed) = accepted(&answer);
    assert!(!replayed);
    assert_eq!(answer.headers["idempotency-key"], "\"order-17\"");
    let row = outcomes.only("sent", None).await;
    assert_eq!(row.id.to_string(), id);
    // The header, bare; the field; and by AMQP: one namespace.
    let bare = post_keyed(&stage, &key, "order-17", &body).await;
    assert_eq!(accepted(&bare), (id.clone(), true));
    let keyed = envelope_with("email", json!({ "idempotency_key": "order-17" }));
    assert_eq!(
        accepted(&post(&stage, &key, &keyed).await),
        (id.clone(), true)
    );
    let both = post_keyed(&stage, &key, "order-17", &keyed).await;
    assert_eq!(accepted(&both), (id, true));
    stage.publisher().await.publish(&keyed).await;
    outcomes.until_count(DUPLICATES, 1).await;
    let other = envelope_with(
        "email",
        json!({ "idempotency_key": "order-17", "to": "b@example.com" }),
    );
    let answer = post(&stage, &key, &other).await;
    assert_eq!(told(&answer), is(422, "idempotency_key_reused"));
    let answer = post_keyed(&stage, &key, "order-18", &keyed).await;
    assert_eq!(told(&answer), is(400, "idempotency_key_differs"));
    for bad in ["\"open", "", &"x".repeat(256)] {
        let answer = post_keyed(&stage, &key, bad, &body).await;
        assert_eq!(told(&answer), is(400, "invalid_header"), "{bad}");
    }
    assert_eq!(stage.ledger.accepted(), 1);
    // Without a key each call is another notification.
    let (one, two) = (
        post(&stage, &key, &body).await,
        post(&stage, &key, &body).await,
    );
    assert_ne!(accepted(&one).0, accepted(&two).0);
    let sent = "SELECT count(*) FROM notifications WHERE status = 'sent'";
    outcomes.until_count(sent, 3).await;
    assert_eq!(outcomes.count(BOOKED).await, 3);
    assert_eq!(
        (
            outcomes.count(CONSUMED).await,
            outcomes.count(DUPLICATES).await
        ),
        (1, 1)
    );
    assert!(engine.stop().await.drained);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_key_posted_a_hundred_times_at_two_nodes_and_by_amqp_is_one_notification() {
    let (mut stage, _sendgrid, mut outcomes, key) = mailing().await;
    let _first = stage.start().await;
    let url = stage.url(SINGLE);
    let port = loadtest::harness::ports::free_port().unwrap();
    stage.set("HERALD__HTTP__BIND", format!("127.0.0.1:{port}"));
    let _second = stage.start().await;
    let (urls, publisher) = ([url, stage.url(SINGLE)], stage.publisher().await);
    let body = envelope("email");
    let text = body.to_string();
    let bearer = format!("Authorization: Bearer {key}");
    let headers = [&*bearer, "Content-Type: application/json"];
    let posts = join_all((0..100).map(|number| {
        let url = &urls[number % 2];
        loadtest::harness::http::request("POST", url, &headers, text.as_bytes())
    }));
    let amqp = async {
        for _ in 0..10 {
            publisher.publish(&body).await;
        }
    };
    let (answers, ()) = tokio::join!(posts, amqp);
    let ids = answers
        .into_iter()
        .map(|answer| accepted(&answer.unwrap()).0);
    let ids: std::collections::HashSet<String> = ids.collect();
    assert_eq!(ids.len(), 1, "{ids:?}");
    let row = outcomes.only("sent", None).await;
    assert!(ids.contains(&row.id.to_string()));
    // One of all is the first, by whichever way it came.
    let balance = format!("SELECT ({BOOKED}) + ({CONSUMED}) - ({DUPLICATES}) AS count");
    outcomes.until_count(&balance, 1).await;
    assert_eq!(outcomes.count(ROWS).await, 1);
    assert_eq!(stage.ledger.accepted(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_new_message_describes_its_person_and_a_conflict_stores_nothing() {
    let (stage, _sendgrid, mut outcomes, key) = mailing().await;
    let _engine = stage.start().await;
    let ben = "0190c1a0-0000-7000-8000-000000000002";
    let describing = |key: &str, email: &str| {
        envelope_with(
            "email",
            json!({ "user_id": ben, "idempotency_key": key, "recipient": { "email": email } }),
        )
    };
    let first = describing("k-1", "ben@example.com");
    let (id, _) = accepted(&post(&stage, &key, &first).await);
    let email = |address: &str| {
        format!("SELECT count(*) FROM users WHERE id = '{ben}' AND email = '{address}'")
    };
    assert_eq!(outcomes.count(&email("ben@example.com")).await, 1);
    // Another message changes the person; a late repetition does not change them back.
    accepted(&post(&stage, &key, &describing("k-2", "ben@example.org")).await);
    assert_eq!(accepted(&post(&stage, &key, &first).await), (id, true));
    assert_eq!(outcomes.count(&email("ben@example.org")).await, 1);
    // What reuses a key describes nobody, and neither does what conflicts with somebody else.
    let reused = post(&stage, &key, &describing("k-1", "ben@example.net")).await;
    assert_eq!(told(&reused), is(422, "idempotency_key_reused"));
    let conflict = describing("k-3", "ana@example.com");
    let answer = post(&stage, &key, &conflict).await;
    assert_eq!(told(&answer), is(422, "recipient_conflict"));
    assert_eq!(json_of(&answer)["errors"][0]["pointer"], "#/recipient");
    assert_eq!(outcomes.count(&email("ben@example.org")).await, 1);
    // Its key is free.
    let mended = post(&stage, &key, &describing("k-3", "ben@example.org")).await;
    assert!(!accepted(&mended).1);
    let sent = "SELECT count(*) FROM notifications WHERE status = 'sent'";
    outcomes.until_count(sent, 3).await;
    assert_eq!(outcomes.count(BOOKED).await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_takes_the_usual_way() {
    let (stage, _sendgrid, mut outcomes, key) = mailing().await;
    let _engine = stage.start().await;
    let later = envelope_with("email", json!({ "send_at": "2126-01-01T00:00:00Z" }));
    let answer = post(&stage, &key, &later).await;
    assert_eq!(told(&answer), is(422, "invalid_body"), "at most a year");
    let tomorrow = herald::runtime::clock::now() + jiff::SignedDuration::from_hours(24);
    let later = envelope_with("email", json!({ "send_at": tomorrow.to_string() }));
    let (id, _) = accepted(&post(&stage, &key, &later).await);
    let row = outcomes.only("pending", Some("scheduled")).await;
    assert_eq!(row.id.to_string(), id);
    let expired = envelope_with("email", json!({ "expires_at": "2020-01-01T00:00:00Z" }));
    accepted(&post(&stage, &key, &expired).await);
    let cancelled =
        |rows: &[crate::outcomes::Row]| rows.iter().any(|row| row.is("cancelled", Some("expired")));
    outcomes.until(cancelled).await;
    assert_eq!(ANA, later["user_id"]);
    assert_eq!(stage.ledger.accepted(), 0);
}
