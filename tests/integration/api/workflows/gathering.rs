//! Digests: what many events say is told once.

use diesel_async::SimpleAsyncConnection;
use loadtest::harness::ports::free_port;
use serde_json::{Value, json};

use super::{BEN, Desk, ends, event, have_ended, telling};
use crate::database::lines;
use crate::stage::ANA;

const GATHER: &str =
    "[[workflows.steps]]\nsend = { channel = \"in_app\", template = \"gathered\" }\n";

fn digest(rule: &str) -> String {
    format!("[[workflows.steps]]\ndigest = {{ {rule} }}\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_events_at_two_nodes_are_one_digest_of_fifty() {
    let steps = format!(
        "{}{GATHER}",
        digest("for = \"3s\", key = \"data.key\", at_most = 3")
    );
    let mut desk = Desk::with(&telling("gather", "said", &steps)).await;
    let _one = desk.stage.start().await;
    desk.stage.set(
        "HERALD__HTTP__BIND",
        format!("127.0.0.1:{}", free_port().unwrap()),
    );
    let _other = desk.stage.start().await;
    let events = (0..50).map(|n| {
        event(
            &n.to_string(),
            "said",
            json!({ "who": ANA, "key": 1, "text": n.to_string() }),
        )
    });
    let (first, second): (Vec<Value>, Vec<Value>) =
        events.partition(|it| it["id"].as_str().unwrap().len() < 2);
    let (first, second) = (Value::from(first), Value::from(second));
    let (one, other) = tokio::join!(
        desk.good("POST", "/v1/events", &first),
        desk.good("POST", "/v1/events", &second)
    );
    let many = |answer: &Value| {
        answer["results"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|it| it["id"].is_string())
            .count()
    };
    assert_eq!(many(&one) + many(&other), 50);
    let told = desk.inbox(ANA, 1).await;
    assert_eq!(told.len(), 1, "{told:?}");
    // All are counted, and the first are kept.
    assert!(
        told[0].starts_with("50: ") && told[0].split(' ').count() == 4,
        "{told:?}"
    );
    let runs = desk
        .until("/v1/workflow-runs?limit=200", |runs| have_ended(runs, 50))
        .await;
    assert_eq!(
        ends(&runs)
            .iter()
            .filter(|end| **end == "joined_digest")
            .count(),
        49
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn each_key_and_person_has_a_digest_and_what_was_taken_back_is_left_out() {
    // Longer than a busy machine takes for the events.
    let rule = digest("for = \"8s\", key = \"data.key\"");
    let desk = Desk::with(&telling("gather", "said", &format!("{rule}{GATHER}"))).await;
    let _engine = desk.stage.start().await;
    for (id, key) in [("1", "abc"), ("2", "abc"), ("3", "def"), ("4", "def")] {
        let data = json!({ "who": [ANA, BEN], "key": key, "text": id });
        desk.happens(id, "said", data).await;
    }
    let gone = desk
        .happens(
            "5",
            "said",
            json!({ "who": ANA, "key": "abc", "text": "gone" }),
        )
        .await;
    let cancelled = desk
        .good("POST", &format!("/v1/events/{gone}/cancel"), &Value::Null)
        .await;
    assert_eq!(cancelled["cancelled"], 1);
    let alone = desk
        .happens(
            "6",
            "said",
            json!({ "who": ANA, "key": "ghi", "text": "alone" }),
        )
        .await;
    desk.good("POST", &format!("/v1/events/{alone}/cancel"), &Value::Null)
        .await;
    desk.happens("7", "said", json!({ "who": ANA, "key": null, "text": "x" }))
        .await;
    for person in [ANA, BEN] {
        let mut told = desk.inbox(person, 2).await;
        told.sort_unstable();
        assert_eq!(told, ["2: 1 2", "2: 3 4"]);
    }
    let runs = desk
        .until("/v1/workflow-runs", |runs| have_ended(runs, 11))
        .await;
    let ends = ends(&runs);
    let many = |end: &str| ends.iter().filter(|it| **it == end).count();
    assert_eq!(
        (many("cancelled_by_request"), many("null_key")),
        (2, 1),
        "{ends:?}"
    );
    assert_eq!(
        (many("completed"), many("joined_digest")),
        (4, 4),
        "{ends:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_digest_counts_all_of_the_first_and_the_first_item_may_go_at_once() {
    let (short, long) = (digest("for = \"500ms\""), digest("for = \"6s\""));
    let twice = telling("twice", "twice", &format!("{short}{GATHER}{long}{GATHER}"));
    let lead = digest("for = \"2s\", first_at_once = true, at_least = 2");
    let leads = telling("leads", "leads", &format!("{lead}{GATHER}"));
    let full = telling(
        "full",
        "full",
        &format!("{}{GATHER}", digest("for = \"1h\", close_at = 2")),
    );
    let desk = Desk::with(&[twice, leads, full].concat()).await;
    let _engine = desk.stage.start().await;
    let said = |text: &str| json!({ "who": ANA, "key": 1, "text": text });
    let list = json!([
        event("1", "twice", said("a")),
        event("2", "twice", said("b"))
    ]);
    desk.good("POST", "/v1/events", &list).await;
    assert_eq!(desk.inbox(ANA, 1).await, ["2: a b"]);
    desk.happens("3", "twice", said("c")).await;
    let told = desk.inbox(ANA, 3).await;
    assert_eq!(told, ["2: a b", "1: c", "3: a b c"]);
    // The first goes at once, the others are gathered; a digest that is full closes by itself.
    for (id, text) in [("4", "d"), ("5", "e"), ("6", "f")] {
        let data = json!({ "who": BEN, "key": 1, "text": text });
        desk.happens(id, "leads", data).await;
    }
    assert_eq!(desk.inbox(BEN, 2).await, ["1: d", "2: e f"]);
    // What is taken back does not fill it.
    let gone = json!({ "who": BEN, "key": 1, "text": "gone" });
    let gone = desk.happens("gone", "full", gone).await;
    desk.good("POST", &format!("/v1/events/{gone}/cancel"), &Value::Null)
        .await;
    for (id, text) in [("7", "g"), ("8", "h")] {
        let data = json!({ "who": BEN, "key": 1, "text": text });
        desk.happens(id, "full", data).await;
    }
    assert_eq!(desk.inbox(BEN, 3).await[2], "2: g h");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_many_events_is_one_digest_of_all() {
    let steps = format!(
        "{}{GATHER}",
        digest("for = \"1h\", close_at = 300, at_most = 2")
    );
    let desk = Desk::with(&telling("gather", "said", &steps)).await;
    let _engine = desk.stage.start().await;
    let said = |n: u32| json!({ "who": ANA, "key": 1, "text": n.to_string() });
    let events: Vec<Value> = (0..300)
        .map(|n| event(&n.to_string(), "said", said(n)))
        .collect();
    let answer = desk.good("POST", "/v1/events", &json!(events)).await;
    let results = answer["results"].as_array().unwrap();
    let accepted = results.iter().filter(|it| it["id"].is_string()).count();
    assert_eq!(accepted, 300);
    assert_eq!(desk.inbox(ANA, 1).await, ["300: 0 1"]);
}

/// As many as a digest may have: it closes by one transaction, one run goes on, and all others end with it.
#[tokio::test(flavor = "multi_thread")]
async fn a_digest_of_ten_thousand_items_is_told_once_and_counts_them_all() {
    let steps = format!("{}{GATHER}", digest("for = \"1h\", at_most = 2"));
    let desk = Desk::with(&telling("gather", "said", &steps)).await;
    let _engine = desk.stage.start().await;
    let first = json!({ "who": ANA, "key": 1, "text": "first" });
    desk.happens("1", "said", first).await;
    let gathered = |runs: &[Value]| runs.iter().any(|run| !run["digest_id"].is_null());
    desk.until("/v1/workflow-runs", gathered).await;
    let others = "SET search_path TO notification_schema;
        INSERT INTO events (id, tenant_id, source, event_id, kind, happened_at, said, data)
            SELECT gen_random_uuid(), tenant_id, '/desk', 'n' || n, kind, now(), said, '{\"text\": \"other\"}'
            FROM events, generate_series(2, 10000) AS n ORDER BY n;
        INSERT INTO workflow_runs (id, tenant_id, workflow_id, workflow, event_id, user_id, key, status, step, digest_id)
            SELECT gen_random_uuid(), r.tenant_id, r.workflow_id, r.workflow, e.id, r.user_id, r.key, 'waiting', r.step,
                r.digest_id
            FROM workflow_runs r, events e WHERE e.id <> r.event_id;
        INSERT INTO digest_items (digest_id, run_id, event_id, sequence, brought_by)
            SELECT r.digest_id, r.id, e.id, e.sequence, r.id FROM workflow_runs r JOIN events e ON e.id = r.event_id
            ON CONFLICT DO NOTHING;
        UPDATE digests SET came = 10000, closes_at = now()";
    let mut owner = desk.stage.database.owner().await;
    owner.batch_execute(others).await.unwrap();
    assert_eq!(desk.inbox(ANA, 1).await, ["10000: first other"]);
    let ends = "SELECT concat_ws(' ', status, reason, count(*)) AS text FROM notification_schema.workflow_runs
                GROUP BY status, reason ORDER BY 1";
    let ends = lines(&mut owner, ends).await;
    assert_eq!(
        ends,
        ["finished completed 1", "finished joined_digest 9999"]
    );
}
