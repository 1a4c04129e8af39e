//! Events become what people are told: workflows by files and by HTTP, their runs and their digests.

mod calling_off;
mod ending;
mod failing;
mod gathering;
mod lasting;
mod publishing;
mod telling;
mod to_topics;
mod trying;

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::door::{ask_as, json_of, key};
use crate::database::PATIENCE;
use crate::stage::{ANA, Stage, ana};

const BEN: &str = "0190c1a0-0000-7000-8000-000000000002";
const NOBODY: &str = "0190c1a0-0000-7000-8000-0000000000ff";

/// A stage with two people and templates in-app, and a key that may do all of this.
struct Desk {
    stage: Stage,
    key: String,
}

impl Desk {
    async fn with(workflows: &str) -> Self {
        let stage = Stage::with_lanes("in_app.normal,in_app.low").await;
        let mut text = ana();
        write!(text, "[[users]]\nid = \"{BEN}\"\nusername = \"ben\"\n").unwrap();
        text.push_str(
            "[[templates]]\nname = \"told\"\nmessage_type = \"in_app\"\ntitle = \"{{ event.type }}\"\n\
             body = \"{{ data.text }} for {{ recipient.username or recipient.id }}\"\n\
             [[templates]]\nname = \"gathered\"\nmessage_type = \"in_app\"\n\
             body = \"{{ digest.count }}:{% for item in digest.items %} {{ item.data.text }}{% endfor %}\"\n",
        );
        text.push_str(workflows);
        stage.apply(&text);
        let key = key(&stage, "admin", None);
        Self { stage, key }
    }

    async fn ask(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let body = match body {
            Value::Null => String::new(),
            body => body.to_string(),
        };
        let answer = ask_as(&self.stage, &self.key, method, path, &body).await;
        let said = match answer.body.is_empty() {
            true => Value::Null,
            false => json_of(&answer),
        };
        (answer.status, said)
    }

    async fn good(&self, method: &str, path: &str, body: &Value) -> Value {
        let (status, said) = self.ask(method, path, body).await;
        assert!((200..300).contains(&status), "{method} {path}: {said:#}");
        said
    }

    /// Sends an event; its id here.
    async fn happens(&self, id: &str, kind: &str, data: Value) -> String {
        let accepted = self
            .good("POST", "/v1/events", &event(id, kind, data))
            .await;
        accepted["id"].as_str().unwrap().to_owned()
    }

    /// Asks for a list until it is as wanted.
    async fn until(&self, path: &str, wanted: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let mut said = vec![];
        let reached = tokio::time::timeout(PATIENCE, async {
            while !wanted(&said) || said.is_empty() {
                let page = self.good("GET", path, &Value::Null).await;
                said = page["data"].as_array().unwrap().clone();
            }
        });
        assert!(reached.await.is_ok(), "{path}: {said:#?}");
        said
    }

    /// The bodies in somebody's inbox, oldest first, once there are so many.
    async fn inbox(&self, user: &str, many: usize) -> Vec<String> {
        let path = format!("/v1/notifications?user_id={user}&status=sent&limit=200");
        let sent = self.until(&path, |rows| rows.len() >= many).await;
        let mut bodies = vec![];
        for row in sent.iter().rev() {
            let path = format!("/v1/notifications/{}/content", row["id"].as_str().unwrap());
            let content = self.good("GET", &path, &Value::Null).await;
            bodies.push(
                content["content"]["body"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned(),
            );
        }
        bodies
    }
}

fn event(id: &str, kind: &str, data: Value) -> Value {
    json!({ "specversion": "1.0", "id": id, "source": "/desk", "type": kind, "data": data })
}

/// How each of some runs ended.
fn ends(runs: &[Value]) -> Vec<&str> {
    let mut ends: Vec<&str> = runs
        .iter()
        .map(|run| run["reason"].as_str().unwrap_or("waiting"))
        .collect();
    ends.sort_unstable();
    ends
}

fn have_ended(runs: &[Value], many: usize) -> bool {
    runs.len() >= many && runs.iter().all(|run| run["status"] != "waiting")
}

/// A workflow in TOML that tells whom `data.who` names.
fn telling(name: &str, on: &str, steps: &str) -> String {
    format!(
        "[[workflows]]\nname = \"{name}\"\non = \"{on}\"\nrecipients = [\"data.who\"]\nkey = \"data.key\"\n\
         cancel_on = {{ type = \"closed\", key = \"data.key\" }}\n{steps}"
    )
}

fn who() -> Value {
    json!({ "who": ANA, "key": "k", "text": "hello" })
}
