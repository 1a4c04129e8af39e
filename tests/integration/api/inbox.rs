//! A person's inbox by HTTP: what is in it, what they do with it, and that it is theirs alone.

use std::time::Duration;

use herald::runtime::clock;
use loadtest::harness::http::Answer;
use serde_json::{Value, json};

use super::door::{OTHER, SHOP, ask_as, is, json_of, key, told};
use super::user_tokens::{ANN, BOB, issued, person};
use crate::database::lines;
use crate::outcomes::Outcomes;
use crate::stage::Stage;

const SENT: &str = "SELECT count(*) FROM notifications WHERE status = 'sent'";

/// A person at their browser.
struct InboxReader<'a> {
    stage: &'a Stage,
    token: String,
}

impl InboxReader<'_> {
    async fn ask(&self, method: &str, path: &str, body: &Value) -> Answer {
        let body = match body {
            Value::Null => String::new(),
            body => body.to_string(),
        };
        ask_as(self.stage, &self.token, method, path, &body).await
    }

    async fn good(&self, method: &str, path: &str) -> Value {
        let answer = self.ask(method, path, &Value::Null).await;
        assert!(
            matches!(answer.status, 200 | 204),
            "{method} {path}: {}",
            answer.text()
        );
        match answer.status {
            204 => Value::Null,
            _ => json_of(&answer),
        }
    }

    async fn titles(&self, query: &str) -> Vec<String> {
        let page = self.good("GET", &format!("/v1/inbox{query}")).await;
        let data = page["data"].as_array().unwrap();
        data.iter()
            .map(|it| it["title"].as_str().unwrap().to_owned())
            .collect()
    }

    /// Unseen and unread.
    async fn counts(&self) -> (Value, Value) {
        let counts = self.good("GET", "/v1/inbox/counts").await;
        (counts["unseen"].clone(), counts["unread"].clone())
    }

    async fn id(&self, title: &str) -> String {
        let page = self.good("GET", "/v1/inbox?filter=all").await;
        let data = page["data"].as_array().unwrap();
        let found = data.iter().find(|it| it["title"] == title);
        found.unwrap_or_else(|| panic!("{title}"))["id"]
            .as_str()
            .unwrap()
            .to_owned()
    }
}

async fn in_app_stage() -> Stage {
    let stage = Stage::with_lanes("in_app.normal").await;
    stage.apply(&format!(
        "[[tenants]]\nid = \"{SHOP}\"\nname = \"shop\"\n[[tenants]]\nid = \"{OTHER}\"\nname = \"other\"\n"
    ));
    stage
}

/// Publishes in-app with these titles, one after the other.
async fn publish(stage: &Stage, key: &str, whom: Value, titles: &[&str], more: Value) {
    for title in titles {
        let mut envelope = json!({
            "version": 1, "user_id": whom, "channel": "in_app", "content": { "title": title, "body": "b" },
        });
        for (name, value) in more.as_object().into_iter().flatten() {
            envelope[name] = value.clone();
        }
        let answer = ask_as(
            stage,
            key,
            "POST",
            "/v1/notifications",
            &envelope.to_string(),
        )
        .await;
        assert_eq!(answer.status, 202, "{}", answer.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_state_is_said_and_taken_back_and_is_the_persons_own() {
    let stage = in_app_stage().await;
    let shop = key(&stage, "admin", Some(SHOP));
    let mut outcomes = Outcomes::watch(&stage.database).await;
    let _engine = stage.start().await;
    person(&stage, &shop, ANN).await;
    person(&stage, &shop, BOB).await;
    let reader = async |id: &str| InboxReader {
        stage: &stage,
        token: issued(&stage, &shop, id, &json!({})).await,
    };
    let (ann, bob) = (reader(ANN).await, reader(BOB).await);
    let hook = json!({ "url": "https://example.com/hook", "events": ["notification.read", "notification.clicked"] });
    let made = ask_as(&stage, &shop, "POST", "/v1/webhooks", &hook.to_string()).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let button = json!({ "inbox": {
        "tags": ["orders", "eu"], "url": "/orders/17",
        "actions": [{ "id": "ok", "label": "OK", "primary": true }, { "id": "no", "label": "No", "url": "https://example.com" }]
    }, "category": "orders", "source": { "type": "order", "id": "17" } });
    publish(&stage, &shop, json!(ANN), &["first"], button).await;
    outcomes.until_count(SENT, 1).await;
    publish(
        &stage,
        &shop,
        json!(ANN),
        &["second"],
        json!({ "inbox": { "tags": ["eu"] } }),
    )
    .await;
    publish(&stage, &shop, json!(BOB), &["of bob"], json!({})).await;
    outcomes.until_count(SENT, 3).await;

    assert_eq!(ann.titles("").await, ["second", "first"]);
    assert_eq!(ann.titles("?tag=orders&tag=none").await, ["first"]);
    assert_eq!(ann.titles("?tag=eu&limit=1").await, ["second"]);
    assert_eq!(ann.counts().await, (json!(2), json!(2)));
    let first = ann.id("first").await;
    let one = format!("/v1/inbox/{first}");
    let shown = ann.good("GET", &one).await;
    let expected = json!({
        "audience": "person", "body": "b", "url": "/orders/17", "category": "orders", "tags": ["orders", "eu"],
        "source": { "type": "order", "id": "17" }, "data": null, "read_at": null, "sequence": 1,
    });
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(shown[name], *value, "{name}");
    }
    assert_eq!(shown["actions"][0]["state"], "pending");

    // Each state done and undone, each twice.
    for (state, column, done, undone) in [
        ("seen", "seen_at", (1, 2), (2, 2)),
        ("read", "read_at", (1, 1), (1, 2)),
        ("archived", "archived_at", (1, 1), (1, 2)),
    ] {
        let path = format!("{one}/{state}");
        let is = ann.good("PUT", &path).await;
        assert_eq!(ann.good("PUT", &path).await, is, "again: {state}");
        assert!(is[column].is_string());
        assert_eq!(
            ann.counts().await,
            (json!(done.0), json!(done.1)),
            "{state}"
        );
        let is = ann.good("DELETE", &path).await;
        assert_eq!(ann.good("DELETE", &path).await, is, "again: {state}");
        assert!(is[column].is_null());
        assert_eq!(
            ann.counts().await,
            (json!(undone.0), json!(undone.1)),
            "no {state}"
        );
    }
    ann.good("PUT", &format!("{one}/archived")).await;
    assert_eq!(ann.titles("").await, ["second"]);
    assert_eq!(ann.titles("?filter=archived").await, ["first"]);
    assert_eq!(ann.titles("?filter=all").await, ["second", "first"]);
    ann.good("DELETE", &format!("{one}/archived")).await;
    ann.good("DELETE", &one).await;
    assert_eq!(ann.titles("?filter=all").await, ["second"]);
    assert_eq!(
        told(&ann.ask("GET", &one, &Value::Null).await),
        is(404, "not_found")
    );
    ann.good("PUT", &format!("{one}/restore")).await;
    assert_eq!(ann.titles("").await, ["second", "first"]);

    // Snoozed: within bounds, gone, not to be marked, there again by hand as it was.
    let snooze = format!("{one}/snooze");
    let later = |minutes: u64| json!({ "until": (clock::now() + Duration::from_secs(60 * minutes)).to_string() });
    for bad in [
        json!({}),
        later(2),
        later(90 * 24 * 60 + 2),
        json!({ "for": "2m" }),
        json!({ "until": 7 }),
        json!({ "until": "x", "for": "1h" }),
        json!({ "for": "1h", "why": "x" }),
    ] {
        let answer = ann.ask("PUT", &snooze, &bad).await;
        assert_eq!(told(&answer), is(422, "invalid_body"), "{bad}");
    }
    for good in [later(4), json!({ "for": "24h" })] {
        assert_eq!(ann.ask("PUT", &snooze, &good).await.status, 200, "{good}");
    }
    assert_eq!(ann.titles("?filter=all").await, ["second"]);
    assert_eq!(ann.titles("?filter=snoozed").await, ["first"]);
    let refused = ann.ask("PUT", &format!("{one}/read"), &Value::Null).await;
    assert_eq!(told(&refused), is(409, "snoozed"));
    ann.good("DELETE", &snooze).await;
    assert_eq!(ann.titles("").await, ["second", "first"]);

    // Buttons.
    let ok = format!("{one}/actions/ok");
    let pressed = ann.good("POST", &ok).await;
    assert_eq!(pressed["actions"][0]["state"], "done");
    assert!(pressed["interacted_at"].is_string() && pressed["read_at"].is_string());
    assert_eq!(ann.good("POST", &ok).await, pressed);
    let released = ann.good("DELETE", &ok).await;
    assert_eq!(
        (&released["actions"][0]["state"], &released["interacted_at"]),
        (&json!("pending"), &Value::Null)
    );
    let unknown = ann
        .ask("POST", &format!("{one}/actions/maybe"), &Value::Null)
        .await;
    assert_eq!(told(&unknown), is(404, "not_found"));

    // Told once: read by the first, clicked by the press.
    let deliveries =
        "SELECT event_type || ' ' || coalesce(payload::jsonb->'data'->>'action', '') AS text
                      FROM notification_schema.webhook_deliveries ORDER BY 1";
    let mut owner = stage.database.owner().await;
    assert_eq!(
        lines(&mut owner, deliveries).await,
        ["notification.clicked ok", "notification.read "]
    );
    let timeline = ask_as(
        &stage,
        &shop,
        "GET",
        &format!("/v1/notifications/{first}"),
        "",
    )
    .await;
    assert!(timeline.text().contains("\"read\""), "{}", timeline.text());

    // Bob's is not hers, and nothing is written; a key opens nothing.
    let foreign = bob.id("of bob").await;
    let rows = "SELECT md5(string_agg(i::text, '' ORDER BY id, user_id)) AS text FROM notification_schema.inbox_items i";
    let before = lines(&mut owner, rows).await;
    for (method, rest, body) in [
        ("GET", "", Value::Null),
        ("DELETE", "", Value::Null),
        ("PUT", "/restore", Value::Null),
        ("PUT", "/seen", Value::Null),
        ("DELETE", "/seen", Value::Null),
        ("PUT", "/read", Value::Null),
        ("DELETE", "/read", Value::Null),
        ("PUT", "/archived", Value::Null),
        ("DELETE", "/archived", Value::Null),
        ("PUT", "/snooze", json!({ "for": "1h" })),
        ("DELETE", "/snooze", Value::Null),
        ("POST", "/actions/ok", Value::Null),
        ("DELETE", "/actions/ok", Value::Null),
    ] {
        for id in [&*foreign, "0190c1a0-0000-7000-8000-00000000dead", "x"] {
            let path = format!("/v1/inbox/{id}{rest}");
            assert_eq!(
                told(&ann.ask(method, &path, &body).await),
                is(404, "not_found"),
                "{method} {path}"
            );
        }
    }
    assert_eq!(
        lines(&mut owner, rows).await,
        before,
        "something was written"
    );
    let by_key = ask_as(&stage, &shop, "GET", "/v1/inbox", "").await;
    assert_eq!(told(&by_key), is(403, "user_token_required"));
    let reading = InboxReader {
        stage: &stage,
        token: issued(&stage, &shop, ANN, &json!({ "grants": ["inbox:read"] })).await,
    };
    assert_eq!(reading.titles("").await.len(), 2);
    let refused = reading
        .ask("PUT", &format!("{one}/read"), &Value::Null)
        .await;
    assert_eq!(told(&refused), is(403, "missing_grant"));
    for bad in [
        "?filter=new",
        "?filter=all&filter=all",
        "?tag=",
        "?after=x",
        "?limit=0",
        "?colour=red",
    ] {
        let answer = ann
            .ask("GET", &format!("/v1/inbox{bad}"), &Value::Null)
            .await;
        assert_eq!(told(&answer), is(422, "invalid_query"), "{bad}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_for_everybody_asks_its_readers_and_bulk_stops_at_its_time() {
    let stage = in_app_stage().await;
    let shop = key(&stage, "admin", Some(SHOP));
    let other = key(&stage, "admin", Some(OTHER));
    let mut outcomes = Outcomes::watch(&stage.database).await;
    let _engine = stage.start().await;
    person(&stage, &shop, ANN).await;
    person(&stage, &shop, BOB).await;
    let stranger = "0190c1a0-0000-7000-8000-00000000a0c3";
    person(&stage, &other, stranger).await;
    let reader = async |key: &str, id: &str| InboxReader {
        stage: &stage,
        token: issued(&stage, key, id, &json!({})).await,
    };
    let (ann, bob) = (reader(&shop, ANN).await, reader(&shop, BOB).await);
    let theirs = reader(&other, stranger).await;
    publish(
        &stage,
        &shop,
        json!(ANN),
        &["one", "two"],
        json!({ "inbox": { "tags": ["x"] } }),
    )
    .await;
    publish(
        &stage,
        &shop,
        Value::Null,
        &["all"],
        json!({ "category": "news" }),
    )
    .await;
    outcomes.until_count(SENT, 3).await;
    let soon = clock::now() + Duration::from_secs(86_400);
    publish(
        &stage,
        &shop,
        Value::Null,
        &["short"],
        json!({ "expires_at": soon.to_string() }),
    )
    .await;
    outcomes.until_count(SENT, 4).await;

    let mut sorted = ann.titles("").await;
    sorted.sort_unstable();
    assert_eq!(sorted, ["all", "one", "short", "two"]);
    assert_eq!(bob.titles("").await, ["short", "all"]);
    assert_eq!(
        theirs.titles("").await,
        Vec::<String>::new(),
        "another tenant's"
    );
    let all = bob.id("all").await;
    assert_eq!(
        bob.good("GET", &format!("/v1/inbox/{all}")).await["audience"],
        "tenant"
    );
    let foreign = theirs
        .ask("PUT", &format!("/v1/inbox/{all}/read"), &Value::Null)
        .await;
    assert_eq!(told(&foreign), is(404, "not_found"));
    bob.good("PUT", &format!("/v1/inbox/{all}/read")).await;
    assert_eq!(bob.counts().await, (json!(1), json!(1)));
    assert_eq!(
        ann.counts().await,
        (json!(4), json!(4)),
        "a state for each reader"
    );

    // Switched off it is hidden, and switched on it is there again.
    let path = format!("/v1/users/{BOB}/preferences");
    let wish =
        |enabled: bool| json!([{ "category": "news", "channel": "in_app", "enabled": enabled }]);
    for (enabled, titles) in [(false, vec!["short"]), (true, vec!["short", "all"])] {
        assert_eq!(bob.ask("PUT", &path, &wish(enabled)).await.status, 200);
        let end = clock::instant() + crate::database::PATIENCE;
        while bob.titles("").await != titles {
            assert!(clock::instant() < end, "{enabled}");
        }
    }
    let mut owner = stage.database.owner().await;
    let expire =
        "UPDATE notification_schema.inbox_items SET expires_at = now() WHERE expires_at IS NOT NULL
                  RETURNING user_id::text AS text";
    assert_eq!(lines(&mut owner, expire).await.len(), 2);
    assert_eq!(bob.titles("?filter=all").await, ["all"], "it has expired");
    assert_eq!(bob.counts().await, (json!(0), json!(0)));

    // Up to a time: nothing newer is touched; with a tag, nothing else.
    let page = ann.good("GET", "/v1/inbox").await;
    let newest = page["data"][0]["delivered_at"].as_str().unwrap().to_owned();
    publish(&stage, &shop, json!(ANN), &["later"], json!({})).await;
    outcomes.until_count(SENT, 5).await;
    let tagged = ann
        .good("POST", &format!("/v1/inbox/read-all?until={newest}&tag=x"))
        .await;
    assert_eq!(tagged, json!({ "changed": 2 }));
    assert_eq!(ann.titles("?filter=unread").await, ["later", "all"]);
    assert_eq!(
        ann.good("POST", &format!("/v1/inbox/seen-all?until={newest}"))
            .await["changed"],
        1
    );
    assert_eq!(ann.titles("?filter=unseen").await, ["later"]);
    assert_eq!(ann.good("POST", "/v1/inbox/read-all").await["changed"], 2);
    assert_eq!(ann.good("POST", "/v1/inbox/read-all").await["changed"], 0);
    assert_eq!(
        ann.good("POST", &format!("/v1/inbox/archive-all?until={newest}"))
            .await["changed"],
        3
    );
    assert_eq!(ann.titles("").await, ["later"]);
    let bad = ann
        .ask("POST", "/v1/inbox/read-all?until=now", &Value::Null)
        .await;
    assert_eq!(told(&bad), is(422, "invalid_query"));

    // By RabbitMQ as well; what is wrong is told with its place.
    let publisher = stage.publisher().await;
    publisher.publish(&json!({ "version": 1, "tenant_id": SHOP, "user_id": null, "channel": "in_app", "priority": "normal",
                               "content": { "title": "by amqp" } })).await;
    outcomes.until_count(SENT, 6).await;
    assert_eq!(bob.titles("?filter=unread").await, ["by amqp"]);
    let refused = |whom: Value, more: Value| {
        let mut body = json!({ "version": 1, "channel": "in_app", "content": { "title": "t" } });
        body["user_id"] = whom;
        for (name, value) in more.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        body.to_string()
    };
    for (body, pointer) in [
        (
            refused(
                Value::Null,
                json!({ "channel": "email", "content": { "subject": "s", "body": "b" } }),
            ),
            "#/user_id",
        ),
        (
            refused(json!("00000000-0000-0000-0000-000000000000"), json!({})),
            "#/user_id",
        ),
        (
            refused(Value::Null, json!({ "recipient": {} })),
            "#/recipient",
        ),
        (refused(Value::Null, json!({ "content": {} })), "#/content"),
        (
            refused(
                json!(ANN),
                json!({ "inbox": { "url": "javascript:alert(1)" } }),
            ),
            "#/inbox/url",
        ),
        (
            refused(
                json!(ANN),
                json!({ "inbox": { "actions": [{ "id": "a", "label": "b", "icon": "c" }] } }),
            ),
            "#/inbox/actions/0/icon",
        ),
    ] {
        let answer = ask_as(&stage, &shop, "POST", "/v1/notifications", &body).await;
        assert_eq!(told(&answer), is(422, "invalid_body"), "{body}");
        assert_eq!(json_of(&answer)["errors"][0]["pointer"], pointer, "{body}");
    }
    let nowhere =
        json!({ "tenant_id": "0190c1a0-0000-7000-8000-00000000dead", "idempotency_key": "k" });
    let answer = ask_as(
        &stage,
        &key(&stage, "admin", None),
        "POST",
        "/v1/notifications",
        &refused(Value::Null, nowhere),
    )
    .await;
    assert_eq!(told(&answer), is(404, "not_found"));

    // The export has the inbox, and erasing leaves nothing of it.
    let export = ask_as(&stage, &shop, "GET", &format!("/v1/users/{BOB}/export"), "").await;
    assert!(export.text().contains("by amqp"), "{}", export.text());
    let erased = ask_as(&stage, &shop, "DELETE", &format!("/v1/users/{BOB}"), "").await;
    assert_eq!(erased.status, 204);
    let left = format!("SELECT user_id::text AS text FROM notification_schema.inbox_items WHERE user_id = '{BOB}'
                        UNION ALL SELECT user_id::text FROM notification_schema.inbox_readers WHERE user_id = '{BOB}'");
    assert_eq!(lines(&mut owner, &left).await, Vec::<String>::new());
}
