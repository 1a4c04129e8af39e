//! Events in, runs, and what becomes of each.

use diesel_async::SimpleAsyncConnection;
use loadtest::harness::engine::RUNNING;
use serde_json::{Value, json};

use super::super::door::{OTHER, ask_as, json_of, key};
use super::{BEN, Desk, NOBODY, ends, event, have_ended, telling, who};
use crate::database::{PATIENCE, lines};
use crate::faults::process;
use crate::stage::ANA;

const SEND: &str = "[[workflows.steps]]\nsend = { channel = \"in_app\", template = \"told\" }\n";

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_told_once_to_each_and_each_wrong_thing_is_a_run_that_says_so() {
    let desk = Desk::with(&telling("all", "said.#", SEND)).await;
    let _engine = desk.stage.start().await;
    let data = json!({ "who": [ANA, BEN, ANA, NOBODY, "x"], "key": 7, "text": "hello" });
    let id = desk.happens("1", "said.aloud", data.clone()).await;
    // The same again is the same; the same id with other words is refused.
    assert_eq!(desk.happens("1", "said.aloud", data).await, id);
    let (status, refused) = desk
        .ask("POST", "/v1/events", &event("1", "said.aloud", who()))
        .await;
    assert_eq!(
        (status, refused["code"].as_str()),
        (422, Some("idempotency_key_reused"))
    );
    let runs = desk
        .until("/v1/workflow-runs", |runs| have_ended(runs, 4))
        .await;
    assert_eq!(
        ends(&runs),
        ["bad_recipient", "completed", "completed", "unknown_user"]
    );
    assert!(
        runs.iter()
            .all(|run| run["key"] == "7" && run["event_id"] == id.as_str())
    );
    assert_eq!(desk.inbox(ANA, 1).await, ["hello for ana"]);
    assert_eq!(desk.inbox(BEN, 1).await, ["hello for ben"]);
    let told = desk
        .good("GET", &format!("/v1/events/{id}"), &Value::Null)
        .await;
    assert_eq!(told["runs"].as_array().unwrap().len(), 4);
    assert_eq!(told["outcome"][0]["outcome"], "started");
    // Nobody, and something that is missing.
    desk.happens("2", "said", json!({ "who": null, "key": 1 }))
        .await;
    desk.happens("3", "said", json!({ "key": 1 })).await;
    let runs = desk
        .until("/v1/workflow-runs", |runs| have_ended(runs, 6))
        .await;
    let ends = ends(&runs);
    assert!(
        ends.contains(&"empty_audience") && ends.contains(&"expression_failed"),
        "{ends:?}"
    );
    let failed = runs
        .iter()
        .find(|run| run["reason"] == "expression_failed")
        .unwrap();
    assert!(
        failed["timeline"]
            .to_string()
            .contains("`data.who`: is missing"),
        "{failed:#}"
    );
    // Another tenant sees nothing of it, and ends nothing.
    desk.stage.apply(&format!(
        "[[tenants]]\nid = \"{OTHER}\"\nname = \"other\"\n"
    ));
    let other = key(&desk.stage, "admin", Some(OTHER));
    for path in [
        format!("/v1/events/{id}"),
        format!("/v1/workflow-runs/{}", runs[0]["id"].as_str().unwrap()),
    ] {
        assert_eq!(
            ask_as(&desk.stage, &other, "GET", &path, "").await.status,
            404
        );
        let cancel = format!("{path}/cancel");
        assert_eq!(
            ask_as(&desk.stage, &other, "POST", &cancel, "")
                .await
                .status,
            404
        );
    }
    let named = event("9", "said", json!({})).as_object().unwrap().clone();
    let mut named = named;
    named.insert("tenantid".to_owned(), json!(herald::domain::DEFAULT_TENANT));
    let body = Value::Object(named).to_string();
    let refused = ask_as(&desk.stage, &other, "POST", "/v1/events", &body).await;
    assert_eq!(refused.status, 422, "{}", refused.text());
    assert_eq!(json_of(&refused)["errors"][0]["pointer"], "#/tenantid");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_events_is_answered_one_by_one_and_amqp_is_the_same_door() {
    let desk = Desk::with(&telling("all", "said", SEND)).await;
    let _engine = desk.stage.start().await;
    let list =
        json!([event("1", "said", who()), { "specversion": "1.0" }, event("1", "said", who())]);
    let (status, answer) = desk.ask("POST", "/v1/events", &list).await;
    assert_eq!(status, 207);
    let results = answer["results"].as_array().unwrap();
    assert_eq!(results[0]["id"], results[2]["id"]);
    let pointers: Vec<&str> = results[1]["problem"]["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["pointer"].as_str().unwrap())
        .collect();
    assert_eq!(pointers, ["#/1/id", "#/1/source", "#/1/type"]);
    let publisher = desk.stage.publisher().await;
    publisher
        .publish_event(event("2", "said", who()).to_string().as_bytes(), "said")
        .await;
    publisher
        .publish_event(b"{\"specversion\":\"1.0\"}", "said")
        .await;
    publisher
        .publish_event(event("1", "said", json!({})).to_string().as_bytes(), "said")
        .await;
    assert_eq!(desk.inbox(ANA, 2).await.len(), 2);
    let mut reasons = vec![];
    while reasons.len() < 2 {
        if let Some((reason, ..)) = desk.stage.take_rejected().await {
            reasons.push(reason);
        }
    }
    assert_eq!(reasons, ["invalid_event", "key_reused"]);
    let events = desk.good("GET", "/v1/events?type=said", &Value::Null).await;
    assert_eq!(events["data"].as_array().unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_is_cancelled_and_what_was_told_is_too_late() {
    let later = format!("[[workflows.steps]]\ndelay = {{ for = \"1h\" }}\n{SEND}");
    let until = format!("[[workflows.steps]]\ndelay = {{ until = \"data.at\" }}\n{SEND}");
    let workflows = [
        telling("later", "later", &later),
        telling("until", "until", &until),
    ]
    .concat();
    let desk = Desk::with(&workflows).await;
    let _engine = desk.stage.start().await;
    // A key that nothing is about is not found, and has no later effect.
    let nothing = json!({ "key": "k" });
    let (status, _) = desk.ask("POST", "/v1/workflow-runs/cancel", &nothing).await;
    assert_eq!(status, 404);
    desk.happens("1", "later", who()).await;
    let delayed = |runs: &[Value]| {
        runs.iter()
            .any(|run| run["timeline"].to_string().contains("waits for 1h"))
    };
    let runs = desk
        .until("/v1/workflow-runs?workflow=later", delayed)
        .await;
    let path = format!(
        "/v1/workflow-runs/{}/cancel",
        runs[0]["id"].as_str().unwrap()
    );
    let cancelled = desk.good("POST", &path, &Value::Null).await;
    assert_eq!(cancelled["cancelled"], 1);
    let (status, late) = desk.ask("POST", &path, &Value::Null).await;
    assert_eq!((status, late["state"].as_str()), (409, Some("cancelled")));
    // An event of `cancel_on` ends what is about the same, and nothing else.
    desk.happens("2", "later", who()).await;
    desk.happens(
        "3",
        "later",
        json!({ "who": ANA, "key": "other", "text": "" }),
    )
    .await;
    desk.happens("4", "closed", json!({ "key": "k" })).await;
    let runs = desk
        .until("/v1/workflow-runs?reason=cancelled_by_event", |_| true)
        .await;
    assert_eq!(runs.len(), 1);
    assert_eq!(runs[0]["key"], "k");
    // One that does not say what it is about ends nothing, and says so.
    for (id, data) in [("4a", json!({})), ("4b", json!({ "key": null }))] {
        let id = desk.happens(id, "closed", data).await;
        let told = desk
            .good("GET", &format!("/v1/events/{id}"), &Value::Null)
            .await;
        assert_eq!(told["outcome"][0]["outcome"], "cancels_nothing", "{told:#}");
    }
    // A time that has passed goes on now; one that is none, and one beyond a year, fail.
    for (id, at) in [
        ("5", json!("2020-01-01T00:00:00Z")),
        ("6", json!("soon")),
        ("7", json!("2199-01-01T00:00:00Z")),
    ] {
        let data = json!({ "who": ANA, "key": id, "text": "now", "at": at });
        desk.happens(id, "until", data).await;
    }
    let runs = desk
        .until("/v1/workflow-runs?workflow=until", |runs| {
            have_ended(runs, 3)
        })
        .await;
    assert_eq!(
        ends(&runs),
        ["completed", "delay_invalid", "delay_too_long"]
    );
    assert_eq!(desk.inbox(ANA, 1).await, ["now for ana"]);
    let told = runs
        .iter()
        .find(|run| run["reason"] == "completed")
        .unwrap();
    let path = format!("/v1/workflow-runs/{}/cancel", told["id"].as_str().unwrap());
    let (status, late) = desk.ask("POST", &path, &Value::Null).await;
    assert_eq!((status, late["state"].as_str()), (409, Some("sent")));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_read_ends_the_run_and_more_than_a_throttle_allows_does() {
    let wait =
        format!("{SEND}[[workflows.steps]]\nwait = {{ for = \"2s\", unless = \"read\" }}\n{SEND}");
    let throttle =
        format!("[[workflows.steps]]\nthrottle = {{ at_most = 2, per = \"1h\" }}\n{SEND}");
    let workflows = [
        telling("wait", "wait", &wait),
        telling("few", "few", &throttle),
    ]
    .concat();
    let desk = Desk::with(&workflows).await;
    let _engine = desk.stage.start().await;
    let (read, unread) = (
        json!({ "who": ANA, "key": 1, "text": "a" }),
        json!({ "who": BEN, "key": 2, "text": "b" }),
    );
    desk.happens("1", "wait", read).await;
    desk.happens("2", "wait", unread).await;
    desk.inbox(ANA, 1).await;
    let token = desk
        .good("POST", &format!("/v1/users/{ANA}/token"), &json!({}))
        .await;
    let token = token["token"].as_str().unwrap();
    let read = ask_as(
        &desk.stage,
        token,
        "POST",
        "/v1/inbox/read-all?until=2100-01-01T00:00:00Z",
        "",
    )
    .await;
    assert!((200..300).contains(&read.status), "{}", read.text());
    let runs = desk
        .until("/v1/workflow-runs", |runs| have_ended(runs, 2))
        .await;
    assert_eq!(ends(&runs), ["completed", "reached"]);
    assert_eq!(desk.inbox(BEN, 2).await.len(), 2);
    assert_eq!(desk.inbox(ANA, 1).await.len(), 1);
    for id in ["a", "b", "c", "d"] {
        desk.happens(id, "few", who()).await;
    }
    let runs = desk
        .until("/v1/workflow-runs?workflow=few", |runs| have_ended(runs, 4))
        .await;
    assert_eq!(
        ends(&runs),
        ["completed", "completed", "throttled", "throttled"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_goes_on_with_the_trace_of_its_header_or_with_its_own() {
    let desk = Desk::with(&telling("all", "said", SEND)).await;
    let _engine = desk.stage.start().await;
    let [header, own] = ["a", "b"].map(|c| format!("00-{}-b7ad6b7169203331-01", c.repeat(32)));
    let publisher = desk.stage.publisher().await;
    let mut traced = event("2", "said", who());
    traced["traceparent"] = json!(own);
    for said in [event("1", "said", who()), traced] {
        let body = said.to_string();
        publisher
            .publish_traced_event(body.as_bytes(), "said", &header)
            .await;
    }
    desk.inbox(ANA, 2).await;
    let traces = "SELECT n.payload ->> 'traceparent' AS text FROM notification_schema.notifications n ORDER BY 1";
    let traces = lines(&mut desk.stage.database.owner().await, traces).await;
    assert_eq!(traces, [header, own]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_without_the_engine_takes_events_on_and_says_why_it_takes_no_notifications() {
    let desk = Desk::with(&telling("all", "said", SEND)).await;
    let api = process::starting(desk.stage.herald(&["serve", "--only", "api"]));
    api.says(RUNNING).await.unwrap();
    desk.happens("1", "said", who()).await;
    let order =
        json!({ "version": 1, "user_id": ANA, "channel": "in_app", "content": { "body": "x" } });
    let (status, refused) = desk.ask("POST", "/v1/notifications", &order).await;
    assert_eq!((status, &refused["code"]), (503, &json!("unavailable")));
    let detail = refused["detail"].as_str().unwrap();
    assert!(detail.contains("does not run the engine"), "{detail}");
    process::end(&api).await;
    // A node with the engine goes on with what the other one took on.
    let _engine = desk.stage.start().await;
    assert_eq!(desk.inbox(ANA, 1).await, ["hello for ana"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_by_amqp_that_cannot_be_stored_now_is_kept_and_tried_again() {
    let desk = Desk::with(&telling("all", "said", SEND)).await;
    let _engine = desk.stage.start().await;
    let mut owner = desk.stage.database.owner().await;
    let away = "SET search_path TO notification_schema; ALTER TABLE events RENAME TO events_away";
    owner.batch_execute(away).await.unwrap();
    let publisher = desk.stage.publisher().await;
    let body = event("1", "said", who()).to_string();
    publisher.publish_event(body.as_bytes(), "said").await;
    // The engine tries, for longer than a batch is tried: then it is told that it comes again, and keeps it.
    let tried = "SELECT (xact_rollback > 25)::text AS text FROM pg_stat_database WHERE datname = current_database()";
    let is_tried = tokio::time::timeout(PATIENCE, async {
        while lines(&mut owner, tried).await != ["true"] {}
    });
    assert!(is_tried.await.is_ok());
    let back = "ALTER TABLE events_away RENAME TO events";
    owner.batch_execute(back).await.unwrap();
    assert_eq!(desk.inbox(ANA, 1).await, ["hello for ana"]);
    assert!(desk.stage.take_rejected().await.is_none());
    let events = desk.good("GET", "/v1/events", &Value::Null).await;
    assert_eq!(events["data"].as_array().unwrap().len(), 1);
}
