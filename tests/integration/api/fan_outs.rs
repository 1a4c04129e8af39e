//! What is sent to a topic: once to each who subscribed before, whatever happens to whoever sends it.

use std::sync::Arc;
use std::time::Duration;

use herald::ops::job_runner::JobRunner;
use herald::runtime::Shutdown;
use herald::store::Database;
use herald::telemetry::Metrics;
use loadtest::harness::http::Answer;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::door::{OTHER, SHOP, ask, is, json_of, key, stage, told};
use super::topics::{people, person, pointers};
use super::users::Caller;
use crate::database::{PATIENCE, lines};
use crate::stage::Stage;

const SEND: &str = "/v1/topics/news/notifications";
/// Who has what, and how often.
const TOLD: &str =
    "SELECT concat_ws(' ', count(*), count(DISTINCT user_id), min(priority), max(priority)) AS text
                    FROM notification_schema.notifications";

/// Goes on with jobs, as a node does.
pub(super) fn runner(database: &Database, stop: Shutdown) -> JobRunner {
    JobRunner {
        database: database.clone(),
        metrics: Arc::new(Metrics::new()),
        window: Duration::from_secs(3_600),
        woken: Arc::default(),
        stop,
    }
}

fn news() -> Value {
    json!({ "version": 1, "channel": "in_app", "category": "news", "content": { "title": "New", "body": "See." } })
}

fn with(mut order: Value, fields: Value) -> Value {
    for (name, value) in fields.as_object().unwrap() {
        order[name] = value.clone();
    }
    order
}

/// Has people of these numbers subscribe; every second one has a plan.
async fn subscribe(shop: &Caller<'_>, topic: &str, numbers: std::ops::Range<u32>) {
    let one = |number: u32| match number % 2 {
        0 => json!({ "user_id": person(number), "attributes": { "plan": "pro" } }),
        _ => json!({ "user_id": person(number), "attributes": { "plan": "free" } }),
    };
    let all: Vec<Value> = numbers.map(one).collect();
    let path = format!("/v1/topics/{topic}/subscribers");
    shop.good("PUT", &path, json!({ "subscribers": all }), 200)
        .await;
}

async fn until(caller: &Caller<'_>, job: &Value, wanted: impl Fn(&Value) -> bool) -> Value {
    let place = format!("/v1/jobs/{}", job["id"].as_str().unwrap());
    let reached = async {
        loop {
            let job = caller.good("GET", &place, Value::Null, 200).await;
            if wanted(&job) {
                return job;
            }
        }
    };
    timeout(PATIENCE, reached).await.unwrap()
}

async fn post(stage: &Stage, key: &str, header: &str, order: &Value) -> Answer {
    let headers = [
        &*format!("Authorization: Bearer {key}"),
        "Content-Type: application/json",
        &format!("Idempotency-Key: {header}"),
    ];
    ask(stage, "POST", SEND, &headers, &order.to_string()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn who_subscribed_before_gets_it_once_and_who_is_not_meant_does_not() {
    let mut stage = stage().await;
    stage.set("HERALD__BROKER__LANES", "in_app.low");
    people(&stage, SHOP, 1..31).await;
    let shop = Caller::of(&stage, "admin", Some(SHOP));
    let other = Caller::of(&stage, "admin", Some(OTHER));
    let publisher = Caller::of(&stage, "publisher", Some(SHOP));
    let desk = Caller::of(&stage, "dlq:read,topics:read", Some(SHOP));
    let engine = stage.start().await;
    subscribe(&shop, "news", 1..11).await;
    subscribe(&shop, "beta", 6..21).await;
    // Somebody whose attributes say nothing of a plan.
    let odd = json!({ "subscribers": [{ "user_id": person(21) }] });
    shop.good("PUT", "/v1/topics/beta/subscribers", odd, 200)
        .await;
    let order = with(
        news(),
        json!({ "topics": ["beta", "news"], "where": "plan == 'pro'", "exclude": [person(2), person(30)] }),
    );
    let sent = publisher.ask("POST", SEND, &order).await;
    assert_eq!(sent.status, 202, "{}", sent.text());
    let job = json_of(&sent);
    assert_eq!(
        sent.headers["location"],
        format!("/v1/jobs/{}", job["id"].as_str().unwrap()).as_str()
    );
    assert_eq!(
        (&job["kind"], &job["planned"]),
        (&json!("fan_out"), &json!(26))
    );
    // Who comes later gets nothing of it, however far it has come.
    subscribe(&shop, "news", 22..29).await;
    let job = until(&publisher, &job, |job| job["state"] == "finished").await;
    let counts = json!({ "accepted": 9, "excluded": 1, "not_matching": 10, "condition_failed": 1 });
    assert_eq!((&job["counts"], &job["done"]), (&counts, &json!(26)));
    let mut owner = stage.database.owner().await;
    assert_eq!(lines(&mut owner, TOLD).await, ["9 9 low low"]);
    let place = format!("/v1/jobs/{}", job["id"].as_str().unwrap());
    let results = publisher
        .good("GET", &format!("{place}/results"), Value::Null, 200)
        .await;
    let results = results["data"].as_array().unwrap().iter();
    let results: Vec<(&Value, &Value, &Value)> = results
        .map(|it| (&it["user_id"], &it["result"], &it["dead_letter_id"]))
        .collect();
    let expected = [(person(2), "excluded"), (person(21), "condition_failed")];
    let expected = expected.map(|(id, result)| (json!(id), json!(result), Value::Null));
    assert_eq!(
        results,
        expected
            .each_ref()
            .map(|(id, result, none)| (id, result, none))
    );
    // Another tenant's, and a key of another kind.
    for caller in [&other, &desk] {
        assert_eq!(
            told(&caller.ask("GET", &place, &Value::Null).await),
            is(404, "not_found")
        );
    }
    assert_eq!(
        told(&other.ask("POST", SEND, &news()).await),
        is(404, "not_found")
    );
    // The rest of the engine takes them like any other.
    let done = "SELECT count(*)::text AS text FROM notification_schema.notifications WHERE status = 'pending'";
    let in_hand = async { while lines(&mut owner, done).await != ["0"] {} };
    timeout(PATIENCE, in_hand).await.unwrap();
    engine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_refused_with_all_that_is_wrong_and_repeated_by_its_key() {
    let stage = stage().await;
    people(&stage, SHOP, 1..4).await;
    let shop = Caller::of(&stage, "admin", Some(SHOP));
    let key = key(&stage, "admin", Some(SHOP));
    let _engine = stage.start().await;
    subscribe(&shop, "news", 1..4).await;
    let wrong = json!({ "version": 2, "channel": "in_app", "content": { "title": "New", "boddy": "" }, "user_id": person(1),
        "to": "x", "recipient": {}, "topics": ["", 7], "where": "plan ==", "exclude": ["x"], "rate": 0, "nmae": 1 });
    let expected = [
        "#/content/boddy",
        "#/exclude/0",
        "#/nmae",
        "#/rate",
        "#/recipient",
        "#/to",
        "#/topics/0",
        "#/topics/1",
        "#/user_id",
        "#/version",
        "#/where",
    ];
    assert_eq!(pointers(&shop.ask("POST", SEND, &wrong).await), expected);
    let unknown = with(news(), json!({ "topics": ["news", "newz"] }));
    assert_eq!(
        pointers(&shop.ask("POST", SEND, &unknown).await),
        ["#/topics/0"]
    );
    let template = with(
        json!({ "version": 1, "channel": "in_app" }),
        json!({ "template": { "name": "nothing" } }),
    );
    assert_eq!(
        told(&shop.ask("POST", SEND, &template).await),
        is(422, "unknown_template")
    );
    for nothing in [
        "/v1/topics/none/notifications",
        "/v1/topics/a%00b/notifications",
    ] {
        assert_eq!(
            told(&shop.ask("POST", nothing, &news()).await),
            is(404, "not_found")
        );
    }
    let foreign = with(news(), json!({ "tenant_id": OTHER }));
    assert_eq!(
        told(&shop.ask("POST", SEND, &foreign).await),
        is(404, "not_found")
    );
    let differs = with(news(), json!({ "idempotency_key": "b" }));
    assert_eq!(
        told(&post(&stage, &key, "a", &differs).await),
        is(400, "idempotency_key_differs")
    );
    // The same is ordered once, also at the same moment; something else by its key is refused.
    let (one, two) = (news(), news());
    let (first, second) = tokio::join!(
        post(&stage, &key, "a", &one),
        post(&stage, &key, "\"a\"", &two)
    );
    assert_eq!(
        (first.status, second.status),
        (202, 202),
        "{} {}",
        first.text(),
        second.text()
    );
    assert_eq!(json_of(&first)["id"], json_of(&second)["id"]);
    let replayed = [&first, &second].map(|it| it.headers.contains_key("idempotent-replayed"));
    assert_ne!(replayed[0], replayed[1]);
    let other = with(news(), json!({ "where": "plan == 'pro'" }));
    assert_eq!(
        told(&post(&stage, &key, "a", &other).await),
        is(422, "idempotency_key_reused")
    );
    let jobs = "SELECT count(*)::text AS text FROM notification_schema.jobs";
    assert_eq!(lines(&mut stage.database.owner().await, jobs).await, ["1"]);
    until(&shop, &json_of(&first), |job| job["state"] == "finished").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_to_its_rate_is_paused_goes_on_and_ends_with_its_topic() {
    let stage = stage().await;
    people(&stage, SHOP, 1..101).await;
    let shop = Caller::of(&stage, "admin", Some(SHOP));
    let _engine = stage.start().await;
    subscribe(&shop, "news", 1..101).await;
    let slow = with(news(), json!({ "rate": 2 }));
    let job = shop.good("POST", SEND, slow, 202).await;
    until(&shop, &job, |job| job["done"].as_u64() >= Some(2)).await;
    let place = format!("/v1/jobs/{}", job["id"].as_str().unwrap());
    let turn = async |to: &str| {
        shop.good("POST", &format!("{place}/{to}"), json!({}), 200)
            .await
    };
    let paused = turn("pause").await;
    assert!(
        paused["done"].as_u64() < Some(100),
        "no further than its rate: {paused}"
    );
    let mut owner = stage.database.owner().await;
    let done = paused["done"].as_u64().unwrap();
    assert_eq!(
        lines(&mut owner, TOLD).await,
        [format!("{done} {done} low low")]
    );
    assert_eq!(turn("resume").await["state"], "running");
    until(&shop, &job, |job| job["done"].as_u64() > Some(done)).await;
    shop.good("DELETE", "/v1/topics/news", Value::Null, 204)
        .await;
    let ended = until(&shop, &job, |job| job["state"] == "finished").await;
    let done = ended["done"].as_u64().unwrap();
    assert!(
        done < 100,
        "who was not reached by then gets nothing: {ended}"
    );
    assert_eq!(
        lines(&mut owner, TOLD).await,
        [format!("{done} {done} low low")]
    );
}

/// Two nodes work on it in turn, and one after the other dies in the middle of a part.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_dies_at_any_moment_nobody_is_left_out_or_told_twice() {
    let stage = stage().await;
    people(&stage, SHOP, 1..2_501).await;
    let database = stage.database.pool().await;
    let runner = || runner(&database, Shutdown::new());
    let mut owner = stage.database.owner().await;
    // A place in the job is a person; three topics, of which each has some of them.
    let job = format!(
        "WITH made AS (
             INSERT INTO notification_schema.topics (tenant_id, name, joined)
             SELECT '{SHOP}', 't' || n, 1 FROM generate_series(0, 2) n RETURNING id, name
         ), subscribed AS (
             INSERT INTO notification_schema.topic_subscribers (topic_id, user_id, joined)
             SELECT m.id, u.id, 1 FROM made m JOIN notification_schema.users u
                 ON right(u.id::text, 1) NOT IN (substr(m.name, 2), 'f') OR m.name = 't1'
         )
         INSERT INTO notification_schema.jobs (id, tenant_id, kind, filter, rate, planned)
         SELECT gen_random_uuid(), '{SHOP}', 'fan_out', jsonb_build_object(
             'topics', jsonb_agg(jsonb_build_object('id', id, 'name', name, 'joined', 1)),
             'what', '{{\"notification\": {{\"lane\": {{\"channel\": \"in_app\", \"priority\": \"low\"}}, \"payload\":
                 {{\"content\": {{\"body\": \"See.\"}}}}, \"max_retries\": 5}}}}'::jsonb), 1000000, 1
         FROM made RETURNING id::text AS text"
    );
    let job = lines(&mut owner, &job).await.concat();
    let state = format!("SELECT state AS text FROM notification_schema.jobs WHERE id = '{job}'");
    let finished = async {
        let mut lives = 2;
        while lines(&mut owner, &state).await != ["finished"] {
            lives += 3;
            #[expect(clippy::disallowed_methods, reason = "a test's own tasks")]
            let (one, two) = (tokio::spawn(runner().run()), tokio::spawn(runner().run()));
            // They die after so many of their own steps, wherever they are then.
            for _ in 0..lives {
                lines(&mut owner, &state).await;
            }
            one.abort();
            two.abort();
        }
    };
    timeout(PATIENCE, finished).await.unwrap();
    assert_eq!(lines(&mut owner, TOLD).await, ["2500 2500 low low"]);
    let counts =
        format!("SELECT counts::text AS text FROM notification_schema.jobs WHERE id = '{job}'");
    assert_eq!(lines(&mut owner, &counts).await, ["{\"accepted\": 2500}"]);
}
