//! Events that tell topics: a fan-out starts the runs, and nobody told is said as well.

use diesel_async::SimpleAsyncConnection;
use serde_json::{Value, json};

use super::{BEN, Desk, ends, event, have_ended};
use crate::database::{PATIENCE, lines};
use crate::stage::ANA;

const TOLD: &str = "[[workflows]]\nname = \"spread\"\non = \"said\"\nrecipients = [\"data.who\", \"topic:news\"]\n\
                    exclude = [\"data.by\"]\n\
                    [[workflows.steps]]\nsend = { channel = \"in_app\", template = \"told\" }\n";

fn said(id: &str, who: Value, by: Value) -> Value {
    event(id, "said", json!({ "who": who, "by": by, "text": id }))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_is_told_once_each_and_who_did_it_is_not() {
    let desk = Desk::with(TOLD).await;
    let _engine = desk.stage.start().await;
    let subscribers = json!({ "subscribers": [{ "user_id": ANA }, { "user_id": BEN }] });
    desk.good("PUT", "/v1/topics/news/subscribers", &subscribers)
        .await;
    // Ana is named, and subscribes: she is told once.
    let event = said("1", json!(ANA), Value::Null);
    desk.good("POST", "/v1/events", &event).await;
    desk.until("/v1/workflow-runs", |runs| have_ended(runs, 2))
        .await;
    assert_eq!(desk.inbox(ANA, 1).await, ["1 for ana"]);
    assert_eq!(desk.inbox(BEN, 1).await, ["1 for ben"]);
    // Ben did it himself.
    desk.good("POST", "/v1/events", &said("2", json!([]), json!(BEN)))
        .await;
    let runs = desk
        .until("/v1/workflow-runs", |runs| have_ended(runs, 3))
        .await;
    assert_eq!(ends(&runs), ["completed", "completed", "completed"]);
    assert_eq!(runs[0]["user_id"], ANA);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_reason_why_nobody_is_told_has_a_run() {
    let desk = Desk::with(TOLD).await;
    let _engine = desk.stage.start().await;
    // There is no such topic, and the recipient is none either.
    desk.good("POST", "/v1/events", &said("1", json!("x@y"), Value::Null))
        .await;
    let runs = desk
        .until("/v1/workflow-runs", |runs| have_ended(runs, 2))
        .await;
    assert_eq!(ends(&runs), ["bad_recipient", "empty_audience"]);
    // The only subscriber is who did it.
    desk.good(
        "PUT",
        "/v1/topics/news/subscribers",
        &json!({ "subscribers": [{ "user_id": BEN }] }),
    )
    .await;
    desk.good("POST", "/v1/events", &said("2", json!([]), json!(BEN)))
        .await;
    let runs = desk
        .until("/v1/workflow-runs", |runs| have_ended(runs, 3))
        .await;
    let story = runs[0]["timeline"].to_string();
    assert!(story.contains("1 excluded"), "{story}");
    // Nobody subscribes.
    desk.good(
        "DELETE",
        &format!("/v1/topics/news/subscribers/{BEN}"),
        &Value::Null,
    )
    .await;
    desk.good("POST", "/v1/events", &said("3", json!([]), Value::Null))
        .await;
    let runs = desk
        .until("/v1/workflow-runs", |runs| have_ended(runs, 4))
        .await;
    let story = runs[0]["timeline"].to_string();
    assert!(story.contains("nobody subscribes to `news`"), "{story}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_of_many_recipients_is_stored_in_parts() {
    let desk = Desk::with(TOLD).await;
    let _engine = desk.stage.start().await;
    let many: Vec<Value> = (0..30)
        .map(|n| {
            said(
                &n.to_string(),
                json!([ANA, "z".repeat(10_000)]),
                Value::Null,
            )
        })
        .collect();
    let answer = desk.good("POST", "/v1/events", &json!(many)).await;
    let results = answer["results"].as_array().unwrap();
    assert!(results.iter().all(|it| it["id"].is_string()), "{answer:#}");
    let order = "SELECT event_id AS text FROM notification_schema.events ORDER BY sequence";
    let order = lines(&mut desk.stage.database.owner().await, order).await;
    let sent: Vec<String> = (0..30).map(|n| n.to_string()).collect();
    assert_eq!(order, sent);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_there_is_not_beside_one_that_there_is_makes_a_run_that_says_so() {
    let both = TOLD.replace("\"topic:news\"", "\"topic:news\", \"topic:nwes\"");
    let mut desk = Desk::with(&both).await;
    desk.stage.set("HERALD__ENGINE__FAN_OUT_RATE", "17");
    let _engine = desk.stage.start().await;
    let subscribers = json!({ "subscribers": [{ "user_id": ANA }] });
    desk.good("PUT", "/v1/topics/news/subscribers", &subscribers)
        .await;
    desk.good("POST", "/v1/events", &said("1", json!([]), Value::Null))
        .await;
    let runs = desk
        .until("/v1/workflow-runs", |runs| have_ended(runs, 2))
        .await;
    assert_eq!(ends(&runs), ["completed", "unknown_topic"]);
    let failed = runs.iter().find(|run| run["status"] == "failed").unwrap();
    let story = failed["timeline"].to_string();
    assert!(story.contains("there is no topic `nwes`"), "{story}");
    // Its rate is the setting's.
    let rate = "SELECT rate::text AS text FROM notification_schema.jobs";
    assert_eq!(
        lines(&mut desk.stage.database.owner().await, rate).await,
        ["17"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fan_out_waits_while_two_thousand_runs_are_due() {
    let desk = Desk::with(TOLD).await;
    let _engine = desk.stage.start().await;
    let subscribers = json!({ "subscribers": [{ "user_id": ANA }, { "user_id": BEN }] });
    desk.good("PUT", "/v1/topics/news/subscribers", &subscribers)
        .await;
    desk.good("POST", "/v1/events", &said("1", json!(ANA), json!(BEN)))
        .await;
    desk.until("/v1/workflow-runs", |runs| have_ended(runs, 1))
        .await;
    // Two thousand runs of people who are not there become due, and somebody holds them.
    let mut holder = desk.stage.database.owner().await;
    let due = "SET search_path TO notification_schema;
               INSERT INTO workflow_runs (id, tenant_id, workflow_id, workflow, event_id, user_id, status, due_at)
               SELECT gen_random_uuid(), r.tenant_id, r.workflow_id, r.workflow, r.event_id, gen_random_uuid(), 'waiting',
                   now() + interval '2 seconds'
               FROM (SELECT * FROM workflow_runs LIMIT 1) AS r, generate_series(1, 2000)";
    holder.batch_execute(due).await.unwrap();
    let hold = "BEGIN; SELECT FROM workflow_runs WHERE status = 'waiting' FOR UPDATE";
    holder.batch_execute(hold).await.unwrap();
    let mut owner = desk.stage.database.owner().await;
    let are_due = "SELECT count(*)::text AS text FROM notification_schema.workflow_runs
                   WHERE status = 'waiting' AND due_at <= clock_timestamp()";
    let all_due = tokio::time::timeout(PATIENCE, async {
        while lines(&mut owner, are_due).await != ["2000"] {}
    });
    assert!(all_due.await.is_ok());
    desk.good("POST", "/v1/events", &said("2", json!([]), Value::Null))
        .await;
    // The fan-out is looked at, and put off, with nothing done.
    let put_off = "SELECT done::text AS text FROM notification_schema.jobs WHERE state = 'running' AND next_due > now()";
    let waits = tokio::time::timeout(PATIENCE, async {
        while lines(&mut owner, put_off).await != ["0"] {}
    });
    assert!(waits.await.is_ok());
    holder.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(desk.inbox(BEN, 1).await, ["2 for ben"]);
}
