//! `/v1/webhooks`: made, changed, tried, replayed; by their tenant alone.

use diesel_async::SimpleAsyncConnection;
use loadtest::harness::http::Answer;
use loadtest::receiver::Receiver;
use serde_json::{Value, json};

use super::door::{OTHER, SHOP, ask_as, is, json_of, key, stage, told};
use crate::database::{PATIENCE, lines};
use crate::stage::Stage;

const PATH: &str = "/v1/webhooks";

struct Caller<'a> {
    stage: &'a Stage,
    key: String,
}

impl<'a> Caller<'a> {
    fn of(stage: &'a Stage, tenant: Option<&str>) -> Self {
        let key = key(stage, "webhooks:read,webhooks:write", tenant);
        Self { stage, key }
    }

    async fn ask(&self, method: &str, path: &str, body: &Value) -> Answer {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        ask_as(self.stage, &self.key, method, path, &body).await
    }

    async fn made(&self, url: &str) -> (String, String) {
        let body = json!({ "url": url, "events": ["*"], "name": "desk" });
        let made = self.ask("POST", PATH, &body).await;
        assert_eq!(made.status, 201, "{}", made.text());
        let said = json_of(&made);
        assert_eq!(made.headers["cache-control"], "no-store");
        let text = |name: &str| said[name].as_str().unwrap().to_owned();
        let (id, secret) = (text("id"), text("secret"));
        assert_eq!(made.headers["location"], format!("{PATH}/{id}"));
        assert!(secret.starts_with("whsec_"));
        (id, secret)
    }

    /// Asks until the answer is as wanted.
    async fn until(&self, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut said = Value::Null;
        let reached = tokio::time::timeout(PATIENCE, async {
            while !wanted(&said) {
                said = json_of(&self.ask("GET", path, &Value::Null).await);
            }
        });
        assert!(reached.await.is_ok(), "{said:#}");
        said
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_is_made_shown_changed_and_removed_and_its_secret_shown_once() {
    let stage = stage().await;
    let shop = Caller::of(&stage, Some(SHOP));
    let _engine = stage.start().await;
    let (id, secret) = shop.made("https://example.com/hooks").await;
    let one = format!("{PATH}/{id}");
    let shown = json_of(&shop.ask("GET", &one, &Value::Null).await);
    assert_eq!(shown["tenant_id"], SHOP);
    assert_eq!(
        (&shown["events"], &shown["is_active"]),
        (&json!(["*"]), &json!(true))
    );
    assert_eq!(
        (&shown["retry_count"], &shown["timeout_seconds"]),
        (&json!(10), &json!(10))
    );
    let change =
        json!({ "events": ["notification.failed"], "channels": ["sms"], "is_active": false });
    let changed = json_of(&shop.ask("PATCH", &one, &change).await);
    assert_eq!(changed["events"], json!(["notification.failed"]));
    assert_eq!(changed["disabled_reason"], "owner");
    assert_eq!(
        (&changed["url"], &changed["name"]),
        (&shown["url"], &json!("desk"))
    );
    let listed = shop.ask("GET", PATH, &Value::Null).await;
    assert_eq!(json_of(&listed)["data"], json!([changed]));
    for answer in [shown.to_string(), changed.to_string(), listed.text()] {
        assert!(
            !answer.contains("secret_key") && !answer.contains(&secret),
            "{answer}"
        );
    }
    let taken = json!({ "url": "https://example.com/", "events": ["*"], "name": "desk" });
    assert_eq!(
        told(&shop.ask("POST", PATH, &taken).await),
        is(409, "name_taken")
    );
    assert_eq!(
        told(&shop.ask("POST", &format!("{one}/test"), &Value::Null).await),
        is(409, "webhook_disabled")
    );
    assert_eq!(shop.ask("DELETE", &one, &Value::Null).await.status, 204);
    assert_eq!(
        told(&shop.ask("GET", &one, &Value::Null).await),
        is(404, "not_found")
    );
    let audited = "SELECT action AS text FROM notification_schema.audit_logs
                   WHERE resource_type = 'webhook' ORDER BY created_at, id";
    let audited = lines(&mut stage.database.owner().await, audited).await;
    assert_eq!(audited, ["create", "update", "delete"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_is_wrong_with_a_webhook_is_told_at_once() {
    let stage = stage().await;
    let shop = Caller::of(&stage, Some(SHOP));
    let _engine = stage.start().await;
    let odd = json!({
        "url": "http://169.254.169.254/latest", "events": ["notification.sent", "sent"],
        "channels": ["pigeon"], "retry_count": 99, "timeout_seconds": "10", "secret": "x", "odd": 1,
    });
    let refused = shop.ask("POST", PATH, &odd).await;
    assert_eq!(told(&refused), is(422, "invalid_body"));
    let errors = json_of(&refused)["errors"].as_array().unwrap().clone();
    let mut pointers: Vec<&str> = errors
        .iter()
        .map(|it| it["pointer"].as_str().unwrap())
        .collect();
    pointers.sort_unstable();
    let expected = [
        "#/channels/0",
        "#/events/1",
        "#/odd",
        "#/retry_count",
        "#/secret",
        "#/timeout_seconds",
        "#/url",
    ];
    assert_eq!(pointers, expected);
    for url in [
        "http://[::ffff:127.0.0.1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://0x7f.1/",
        "https://a:b@example.com/",
        "ftp://example.com/",
    ] {
        let refused = shop
            .ask("POST", PATH, &json!({ "url": url, "events": ["*"] }))
            .await;
        assert_eq!(told(&refused), is(422, "invalid_body"), "{url}");
    }
    let none = shop.ask("POST", PATH, &json!({})).await;
    assert_eq!(
        json_of(&none)["errors"].as_array().unwrap().len(),
        2,
        "{}",
        none.text()
    );
    assert_eq!(
        json_of(&shop.ask("GET", PATH, &Value::Null).await)["data"],
        json!([])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_of_another_tenant_is_none() {
    let stage = stage().await;
    let (shop, other) = (
        Caller::of(&stage, Some(SHOP)),
        Caller::of(&stage, Some(OTHER)),
    );
    let reader = key(&stage, "webhooks:read", Some(SHOP));
    let _engine = stage.start().await;
    let (id, _) = shop.made("https://example.com/hooks").await;
    let one = format!("{PATH}/{id}");
    let window = json!({ "since": "2026-01-01T00:00:00Z" });
    let asked = json_of(&shop.ask("POST", &format!("{one}/replay"), &window).await);
    let replay = format!("{one}/replay/{}", asked["id"].as_str().unwrap());
    let rows =
        "SELECT (SELECT row_to_json(w) FROM notification_schema.notification_webhooks w)::text
                || (SELECT count(*) FROM notification_schema.webhook_deliveries)
                || (SELECT count(*) FROM notification_schema.jobs) AS text";
    let mut owner = stage.database.owner().await;
    let before = lines(&mut owner, rows).await;
    for (method, path, body) in [
        ("GET", one.clone(), Value::Null),
        ("PATCH", one.clone(), json!({ "is_active": false })),
        ("DELETE", one.clone(), Value::Null),
        ("GET", format!("{one}/deliveries"), Value::Null),
        ("POST", format!("{one}/test"), Value::Null),
        ("POST", format!("{one}/rotate-secret"), Value::Null),
        ("POST", format!("{one}/replay"), window),
        ("GET", replay, Value::Null),
    ] {
        let refused = other.ask(method, &path, &body).await;
        assert_eq!(told(&refused), is(404, "not_found"), "{method} {path}");
    }
    assert_eq!(
        json_of(&other.ask("GET", PATH, &Value::Null).await)["data"],
        json!([])
    );
    assert_eq!(lines(&mut owner, rows).await, before, "nothing was written");
    let refused = ask_as(&stage, &reader, "DELETE", &one, "").await;
    assert_eq!(told(&refused), is(403, "missing_scope"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_is_tried_its_secret_turned_and_what_it_missed_replayed() {
    let mut stage = stage().await;
    stage.set("HERALD__WEBHOOKS__ALLOWED_NETWORKS", "127.0.0.0/8");
    let shop = Caller::of(&stage, Some(SHOP));
    let receiver = Receiver::start(0).unwrap();
    let _engine = stage.start().await;
    let (id, secret) = shop.made(&receiver.url()).await;
    let one = format!("{PATH}/{id}");
    receiver.trust(&secret);
    let test = shop.ask("POST", &format!("{one}/test"), &Value::Null).await;
    assert_eq!(test.status, 202, "{}", test.text());
    let first = json_of(&test)["id"].clone();
    let deliveries = format!("{one}/deliveries");
    let arrived = |said: &Value| said["data"][0]["status"] == "delivered";
    let said = shop.until(&deliveries, arrived).await;
    assert_eq!(said["data"][0]["id"], first);
    assert_eq!(said["data"][0]["type"], "webhook.test");
    assert_eq!(said["data"][0]["response_status"], 204);

    let turned = shop
        .ask(
            "POST",
            &format!("{one}/rotate-secret"),
            &json!({ "grace_seconds": 3600 }),
        )
        .await;
    let turned = json_of(&turned);
    let new = turned["secret"].as_str().unwrap();
    assert!(new != secret && turned["previous_secret_until"].is_string());
    // The engine hears of it by a notice: until then the old one signs alone.
    receiver.trust(new);
    let both = tokio::time::timeout(PATIENCE, async {
        while !receiver.told().iter().any(|told| told.signatures == 2) {
            let before = receiver.stats().accepted;
            shop.ask("POST", &format!("{one}/test"), &Value::Null).await;
            shop.until(&deliveries, |_| receiver.stats().accepted > before)
                .await;
        }
    });
    both.await.unwrap();
    assert_eq!(receiver.stats().invalid, 0);

    let failed = "UPDATE notification_schema.webhook_deliveries SET delivered = false";
    stage
        .database
        .owner()
        .await
        .batch_execute(failed)
        .await
        .unwrap();
    let told_before = receiver.told().len();
    let window = json!({ "since": "2026-01-01T00:00:00Z", "dry_run": true });
    let counted = json_of(&shop.ask("POST", &format!("{one}/replay"), &window).await);
    assert_eq!(counted, json!({ "planned": told_before }));
    let window = json!({ "since": "2026-01-01T00:00:00Z" });
    let ordered = shop.ask("POST", &format!("{one}/replay"), &window).await;
    assert_eq!(ordered.status, 202);
    let job = ordered.headers["location"].to_str().unwrap();
    let done = shop
        .until(job, |said| said["finished_at"].is_string())
        .await;
    assert_eq!(
        (&done["planned"], &done["done"]),
        (&json!(told_before), &json!(told_before))
    );
    shop.until(&deliveries, |said| {
        let all = said["data"].as_array().into_iter().flatten();
        said["data"].is_array() && all.clone().all(|it| it["status"] == "delivered")
    })
    .await;
    let told = receiver.told();
    assert_eq!(told.len(), told_before, "under the same ids");
    assert!(told.iter().all(|told| told.accepted == 2), "{told:?}");
    let later = json!({ "since": "2026-03-01T00:00:00Z", "until": "2026-02-01T00:00:00Z" });
    let refused = shop.ask("POST", &format!("{one}/replay"), &later).await;
    assert_eq!(super::door::told(&refused), is(422, "invalid_body"));
}

/// It goes a few seconds ahead of its rate; the rest stays as it is while it stands, and once it is ended.
#[tokio::test(flavor = "multi_thread")]
async fn a_replay_is_a_job_that_is_paused_let_go_on_and_ended() {
    let stage = stage().await;
    let shop = Caller::of(&stage, Some(SHOP));
    let reader = key(&stage, "webhooks:read", Some(SHOP));
    let stranger = key(&stage, "dlq:read,dlq:write", Some(SHOP));
    let _engine = stage.start().await;
    let (id, _) = shop.made("https://example.com/hooks").await;
    let kept = format!(
        "SET search_path TO notification_schema;
         INSERT INTO webhook_deliveries
             (id, tenant_id, webhook_id, notification_id, event_type, payload, delivered, attempt_count)
         SELECT (left(uuid_bound(now() - interval '10 minutes')::text, 14) || '7'
                 || substr(gen_random_uuid()::text, 16))::uuid,
                '{SHOP}', '{id}', gen_random_uuid(), 'notification.sent', '{{}}', false, 4
         FROM generate_series(1, 40000)"
    );
    let mut owner = stage.database.owner().await;
    owner.batch_execute(&kept).await.unwrap();
    let path = format!("{PATH}/{id}/replay");
    let window = json!({ "since": "2026-01-01T00:00:00Z" });
    let asked = json_of(&shop.ask("POST", &path, &window).await);
    assert_eq!(asked["planned"], 40_000);
    let job = format!("/v1/jobs/{}", asked["id"].as_str().unwrap());
    let paused = shop
        .ask("POST", &format!("{job}/pause"), &Value::Null)
        .await;
    assert_eq!(json_of(&paused)["state"], "paused");
    let look = async |key: &str| ask_as(&stage, key, "GET", &job, "").await;
    let standing = json_of(&look(&reader).await);
    assert_eq!(
        (&standing["kind"], &standing["state"]),
        (&json!("webhook_replay"), &json!("paused"))
    );
    let refused = ask_as(&stage, &reader, "POST", &format!("{job}/resume"), "").await;
    assert_eq!(told(&refused), is(403, "missing_scope"));
    assert_eq!(told(&look(&stranger).await), is(404, "not_found"));
    let resumed = shop
        .ask("POST", &format!("{job}/resume"), &Value::Null)
        .await;
    assert_eq!(json_of(&resumed)["state"], "running");
    let begun = tokio::time::timeout(PATIENCE, async {
        while json_of(&look(&reader).await)["done"] == 0 {}
    });
    begun.await.unwrap();
    let ended = shop
        .ask("POST", &format!("{job}/cancel"), &Value::Null)
        .await;
    let ended = json_of(&ended);
    assert_eq!(ended["state"], "cancelled");
    let done = ended["done"].as_u64().unwrap();
    assert!((1..40_000).contains(&done), "{done}");
    let left = "SELECT count(*)::text AS text FROM notification_schema.webhook_deliveries
                WHERE attempt_count = 4 AND next_retry_at IS NULL";
    assert_eq!(lines(&mut owner, left).await, [(40_000 - done).to_string()]);
    let progress = format!("{path}/{}", asked["id"].as_str().unwrap());
    let progress = json_of(&shop.ask("GET", &progress, &Value::Null).await);
    assert_eq!(
        (&progress["state"], &progress["done"]),
        (&json!("cancelled"), &json!(done))
    );
}
