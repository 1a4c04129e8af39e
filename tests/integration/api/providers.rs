//! `/v1/providers`: accounts, by operators alone; secrets go in and never come out.

use loadtest::harness::http::Answer;
use loadtest::simulator::{Provider, Simulator};
use serde_json::{Value, json};

use super::door::{SHOP, ask_as, is, json_of, key, stage, told};
use crate::database::{PATIENCE, lines};
use crate::stage::{Stage, ana, envelope};

pub(super) const PATH: &str = "/v1/providers";
/// Planted secrets: they must appear nowhere.
const SECRETS: [&str; 3] = ["SG.planted-one", "SG.planted-two", "planted-token"];

/// Somebody with a key.
pub(super) struct Operator<'a> {
    pub(super) stage: &'a Stage,
    pub(super) key: String,
}

impl<'a> Operator<'a> {
    pub(super) fn of(stage: &'a Stage) -> Self {
        let key = key(stage, "providers:read,providers:write", None);
        Self { stage, key }
    }

    pub(super) async fn ask(&self, method: &str, path: &str, body: &Value) -> Answer {
        let body = match body {
            Value::Null => String::new(),
            body => body.to_string(),
        };
        ask_as(self.stage, &self.key, method, path, &body).await
    }

    pub(super) async fn get(&self, path: &str) -> Value {
        json_of(&self.ask("GET", path, &Value::Null).await)
    }

    /// Asks until the answer is as wanted.
    pub(super) async fn until(&self, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut said = Value::Null;
        let reached = tokio::time::timeout(PATIENCE, async {
            while !wanted(&said) {
                said = self.get(path).await;
            }
        });
        assert!(reached.await.is_ok(), "{said:#}");
        said
    }
}

/// An account at a simulated SendGrid.
pub(super) fn sendgrid(name: &str, simulator: &Simulator) -> Value {
    json!({
        "name": name, "kind": "sendgrid", "api_key": SECRETS[0],
        "config": { "base_url": simulator.base_url(), "from": "hello@example.com" },
    })
}

fn pointers(answer: &Answer) -> Vec<String> {
    let errors = json_of(answer)["errors"].as_array().unwrap().clone();
    let pointer = |error: &Value| error["pointer"].as_str().unwrap().to_owned();
    let mut pointers: Vec<String> = errors.iter().map(pointer).collect();
    pointers.sort_unstable();
    pointers
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_made_used_changed_and_removed_and_its_secrets_are_shown_nowhere() {
    let stage = stage().await;
    stage.apply(&ana());
    let simulator = stage.simulator(Provider::SendGrid);
    let operator = Operator::of(&stage);
    let _engine = stage.start().await;
    let mut outcomes = stage.outcomes().await;
    let made = operator
        .ask("POST", PATH, &sendgrid("main mail", &simulator))
        .await;
    assert_eq!(made.status, 201, "{}", made.text());
    assert_eq!(made.headers["location"], "/v1/providers/main%20mail");
    let one = made.headers["location"].to_str().unwrap().to_owned();
    let shown = json_of(&made);
    assert_eq!(
        (
            &shown["channel"],
            &shown["weight"],
            &shown["timeout_seconds"]
        ),
        (&json!("email"), &json!(1), &json!(30))
    );
    assert_eq!(
        (&shown["api_key_set"], &shown["api_secret_set"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(operator.get(&one).await, shown);
    stage.publisher().await.publish(&envelope("email")).await;
    outcomes
        .until(|rows| {
            rows.iter()
                .any(|row| row.provider.as_deref() == Some("main mail"))
        })
        .await;

    let change = json!({
        "api_key": SECRETS[1], "rate_limit": 600, "priority": 7,
        "config": { "from_name": "Herald", "batch_size": 10 },
    });
    let changed = operator.ask("PATCH", &one, &change).await;
    assert_eq!(changed.status, 200, "{}", changed.text());
    let changed = json_of(&changed);
    assert_eq!(changed["config"]["from_name"], "Herald");
    assert_eq!(
        changed["config"]["from"], "hello@example.com",
        "the rest stays"
    );
    assert_eq!(changed["rate_limit"], 600);
    let back = json!({ "rate_limit": null, "config": { "batch_size": null } });
    let back = json_of(&operator.ask("PATCH", &one, &back).await);
    assert_eq!(back["rate_limit"], Value::Null);
    assert_eq!(back["config"].get("batch_size"), None);
    let same = operator.ask("PATCH", &one, &json!({ "priority": 7 })).await;
    assert_eq!(json_of(&same), back, "nothing changed");
    let taken = operator
        .ask("POST", PATH, &sendgrid("main mail", &simulator))
        .await;
    assert_eq!(told(&taken), is(409, "name_taken"));

    let health = operator
        .until(&format!("{one}/health"), |it| {
            it["nodes"][0]["circuit"] == "closed"
        })
        .await;
    assert_eq!(health["troubles"], json!([]));
    let listed = operator.get(PATH).await;
    assert_eq!(listed["data"], json!([back]));
    assert_eq!(operator.ask("DELETE", &one, &Value::Null).await.status, 204);
    let gone = operator.ask("GET", &one, &Value::Null).await;
    assert_eq!(told(&gone), is(404, "not_found"));

    let mut owner = stage.database.owner().await;
    let audited = "SELECT action || ' ' || changes AS text FROM notification_schema.audit_logs
                   WHERE resource_type = 'provider' ORDER BY created_at, id";
    let audited = lines(&mut owner, audited).await;
    let actions: Vec<&str> = audited
        .iter()
        .filter_map(|it| it.split(' ').next())
        .collect();
    assert_eq!(actions, ["create", "update", "update", "delete"]);
    assert!(audited[1].contains("*** (changed)"), "{}", audited[1]);
    let kept = "SELECT count(*)::text AS text FROM notification_schema.provider_configs
                WHERE api_key IS NOT NULL OR config_json IS NOT NULL";
    assert_eq!(
        lines(&mut owner, kept).await,
        ["0"],
        "secrets are gone for good"
    );
    let metrics = operator.ask("GET", "/metrics", &Value::Null).await.text();
    let answers = [shown, back, listed, health].map(|it| it.to_string());
    for text in answers.into_iter().chain(audited).chain([metrics]) {
        assert!(!SECRETS.iter().any(|it| text.contains(it)), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_is_wrong_with_an_account_is_told_at_once_and_nothing_is_written() {
    let stage = stage().await;
    let operator = Operator::of(&stage);
    let _engine = stage.start().await;
    let odd = json!({
        "name": "a/b", "kind": "pigeon", "weight": 0, "rate_limit": "10", "config": [], "odd": 1,
        "api_key": 7,
    });
    let refused = operator.ask("POST", PATH, &odd).await;
    assert_eq!(told(&refused), is(422, "invalid_body"));
    let expected = [
        "#/api_key",
        "#/config",
        "#/kind",
        "#/name",
        "#/odd",
        "#/rate_limit",
        "#/weight",
    ];
    assert_eq!(pointers(&refused), expected);
    let settings = json!({
        "name": "texts", "kind": "twilio", "channel": "email", "api_key": "AC1",
        "config": { "from": "+4915112345678", "auth_token": SECRETS[2], "base_url": "ftp://x", "typo": 1 },
    });
    let refused = operator.ask("POST", PATH, &settings).await;
    assert_eq!(told(&refused), is(422, "invalid_body"));
    let expected = [
        "#/api_secret",
        "#/channel",
        "#/config/base_url",
        "#/config/typo",
    ];
    assert_eq!(pointers(&refused), expected);
    assert!(!refused.text().contains(SECRETS[2]));
    let text = json!({
        "name": "texts", "kind": "twilio", "api_key": "AC1", "api_secret": "x",
        "config": { "from": "+4915112345678", "auth_token": SECRETS[2] },
    });
    let made = operator.ask("POST", PATH, &text).await;
    assert_eq!(made.status, 201, "{}", made.text());
    assert_eq!(json_of(&made)["config"]["auth_token"], "***");
    let one = format!("{PATH}/texts");
    for (change, pointer) in [
        (json!({ "api_secret": null }), "#/api_secret"),
        (json!({ "config": { "from": null } }), "#/config"),
        (json!({ "kind": "smtp" }), "#/kind"),
    ] {
        let refused = operator.ask("PATCH", &one, &change).await;
        assert_eq!(told(&refused), is(422, "invalid_body"), "{change}");
        assert_eq!(pointers(&refused), [pointer], "{change}");
    }
    assert_eq!(json_of(&made), operator.get(&one).await, "it is as it was");
    for (method, path) in [
        ("GET", "/v1/providers/nobody"),
        ("DELETE", "/v1/providers/nobody"),
        ("GET", "/v1/providers/%00"),
        ("GET", "/v1/providers/nobody/health"),
    ] {
        let none = operator.ask(method, path, &Value::Null).await;
        assert_eq!(told(&none), is(404, "not_found"), "{method} {path}");
    }
    let page = operator
        .ask(
            "GET",
            &format!("{PATH}?limit=1&after=x&odd=1"),
            &Value::Null,
        )
        .await;
    assert_eq!(told(&page), is(422, "invalid_query"));
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_are_for_operators_and_are_listed_in_pages_by_name() {
    let stage = stage().await;
    let simulator = stage.simulator(Provider::SendGrid);
    let operator = Operator::of(&stage);
    let shop = key(&stage, "admin", Some(SHOP));
    let viewer = key(&stage, "providers:read", None);
    let _engine = stage.start().await;
    for name in ["b", "a", "c d"] {
        let made = operator
            .ask("POST", PATH, &sendgrid(name, &simulator))
            .await;
        assert_eq!(made.status, 201, "{}", made.text());
    }
    let (mut names, mut after) = (vec![], String::new());
    loop {
        let page = operator.get(&format!("{PATH}?limit=2{after}")).await;
        let entries = page["data"].as_array().unwrap().clone();
        names.extend(
            entries
                .iter()
                .map(|it| it["name"].as_str().unwrap().to_owned()),
        );
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    assert_eq!(names, ["a", "b", "c d"]);
    let body = sendgrid("mine", &simulator).to_string();
    for (method, path, body) in [
        ("GET", PATH, ""),
        ("POST", PATH, body.as_str()),
        ("GET", "/v1/providers/a", ""),
        ("DELETE", "/v1/providers/a", ""),
    ] {
        let refused = ask_as(&stage, &shop, method, path, body).await;
        assert_eq!(
            told(&refused),
            is(403, "operator_required"),
            "{method} {path}"
        );
    }
    let refused = ask_as(&stage, &viewer, "DELETE", "/v1/providers/a", "").await;
    assert_eq!(told(&refused), is(403, "missing_scope"));
    assert_eq!(
        operator.get(PATH).await["data"].as_array().unwrap().len(),
        3
    );
}
