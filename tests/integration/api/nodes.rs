//! Two nodes on one database: what is said on one holds on the other, and not because that looks now and then.

use std::time::Duration;

use herald::runtime::clock;
use loadtest::harness::http::{self, Answer};
use loadtest::harness::ports::free_port;
use loadtest::receiver::Receiver;
use serde_json::{Value, json};

use super::door::{json_of, key};
use crate::database::PATIENCE;
use crate::stage::{ANA, Stage, TestEngine, envelope, envelope_with};

/// The nodes of a stage, each with an address of its own.
struct Nodes {
    urls: [String; 2],
    key: String,
}

impl Nodes {
    async fn ask(&self, node: usize, method: &str, path: &str, body: &Value) -> Answer {
        let bearer = format!("Authorization: Bearer {}", self.key);
        let headers = [&*bearer, "Content-Type: application/json"];
        let body = match body {
            Value::Null => String::new(),
            body => body.to_string(),
        };
        let url = format!("{}{path}", self.urls[node]);
        let asked = http::request(method, &url, &headers, body.as_bytes());
        asked.await.unwrap()
    }

    async fn good(&self, node: usize, method: &str, path: &str, body: &Value) -> Value {
        let answer = self.ask(node, method, path, body).await;
        let is_good = (200..300).contains(&answer.status);
        assert!(is_good, "{method} {path}: {}", answer.text());
        json_of(&answer)
    }

    /// Sends a message through the other node; what became of it: its status and reason, and the version of its template.
    async fn fate(&self, message: &Value) -> (String, Option<i64>) {
        let accepted = self.good(1, "POST", "/v1/notifications", message).await;
        let path = format!("/v1/notifications/{}", accepted["id"].as_str().unwrap());
        let mut shown = accepted;
        let told = tokio::time::timeout(PATIENCE, async {
            while shown["status"] == "pending" && shown["reason"].is_null() {
                shown = self.good(1, "GET", &path, &Value::Null).await;
            }
        });
        assert!(told.await.is_ok(), "{shown:#}");
        let word = |name: &str| shown[name].as_str().unwrap_or("-").to_owned();
        let fate = format!("{} {}", word("status"), word("reason"));
        (fate, shown["template"]["version"].as_i64())
    }

    /// Asks until the answer is as wanted.
    async fn until(&self, path: &str, wanted: impl Fn(&Value) -> bool) {
        let mut said = Value::Null;
        let reached = tokio::time::timeout(PATIENCE, async {
            while !wanted(&said) {
                said = self.good(0, "GET", path, &Value::Null).await;
            }
        });
        assert!(reached.await.is_ok(), "{path}: {said:#}");
    }
}

/// Two engines on a stage.
async fn started(stage: &mut Stage) -> (Nodes, [TestEngine; 2]) {
    // What holds by then is not found by looking.
    stage.set("HERALD__ENGINE__RELOAD_INTERVAL", "5m");
    let (key, one) = (key(stage, "admin", None), stage.url(""));
    let first = stage.start().await;
    stage.set(
        "HERALD__HTTP__BIND",
        format!("127.0.0.1:{}", free_port().unwrap()),
    );
    let second = stage.start().await;
    let urls = [one, stage.url("")];
    (Nodes { urls, key }, [first, second])
}

/// Looks again and again; what begins a second from now must find it so.
async fn within_a_second(what: &str, holds: impl AsyncFn() -> bool) {
    let changed = clock::instant();
    loop {
        let begun = changed.elapsed();
        if holds().await {
            return;
        }
        assert!(begun < Duration::from_secs(1), "{what} does not hold yet");
    }
}

/// Each is changed on one node, and the other one does something by it.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_changed_on_one_node_holds_on_the_other_within_a_second() {
    let (mut stage, _sendgrid, _outcomes) = Stage::mailing().await;
    stage.set("HERALD__WEBHOOKS__ALLOWED_NETWORKS", "127.0.0.0/8");
    let (before, after) = (Receiver::start(0).unwrap(), Receiver::start(0).unwrap());
    let (nodes, _engines) = started(&mut stage).await;
    let change =
        async |method: &str, path: &str, body: Value| nodes.good(0, method, path, &body).await;
    let draft = |text: &str| json!({ "channel": "email", "locale": "en", "subject": text, "body": "Hello", "variables": [] });
    let template = "/v1/templates/welcome";
    let publish = async |text: &str| {
        change("PUT", template, draft(text)).await;
        change("POST", &format!("{template}/publish"), json!({})).await;
    };
    let message = |fields: Value| {
        let mut message = envelope_with("email", fields);
        let message_fields = message.as_object_mut().unwrap();
        message_fields.remove("idempotency_key");
        if message_fields.contains_key("template") {
            message_fields.remove("content");
        }
        message
    };
    let is = async |fields: Value, wanted: &str| nodes.fate(&message(fields)).await.0 == wanted;

    // The other node has used all of it as it was.
    publish("first").await;
    let welcome = || message(json!({ "template": { "name": "welcome" } }));
    assert_eq!(nodes.fate(&welcome()).await, ("sent -".to_owned(), Some(1)));
    publish("second").await;
    within_a_second("a published version", async || {
        nodes.fate(&welcome()).await.1 == Some(2)
    })
    .await;

    let category = "/v1/categories/news";
    change("PUT", category, json!({ "may_disable": true })).await;
    let wishes = json!([{ "category": "news", "enabled": false }]);
    let person = format!("/v1/users/{ANA}/preferences");
    change("PUT", &person, wishes).await;
    let news = || json!({ "category": "news" });
    within_a_second("what a person wishes", async || {
        is(news(), "cancelled category_disabled").await
    })
    .await;
    change("PUT", category, json!({ "may_disable": false })).await;
    within_a_second("a category", async || is(news(), "sent -").await).await;

    let made = json!({ "url": before.url(), "events": ["notification.sent"], "name": "desk" });
    let made = change("POST", "/v1/webhooks", made).await;
    for receiver in [&before, &after] {
        receiver.trust(made["secret"].as_str().unwrap());
    }
    within_a_second("a new webhook", async || {
        is(json!({}), "sent -").await && before.taken() > 0
    })
    .await;
    let webhook = format!("/v1/webhooks/{}", made["id"].as_str().unwrap());
    change("PATCH", &webhook, json!({ "url": after.url() })).await;
    within_a_second("a webhook's address", async || {
        is(json!({}), "sent -").await && after.taken() > 0
    })
    .await;

    let scopes = json!({ "name": "short", "scopes": ["users:read"] });
    let made = change("POST", "/v1/api-keys", scopes).await;
    let short = Nodes {
        urls: nodes.urls.clone(),
        key: made["key"].as_str().unwrap().to_owned(),
    };
    let looked = async || short.ask(1, "GET", "/v1/users", &Value::Null).await.status;
    assert_eq!(looked().await, 200);
    let path = format!("/v1/api-keys/{}", made["id"].as_str().unwrap());
    assert_eq!(
        nodes.ask(0, "DELETE", &path, &Value::Null).await.status,
        204
    );
    within_a_second("a revoked key", async || looked().await == 401).await;

    let entry = json!({ "channel": "email", "address": "ana@example.com" });
    let entry = change("POST", "/v1/suppressions", entry).await;
    within_a_second("a suppressed address", async || {
        is(json!({}), "cancelled suppressed").await
    })
    .await;
    let path = format!("/v1/suppressions/{}", entry["id"].as_str().unwrap());
    assert_eq!(
        nodes.ask(0, "DELETE", &path, &Value::Null).await.status,
        204
    );
    within_a_second("an address that may be written to", async || {
        is(json!({}), "sent -").await
    })
    .await;

    let pause = json!({ "reason": "they move house", "for": "1h" });
    change("POST", "/v1/providers/sendgrid/pause", pause).await;
    within_a_second("a pause", async || {
        is(json!({}), "pending waiting_for_provider").await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_and_a_published_version_hold_on_the_other_node() {
    let (mut stage, sendgrid, mut outcomes) = Stage::mailing().await;
    let (nodes, _engines) = started(&mut stage).await;
    let health = "/v1/providers/sendgrid/health";

    // Both nodes use the account, and the first version.
    let draft = |text: &str| json!({ "channel": "email", "locale": "en", "subject": text, "body": "Hello", "variables": [] });
    let template = "/v1/templates/welcome";
    nodes.good(0, "PUT", template, &draft("first")).await;
    let publish = format!("{template}/publish");
    nodes.good(0, "POST", &publish, &json!({})).await;
    let welcome = || {
        let mut envelope = envelope_with("email", json!({ "template": { "name": "welcome" } }));
        envelope.as_object_mut().unwrap().remove("content");
        envelope
    };
    let sent = async |node: usize, outcomes: &mut crate::outcomes::Outcomes| {
        let accepted = nodes
            .good(node, "POST", "/v1/notifications", &welcome())
            .await;
        let id = accepted["id"].as_str().unwrap().to_owned();
        outcomes
            .until(|rows| {
                let row = rows.iter().find(|row| row.id.to_string() == id);
                row.is_some_and(|row| row.is("sent", None))
            })
            .await;
        let shown = format!("/v1/notifications/{id}");
        let shown = nodes.good(node, "GET", &shown, &Value::Null).await;
        shown["template"]["version"].as_i64().unwrap()
    };
    for node in [0, 1] {
        assert_eq!(sent(node, &mut outcomes).await, 1);
    }
    nodes
        .until(health, |it| {
            it["nodes"].as_array().is_some_and(|it| it.len() == 2)
        })
        .await;
    nodes.good(0, "PUT", template, &draft("second")).await;
    nodes.good(0, "POST", &publish, &json!({})).await;
    let renewed = tokio::time::timeout(PATIENCE, async {
        while sent(1, &mut outcomes).await != 2 {}
    });
    assert!(
        renewed.await.is_ok(),
        "the other node renders the version before"
    );

    let pause = json!({ "reason": "they move house", "for": "1h" });
    nodes
        .good(0, "POST", "/v1/providers/sendgrid/pause", &pause)
        .await;
    nodes.until(health, |it| it["nodes"] == json!([])).await;
    let asked = sendgrid.stats().requests;
    for node in [0, 1, 1, 1] {
        let accepted = nodes
            .ask(node, "POST", "/v1/notifications", &envelope("email"))
            .await;
        assert_eq!(accepted.status, 202);
    }
    outcomes
        .until(|rows| {
            let waits =
                |row: &&crate::outcomes::Row| row.is("pending", Some("waiting_for_provider"));
            rows.iter().filter(waits).count() == 4
        })
        .await;
    assert_eq!(
        sendgrid.stats().requests,
        asked,
        "somebody asked a paused account"
    );
}
