//! The support desk beside the engine, and alone: what it tells, and what time does.

use std::collections::{BTreeMap, HashSet};

use loadtest::harness::engine::RUNNING;
use serde_json::{Value, json};

use super::status::Listener;
use crate::api::door::{ask_as, json_of, key};
use crate::database::lines;
use crate::faults::process;
use crate::stage::{ANA, Stage};

const EVENTS: &str = "herald.events";
const AGENT: &str = "0190c1a0-0000-7000-8000-00000000d0a1";
const LEAD: &str = "0190c1a0-0000-7000-8000-00000000d0a2";
const LEFT: &str = "SELECT count(*) FROM ticket_schema.outbox";

async fn good(stage: &Stage, key: &str, method: &str, path: &str, body: Value) -> Value {
    let body = match body {
        Value::Null => String::new(),
        body => body.to_string(),
    };
    let answer = ask_as(stage, key, method, path, &body).await;
    assert!(answer.status < 300, "{method} {path}: {}", answer.text());
    json_of(&answer)
}

/// A ticket that is answered and resolved; its id.
async fn resolved(stage: &Stage, key: &str) -> String {
    let asked = json!({ "subject": "Help", "description": "It burns.", "requester_id": ANA });
    let ticket = good(stage, key, "POST", "/v1/tickets", asked).await;
    let id = ticket["id"].as_str().unwrap().to_owned();
    let place = format!("/v1/tickets/{id}");
    let reply = json!({ "author_id": AGENT, "comment": "We come." });
    good(stage, key, "POST", &format!("{place}/comments"), reply).await;
    let done = json!({ "status": "resolved", "actor_id": AGENT });
    good(stage, key, "POST", &format!("{place}/status"), done).await;
    id
}

/// Alone, without consumers and providers; it dies after publishing and before that is stored, and is killed.
#[tokio::test(flavor = "multi_thread")]
async fn events_of_tickets_come_in_order_and_none_is_missing_though_the_desk_is_killed() {
    const COUNT: usize = 12;
    let stage = Stage::with_lanes("email.normal").await;
    let key = key(&stage, "tickets:read,tickets:write", None);
    let mut outcomes = stage.outcomes().await;
    let mut listener = Listener::of_exchange(&stage, EVENTS).await;
    let start = async |points: &str| {
        let mut command = stage.herald(&["serve", "--only", "tickets"]);
        command.env("HERALD_FAILPOINTS", points);
        let desk = process::starting(command);
        desk.says(RUNNING).await.unwrap();
        desk
    };
    let mut desk = start("ticket.published:0:2").await;
    let mut ids = HashSet::new();
    for number in 0..COUNT {
        if number == COUNT / 2 {
            desk.kill().await.unwrap();
            desk = start("ticket.published:1:1").await;
        }
        ids.insert(resolved(&stage, &key).await);
    }
    let (mut known, mut heard) = (HashSet::new(), BTreeMap::<String, Vec<String>>::new());
    let is_whole = |types: &Vec<String>| types.iter().any(|it| it == "ticket.resolved");
    while heard.len() < COUNT || !heard.values().all(is_whole) {
        let came = listener.next().await;
        let text = |name: &str| came.event[name].as_str().unwrap().to_owned();
        assert_eq!(came.key, text("type"));
        assert_eq!(came.event["data"]["ticket_id"], came.event["subject"]);
        if known.insert(text("id")) {
            heard.entry(text("subject")).or_default().push(text("type"));
        }
    }
    let expected = [
        "ticket.created",
        "ticket.replied",
        "ticket.status_changed",
        "ticket.resolved",
    ];
    assert!(heard.values().all(|types| *types == expected), "{heard:?}");
    assert!(heard.keys().all(|id| ids.contains(id)));
    outcomes.until_count(LEFT, 0).await;
    process::end(&desk).await;
}

/// Rules that are made later are as if they had always been; a clock that has run out is told once, brings the ticket
/// up once, and silence closes what is resolved.
#[tokio::test(flavor = "multi_thread")]
async fn time_tells_escalates_and_closes_once_each() {
    let stage = Stage::with_lanes("email.normal").await;
    let key = key(&stage, "tickets:read,tickets:write", None);
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    for (id, level) in [(AGENT, 1), (LEAD, 2)] {
        let member = json!({ "name": "Ada", "level": level });
        good(&stage, &key, "PUT", &format!("/v1/staff/{id}"), member).await;
    }
    let asked = json!({ "subject": "Help", "description": "It burns.", "requester_id": ANA,
        "category": "fire" });
    let ticket = good(&stage, &key, "POST", "/v1/tickets", asked).await;
    let place = format!("/v1/tickets/{}", ticket["id"].as_str().unwrap());
    assert!(ticket["due_at"].is_null() && ticket["assignee_id"].is_null());
    let back = "UPDATE ticket_schema.ticket_history SET at = at - interval '2 hours'";
    let mut owner = stage.database.owner().await;
    lines(
        &mut owner,
        &format!("WITH b AS ({back} RETURNING 1) SELECT '' AS text"),
    )
    .await;
    let rules = json!({ "name": "fire", "close_after_minutes": 60,
        "targets": { "normal": { "first_response_minutes": 60, "resolution_minutes": 600 } },
        "staff": [{ "id": AGENT }, { "id": LEAD }] });
    good(&stage, &key, "POST", "/v1/ticket-categories", rules).await;
    let deeds = |deed: &str| {
        format!("SELECT count(*) FROM ticket_schema.ticket_history WHERE deed = '{deed}'")
    };
    outcomes.until_count(&deeds("escalated"), 1).await;
    let overdue = good(&stage, &key, "GET", "/v1/tickets?overdue=true", Value::Null).await;
    let overdue = &overdue["data"][0];
    assert_eq!(
        (&overdue["is_overdue"], &overdue["escalation_level"]),
        (&json!(true), &json!(1))
    );
    assert_eq!(overdue["assignee_id"], AGENT, "level by level");
    assert_eq!(outcomes.count(&deeds("overdue")).await, 1);
    assert_eq!(
        outcomes.count(&deeds("due_soon")).await,
        0,
        "what has run out is not due soon"
    );
    let done = json!({ "status": "resolved" });
    good(&stage, &key, "POST", &format!("{place}/status"), done).await;
    let now = good(&stage, &key, "GET", &place, Value::Null).await;
    assert_eq!(
        (&now["is_overdue"], &now["due_at"]),
        (&json!(false), &Value::Null)
    );
    let sooner = format!(
        "WITH b AS ({back} RETURNING 1), \
         l AS (UPDATE ticket_schema.support_tickets SET look_at = now() RETURNING 1) SELECT '' AS text"
    );
    lines(&mut owner, &sooner).await;
    let closed = "SELECT count(*) FROM ticket_schema.support_tickets WHERE status = 'closed'";
    outcomes.until_count(closed, 1).await;
    assert_eq!(outcomes.count(&deeds("escalated")).await, 1);
    let told = "SELECT count(*) FROM ticket_schema.ticket_history WHERE deed = 'overdue' AND actor_id IS NULL";
    assert_eq!(outcomes.count(told).await, 1);
}

/// The ready file is what `herald apply` takes, and takes again.
#[tokio::test(flavor = "multi_thread")]
async fn the_ready_workflows_and_templates_can_be_applied() {
    let stage = Stage::with_lanes("email.normal").await;
    stage.apply(include_str!("../../../config/tickets.toml"));
    let mut outcomes = stage.outcomes().await;
    let count = "SELECT count(*) FROM workflows WHERE name LIKE 'ticket-%'";
    assert_eq!(outcomes.count(count).await, 13);
    stage.apply(include_str!("../../../config/tickets.toml"));
    assert_eq!(
        outcomes.count(count).await,
        13,
        "applied again it changes nothing"
    );
}
