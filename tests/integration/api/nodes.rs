//! Two nodes on one database: what is said on one holds on the other, and not because that looks now and then.

use loadtest::harness::http::{self, Answer};
use loadtest::harness::ports::free_port;
use serde_json::{Value, json};

use super::door::{json_of, key};
use crate::database::PATIENCE;
use crate::stage::{Stage, envelope, envelope_with};

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

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_and_a_published_version_hold_on_the_other_node() {
    let (mut stage, sendgrid, mut outcomes) = Stage::mailing().await;
    // What holds by then is not found by looking.
    stage.set("HERALD__ENGINE__RELOAD_INTERVAL", "5m");
    let bind = || format!("127.0.0.1:{}", free_port().unwrap());
    let (key, one) = (key(&stage, "admin", None), stage.url(""));
    let _one = stage.start().await;
    stage.set("HERALD__HTTP__BIND", bind());
    let _other = stage.start().await;
    let urls = [one, stage.url("")];
    let nodes = Nodes { urls, key };
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
