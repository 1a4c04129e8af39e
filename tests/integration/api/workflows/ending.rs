//! Events that end runs: those that were started before, by their own version's rule, and no others.

use serde_json::{Value, json};

use super::{Desk, event, telling, who};
use crate::stage::ANA;

const LATER: &str = "[[workflows.steps]]\ndelay = { for = \"1h\" }\n\
                     [[workflows.steps]]\nsend = { channel = \"in_app\", template = \"told\" }\n";

/// The run of each event, by the event's id at its source: why it ended, or that it waits.
async fn standings(desk: &Desk, many: usize) -> Vec<String> {
    let runs = desk
        .until("/v1/workflow-runs?limit=200", |runs| runs.len() >= many)
        .await;
    let mut standings = vec![];
    for run in runs.iter().rev() {
        let path = format!("/v1/events/{}", run["event_id"].as_str().unwrap());
        let event = desk.good("GET", &path, &Value::Null).await;
        let (id, reason) = (&event["event_id"], run["reason"].as_str());
        standings.push(format!(
            "{} {}",
            id.as_str().unwrap(),
            reason.unwrap_or("waiting")
        ));
    }
    standings.sort();
    standings
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_one_request_are_taken_in_their_order() {
    let desk = Desk::with(&telling("later", "said", LATER)).await;
    let _engine = desk.stage.start().await;
    let events = [
        event("b", "said", who()),
        event("x", "closed", json!({ "key": "k" })),
        event("a", "said", who()),
    ];
    desk.good("POST", "/v1/events", &json!(events)).await;
    assert_eq!(
        standings(&desk, 2).await,
        ["a waiting", "b cancelled_by_event"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_replaces_those_before_it() {
    let newest = telling("cart", "updated", LATER).replace("\"closed\"", "\"updated\"");
    let desk = Desk::with(&newest).await;
    let _engine = desk.stage.start().await;
    for id in ["1", "2", "3"] {
        desk.happens(id, "updated", who()).await;
    }
    assert_eq!(
        standings(&desk, 3).await,
        ["1 cancelled_by_event", "2 cancelled_by_event", "3 waiting"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_are_ended_by_the_rule_of_their_own_version() {
    let desk = Desk::with(&telling("later", "said", LATER)).await;
    let _engine = desk.stage.start().await;
    desk.happens("1", "said", who()).await;
    // The next version is not ended by `closed`, and then there is none at all.
    let steps = json!([{ "delay": { "for": "1h" } }, { "send": { "channel": "in_app", "template": "told" } }]);
    let next =
        json!({ "on": "said", "recipients": ["data.who"], "key": "data.key", "steps": steps });
    desk.good("PUT", "/v1/workflows/later", &next).await;
    desk.good("POST", "/v1/workflows/later/publish", &Value::Null)
        .await;
    desk.happens("2", "said", json!({ "who": ANA, "key": "k", "text": "" }))
        .await;
    desk.good("DELETE", "/v1/workflows/later", &Value::Null)
        .await;
    desk.happens("3", "closed", json!({ "key": "k" })).await;
    assert_eq!(
        standings(&desk, 2).await,
        ["1 cancelled_by_event", "2 waiting"]
    );
}
