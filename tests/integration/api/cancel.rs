//! Cancelling: what is answered as cancelled is never sent, by no node; and what is too late is told.

use herald::runtime::clock;
use jiff::SignedDuration;
use loadtest::harness::http::Answer;
use loadtest::simulator::{Behaviour, Fault, Provider, Rule};
use serde_json::{Value, json};
use uuid::Uuid;

use super::door::{OTHER, ask_as, is, json_of, key, told};
use crate::database::{PATIENCE, lines};
use crate::faults::process;
use crate::handshakes::SlowHandshakes;
use crate::stage::{ANA, Stage, account, ana, envelope, envelope_with};

const PATH: &str = "/v1/notifications";

fn in_an_hour() -> String {
    let later = clock::now() + SignedDuration::from_hours(1);
    later.to_string()
}

/// A notification that waits for its time, with a key and a source.
fn scheduled(key: &str, source: &str) -> Value {
    envelope_with(
        "email",
        json!({
            "idempotency_key": key,
            "send_at": in_an_hour(),
            "source": { "type": "ticket", "id": source },
        }),
    )
}

async fn cancel(stage: &Stage, key: &str, body: Value) -> Answer {
    ask_as(
        stage,
        key,
        "POST",
        &format!("{PATH}/cancel"),
        &body.to_string(),
    )
    .await
}

/// The status, the code, and where it stands.
fn too_late(answer: &Answer) -> (u16, String, String) {
    let (status, code) = told(answer);
    let state = json_of(answer)["state"].as_str().unwrap().to_owned();
    (status, code, state)
}

fn late(state: &str) -> (u16, String, String) {
    let (status, code) = is(409, "too_late");
    (status, code, state.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_is_cancelled_by_id_key_or_source_and_never_sent() {
    let (stage, _simulator, mut outcomes) = Stage::mailing().await;
    stage.apply(&format!(
        "[[tenants]]\nid = \"{OTHER}\"\nname = \"other\"\n"
    ));
    let writer = key(&stage, "notifications:write,notifications:read", None);
    let reader = key(&stage, "notifications:read", None);
    let other = key(&stage, "notifications:write", Some(OTHER));
    let _engine = stage.start().await;
    let publisher = stage.publisher().await;
    for (key, source) in [("one", "1"), ("two", "2"), ("three", "3"), ("four", "3")] {
        publisher.publish(&scheduled(key, source)).await;
    }
    publisher
        .publish(&envelope_with(
            "email",
            json!({ "idempotency_key": "sent" }),
        ))
        .await;
    let waiting = |rows: &[crate::outcomes::Row]| {
        rows.len() == 5 && rows.iter().any(|row| row.is("sent", None))
    };
    outcomes.until(waiting).await;
    // By id, once.
    let query = format!("{PATH}?source_type=ticket&source_id=1");
    let listed = json_of(&ask_as(&stage, &reader, "GET", &query, "").await);
    let id = listed["data"][0]["id"].as_str().unwrap().to_owned();
    let path = format!("{PATH}/{id}/cancel");
    let refused = ask_as(&stage, &reader, "POST", &path, "").await;
    assert_eq!(told(&refused), is(403, "missing_scope"));
    let refused = ask_as(&stage, &other, "POST", &path, "").await;
    assert_eq!(told(&refused), is(404, "not_found"));
    let answer = ask_as(&stage, &writer, "POST", &path, "").await;
    assert_eq!(
        (answer.status, &json_of(&answer)["cancelled"]),
        (200, &json!(1))
    );
    let request_id = answer.headers["herald-request-id"]
        .to_str()
        .unwrap()
        .to_owned();
    let again = ask_as(&stage, &writer, "POST", &path, "").await;
    assert_eq!(too_late(&again), late("cancelled"));
    let shown = json_of(&ask_as(&stage, &reader, "GET", &format!("{PATH}/{id}"), "").await);
    assert_eq!(
        (&shown["status"], &shown["reason"]),
        (&json!("cancelled"), &json!("cancelled_by_user"))
    );
    let lines_of = shown["timeline"].as_array().unwrap();
    let last = lines_of.last().unwrap();
    assert_eq!(
        (&last["event"], &last["request_id"]),
        (&json!("cancelled"), &json!(request_id))
    );
    // By key, whoever it is for; by source, all of it.
    let answer = cancel(&stage, &writer, json!({ "idempotency_key": "two" })).await;
    assert_eq!(
        (answer.status, &json_of(&answer)["cancelled"]),
        (200, &json!(1))
    );
    let sms = json!({ "source": { "type": "ticket", "id": "3" }, "channel": "sms" });
    assert_eq!(
        told(&cancel(&stage, &writer, sms).await),
        is(404, "not_found")
    );
    let source =
        json!({ "source": { "type": "ticket", "id": "3" }, "user_id": ANA, "channel": "email" });
    let answer = cancel(&stage, &writer, source.clone()).await;
    assert_eq!(
        (answer.status, &json_of(&answer)["cancelled"]),
        (200, &json!(2))
    );
    assert_eq!(
        too_late(&cancel(&stage, &writer, source).await),
        late("cancelled")
    );
    let sent = cancel(
        &stage,
        &writer,
        json!({ "idempotency_key": "sent", "user_id": ANA }),
    )
    .await;
    assert_eq!(too_late(&sent), late("sent"));
    // What is not there has no later effect.
    for unknown in [
        json!({ "idempotency_key": "later" }),
        json!({ "idempotency_key": "sent", "user_id": Uuid::now_v7() }),
        json!({ "idempotency_key": "sent", "channel": "sms" }),
        json!({ "source": { "type": "ticket", "id": "9" } }),
    ] {
        assert_eq!(
            told(&cancel(&stage, &writer, unknown).await),
            is(404, "not_found")
        );
    }
    assert_eq!(
        told(&cancel(&stage, &other, json!({ "idempotency_key": "sent" })).await),
        is(404, "not_found")
    );
    publisher
        .publish(&envelope_with(
            "email",
            json!({ "idempotency_key": "later" }),
        ))
        .await;
    let sent =
        |rows: &[crate::outcomes::Row]| rows.iter().filter(|row| row.is("sent", None)).count() == 2;
    outcomes.until(sent).await;
    let mut owner = stage.database.owner().await;
    let audited = "SELECT concat_ws(' ', action, resource_type, changes->'old'->>'status', changes->'new'->>'reason') AS text
                   FROM notification_schema.audit_logs WHERE resource_type = 'notification'";
    let audited = lines(&mut owner, audited).await;
    assert_eq!(
        audited,
        ["cancel notification pending cancelled_by_user"; 4]
    );
    // When their time comes, nobody sends them.
    outcomes
        .execute("UPDATE notifications SET send_at = now(), due_at = now() WHERE status <> 'sent'")
        .await;
    publisher.publish(&envelope("email")).await;
    let all =
        |rows: &[crate::outcomes::Row]| rows.iter().filter(|row| row.is("sent", None)).count() == 3;
    outcomes.until(all).await;
    assert_eq!(stage.ledger.accepted(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_orders_to_cancel_are_refused_with_all_their_mistakes() {
    let stage = Stage::with_lanes("email.normal").await;
    let writer = key(&stage, "notifications:write", None);
    let _engine = stage.start().await;
    for (body, pointers) in [
        (json!({}), vec!["#/source"]),
        (
            json!({ "source": { "type": "ticket", "id": "1" }, "idempotency_key": "a" }),
            vec!["#/source"],
        ),
        (
            json!({ "source": { "type": "", "q": 1 }, "user_id": 7, "channel": "fax", "x": 1 }),
            vec![
                "#/channel",
                "#/source/id",
                "#/source/q",
                "#/source/type",
                "#/user_id",
                "#/x",
            ],
        ),
        (
            json!({ "idempotency_key": "k".repeat(256) }),
            vec!["#/idempotency_key"],
        ),
    ] {
        let answer = cancel(&stage, &writer, body).await;
        assert_eq!(told(&answer), is(422, "invalid_body"));
        let problem = json_of(&answer);
        let errors = problem["errors"].as_array().unwrap().iter();
        let mut told: Vec<&str> = errors.map(|it| it["pointer"].as_str().unwrap()).collect();
        told.sort_unstable();
        told.dedup();
        assert_eq!(told, pointers);
    }
}

/// A node has it in hand and waits for a connection; another node is asked to cancel it.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_node_has_in_hand_is_called_off_by_that_node_before_the_first_byte() {
    let mut stage = Stage::with_lanes("email.normal").await;
    let folder = tempfile::tempdir().unwrap();
    let (provider, ca) = SlowHandshakes::start(folder.path()).await;
    stage.set("HERALD__PROVIDERS__CA_FILE", ca);
    stage.set("HERALD__PROVIDERS__CONNECT_TIMEOUT", "5m");
    stage.apply(&format!("{}{}", ana(), provider.account()));
    let writer = key(&stage, "notifications:write", None);
    let mut outcomes = stage.outcomes().await;
    let one = process::node(stage.herald(&["serve"]), "one").await;
    let publisher = stage.publisher().await;
    publisher
        .publish(&envelope_with(
            "email",
            json!({ "idempotency_key": "held" }),
        ))
        .await;
    provider.until(|seen| seen.connections == 1).await;
    let engine = stage.start().await;
    let answer = cancel(&stage, &writer, json!({ "idempotency_key": "held" })).await;
    assert_eq!(
        (answer.status, &json_of(&answer)["cancelled"]),
        (200, &json!(1))
    );
    let row = outcomes.only("cancelled", Some("cancelled_by_user")).await;
    let last = row.attempts.as_array().unwrap().last().unwrap();
    assert_eq!(last["step"], "cancelled");
    let audited = "SELECT action || ' ' || resource_id AS text FROM notification_schema.audit_logs
                   WHERE resource_type = 'notification'";
    let audited = lines(&mut stage.database.owner().await, audited).await;
    assert_eq!(audited, [format!("cancel {}", row.id)]);
    provider.let_through(1);
    process::end(&one).await;
    // What comes now finds nothing of it.
    let again = cancel(&stage, &writer, json!({ "idempotency_key": "held" })).await;
    assert_eq!(too_late(&again), late("cancelled"));
    assert_eq!(provider.seen().requests, 0);
    engine.stop().await;
}

/// A notification that is cancelled is not sent: its place under the cap is free for another one, and webhooks are
/// told.
#[tokio::test(flavor = "multi_thread")]
async fn the_place_of_a_cancelled_one_goes_back_and_webhooks_are_told() {
    let stage = Stage::with_lanes("email.normal").await;
    let failing = Rule::always(Fault::status(500)).recipient("bad@*");
    let failing = Behaviour::default().rule(failing);
    let sendgrid = stage.behaving(Provider::SendGrid, failing);
    stage.apply(&format!(
        "{}{}[[preferences]]\nuser_id = \"{ANA}\"\nchannel = \"email\"\nfrequency_cap = 1\n\
         [[webhooks]]\nname = \"desk\"\nurl = \"https://example.com/\"\nis_active = false\n\
         events = [\"notification.cancelled\"]\nsecret = \"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"\n",
        ana(),
        account(&sendgrid)
    ));
    let writer = key(&stage, "notifications:write", None);
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    let post = async |fields: Value| {
        let body = envelope_with("email", fields).to_string();
        let answer = ask_as(&stage, &writer, "POST", PATH, &body).await;
        assert_eq!(answer.status, 202, "{}", answer.text());
    };
    post(json!({ "idempotency_key": "first", "to": "bad@example.com" })).await;
    outcomes
        .until(|rows| rows.iter().any(|row| row.is("pending", Some("retry"))))
        .await;
    let cancelled = async {
        // It may be in hand again at any moment.
        let first = json!({ "idempotency_key": "first" });
        while cancel(&stage, &writer, first.clone()).await.status != 200 {}
    };
    tokio::time::timeout(PATIENCE, cancelled).await.unwrap();
    post(json!({ "idempotency_key": "second" })).await;
    let settled = |rows: &[crate::outcomes::Row]| rows.iter().all(|row| row.status != "pending");
    let rows = outcomes.until(settled).await;
    assert!(
        rows.iter().any(|row| row.is("sent", None)),
        "there is room for it"
    );
    let told =
        "SELECT payload::jsonb ->> 'type' AS text FROM notification_schema.webhook_deliveries";
    let told = lines(&mut stage.database.owner().await, told).await;
    assert_eq!(told, ["notification.cancelled"]);
}
