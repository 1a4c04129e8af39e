//! Every form: without its proof, without the scope, and about another tenant's thing it changes nothing.

use diesel_async::SimpleAsyncConnection;
use serde_json::json;
use uuid::Uuid;

use super::browser::{Browser, form};
use super::masking::failed;
use crate::api::door::{OTHER, SHOP, ask_as, key, stage};
use crate::database::lines;
use crate::stage::{ANA, Stage};

/// Things of the shop, by the path of what can be done with each.
struct ShopThings {
    forms: Vec<String>,
    /// Those that are an operator's.
    of_operators: Vec<String>,
}

async fn things(stage: &Stage, notification: Uuid, admin: &str) -> ShopThings {
    let body = json!({ "url": "https://example.com/hook", "events": ["*"] });
    let made = ask_as(stage, admin, "POST", "/v1/webhooks", &body.to_string()).await;
    let made: serde_json::Value = serde_json::from_slice(&made.body).unwrap();
    let webhook = made["id"].as_str().unwrap().to_owned();
    let body = json!({ "channel": "email", "address": "x@example.com" });
    let made = ask_as(stage, admin, "POST", "/v1/suppressions", &body.to_string()).await;
    let made: serde_json::Value = serde_json::from_slice(&made.body).unwrap();
    let suppression = made["id"].as_str().unwrap().to_owned();
    let category = desk_things(stage, admin).await;
    let job = "0190c1a0-0000-7000-8000-0000000000d1";
    let mut owner = stage.database.owner().await;
    owner
        .batch_execute(&format!(
            "INSERT INTO notification_schema.jobs (id, tenant_id, kind, state, filter, rate, planned)
             VALUES ('{job}', '{SHOP}', 'dlq_replay', 'paused', '{{\"tenant_id\": \"{SHOP}\"}}', 1, 1);
             INSERT INTO notification_schema.notification_quarantine (id, notification_id, tenant_id, channel,
                 idempotency_key, status, settlement, sqlstate, message, run_id)
             VALUES ('{job}', '{notification}', '{SHOP}', 'email', '\\x00', 'sent', '{{}}', '23514', 'x', 1)"
        ))
        .await
        .unwrap();
    let key = "SELECT id::text AS text FROM notification_schema.api_keys
               WHERE tenant_id IS NOT NULL ORDER BY created_at LIMIT 1";
    let key = lines(&mut owner, key).await.remove(0);
    let forms = [
        format!("notifications/{notification}/cancel"),
        format!("notifications/{notification}/replay"),
        format!("jobs/{job}/pause"),
        format!("jobs/{job}/resume"),
        format!("jobs/{job}/cancel"),
        format!("quarantine/{job}/replay"),
        format!("quarantine/{job}/resolve"),
        format!("people/{ANA}/switch"),
        format!("people/{ANA}/prefer"),
        format!("webhooks/{webhook}/test"),
        format!("webhooks/{webhook}/enable"),
        format!("webhooks/{webhook}/disable"),
        format!("webhooks/{webhook}/replay"),
        format!("suppressions/{suppression}/lift"),
        format!("keys/{key}/change"),
        format!("keys/{key}/rotate"),
        format!("keys/{key}/revoke"),
        format!("staff/{ANA}/remove"),
        format!("ticket-categories/{category}/remove"),
        "tickets/1/comment".to_owned(),
        "tickets/1/status".to_owned(),
        "tickets/1/assign".to_owned(),
        "tickets/1/escalate".to_owned(),
    ];
    let of_operators =
        ["pause", "resume", "change", "test"].map(|deed| format!("accounts/mail/{deed}"));
    let rejected = ["rejected/00/replay".to_owned()];
    ShopThings {
        forms: forms.into(),
        of_operators: of_operators.into_iter().chain(rejected).collect(),
    }
}

/// Somebody of the staff, a ticket, and a category, whose id this is.
async fn desk_things(stage: &Stage, admin: &str) -> String {
    let ticket = json!({ "subject": "x", "description": "x", "requester_id": ANA });
    let mut category = String::new();
    for (method, path, body) in [
        ("PUT", format!("/v1/staff/{ANA}"), json!({ "name": "Ana" })),
        ("POST", "/v1/tickets".to_owned(), ticket),
        (
            "POST",
            "/v1/ticket-categories".to_owned(),
            json!({ "name": "x" }),
        ),
    ] {
        let made = ask_as(stage, admin, method, &path, &body.to_string()).await;
        let made: serde_json::Value = serde_json::from_slice(&made.body).unwrap();
        category = made["id"].as_str().unwrap().to_owned();
    }
    category
}

/// Fields with which all of these forms would do something.
const FIELDS: &[(&str, &str)] = &[
    ("channel", "email"),
    ("enabled", "no"),
    ("why", "because"),
    ("replay_since", "2026-01-01T00:00"),
    ("does", "replay"),
    ("reason", "because"),
    ("for", "5m"),
    ("priority", "1"),
    ("name", "another"),
    ("scopes", "users:read"),
    ("version", "1"),
    ("comment", "x"),
    ("status", "waiting"),
    ("assignee", "none"),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_form_changes_nothing_without_its_proof_its_scope_and_for_another_tenant() {
    let stage = stage().await;
    let notification = failed(&stage).await;
    let admin = key(&stage, "admin", Some(SHOP));
    let viewer = key(&stage, "viewer,audit-logs:read,api-keys:read", Some(SHOP));
    let other = key(&stage, "admin", Some(OTHER));
    let watching = key(&stage, "viewer", None);
    let _engine = stage.start().await;
    let things = things(&stage, notification, &admin).await;
    let mut owner = stage.database.owner().await;
    let deeds = "SELECT count(*)::text AS text FROM notification_schema.audit_logs
                 WHERE resource_type <> 'console'";
    let before = lines(&mut owner, deeds).await;
    let of_shop = Browser::signed_in(&stage, &admin).await;
    let of_viewer = Browser::signed_in(&stage, &viewer).await;
    let of_other = Browser::signed_in(&stage, &other).await;
    let of_watcher = Browser::signed_in(&stage, &watching).await;
    let nobody = Browser::new(&stage);
    let proof = of_shop.proof().await;
    let with = |proof: &str| {
        let mut fields = vec![("proof", proof)];
        fields.extend(FIELDS);
        form(&fields)
    };
    for path in things.forms.iter().chain(&things.of_operators) {
        let path = format!("/console/{path}");
        let post = async |browser: &Browser<'_>, headers: &[&str], proof: &str| {
            browser
                .send("POST", &path, headers, &with(proof))
                .await
                .status
        };
        assert_eq!(post(&of_shop, &[], "").await, 403, "{path} without a proof");
        assert_eq!(
            post(&of_viewer, &[], &proof).await,
            403,
            "{path} with another's proof"
        );
        let evil = ["Origin: https://evil.example.com"];
        assert_eq!(
            post(&of_shop, &evil, &proof).await,
            403,
            "{path} from elsewhere"
        );
        assert_eq!(post(&nobody, &[], &proof).await, 303, "{path} for nobody");
        assert_eq!(
            of_viewer.post(&path, FIELDS).await.status,
            403,
            "{path} without the scope"
        );
        assert!(
            matches!(of_shop.get(&path).await.status, 404 | 405),
            "{path} by a link"
        );
    }
    for path in &things.forms {
        let answer = of_other.post(&format!("/console/{path}"), FIELDS).await;
        assert_eq!(
            answer.status,
            404,
            "{path} of another tenant: {}",
            answer.text()
        );
    }
    for path in &things.of_operators {
        let path = format!("/console/{path}");
        assert_eq!(
            of_shop.post(&path, FIELDS).await.status,
            403,
            "{path} of a tenant"
        );
        assert_eq!(
            of_watcher.post(&path, FIELDS).await.status,
            403,
            "{path} without the scope"
        );
    }
    assert_eq!(lines(&mut owner, deeds).await, before, "nothing was done");
    for page in ["people", "webhooks", "jobs", "notifications", "keys"] {
        let path = things
            .forms
            .iter()
            .find(|path| path.starts_with(page))
            .unwrap();
        let (page, _) = path.rsplit_once('/').unwrap();
        let path = format!("/console/{page}");
        assert_eq!(of_shop.get(&path).await.status, 200, "{path}");
        assert_eq!(
            of_other.get(&path).await.status,
            404,
            "{path} of another tenant"
        );
    }
}
