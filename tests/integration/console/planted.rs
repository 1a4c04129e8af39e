//! What people, publishers, providers and webhooks wrote is text on every page, whatever it says.

use std::collections::BTreeSet;

use diesel_async::SimpleAsyncConnection;
use serde_json::json;

use super::browser::Browser;
use super::masking::failed;
use crate::api::door::{SHOP, ask_as, key, stage};
use crate::stage::{ANA, Stage};

/// What must never be seen as HTML.
const EVIL: &str = "<img src=x onerror=alert(1)>\"'&";
/// Most pages that are read.
const MOST: usize = 250;

/// Puts the text everywhere that others can write to.
async fn plant(stage: &Stage, admin: &str) {
    let evil = EVIL.replace('\'', "''");
    let webhook =
        json!({ "url": "https://example.com/<img src=x>", "events": ["*"], "name": EVIL });
    let made = ask_as(stage, admin, "POST", "/v1/webhooks", &webhook.to_string()).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let made: serde_json::Value = serde_json::from_slice(&made.body).unwrap();
    let webhook = made["id"].as_str().unwrap();
    let texts = json!({
        "channel": "email", "locale": "en", "subject": EVIL, "body": EVIL, "html": EVIL, "variables": [],
    });
    for path in ["/v1/templates/planted", "/v1/templates/planted/publish"] {
        let (method, body) = match path.ends_with("publish") {
            true => ("POST", "{}".to_owned()),
            false => ("PUT", texts.to_string()),
        };
        let answer = ask_as(stage, admin, method, path, &body).await;
        assert!(answer.status < 300, "{}", answer.text());
    }
    plant_tickets(stage, admin).await;
    let counts = json!({ EVIL: 1 }).to_string().replace('\'', "''");
    let mut owner = stage.database.owner().await;
    owner
        .batch_execute(&format!(
            "SET search_path TO notification_schema;
             UPDATE tenants SET name = left('{evil}', 50) WHERE id = '{SHOP}';
             UPDATE users SET external_id = '{evil}', locale = 'en' WHERE id = '{ANA}';
             INSERT INTO categories (tenant_id, name) VALUES ('{SHOP}', '{evil}');
             INSERT INTO suppressions (id, tenant_id, channel, address, reason, category)
             VALUES (gen_random_uuid(), '{SHOP}', 'chat', 'C042', 'manual', '{evil}');
             INSERT INTO webhook_deliveries (id, tenant_id, webhook_id, event_type, payload, response_status,
                 response_body, attempt_count, error)
             VALUES (gen_random_uuid(), '{SHOP}', '{webhook}', '{evil}', '{evil}', 500, '{evil}', 3, '{evil}');
             INSERT INTO jobs (id, tenant_id, kind, state, filter, rate, planned, counts)
             VALUES (gen_random_uuid(), '{SHOP}', 'dlq_replay', 'paused', '{{\"tenant_id\": \"{SHOP}\"}}', 1, 1, '{counts}');
             INSERT INTO audit_logs (id, tenant_id, actor, action, resource_type, resource_id, ip_address, changes)
             VALUES (gen_random_uuid(), '{SHOP}', '{evil}', '{evil}', '{evil}', '{evil}', '{evil}',
                 jsonb_build_object('a', '{evil}'));
             INSERT INTO notification_quarantine (id, notification_id, tenant_id, channel, idempotency_key, status,
                 settlement, sqlstate, message, run_id)
             SELECT gen_random_uuid(), id, tenant_id, 'email', '\\x00', 'sent', '{{}}', '23514', '{evil}', 1
             FROM notifications LIMIT 1;
             INSERT INTO api_keys (id, tenant_id, key_hash, prefix, name, scopes)
             VALUES (gen_random_uuid(), '{SHOP}', repeat('a', 64), '<img src=x>', '{evil}', '[]')"
        ))
        .await
        .unwrap();
}

/// The same at the support desk.
async fn plant_tickets(stage: &Stage, admin: &str) {
    let ticket = json!({ "subject": EVIL, "description": EVIL, "requester_id": ANA, "location": EVIL,
        "metadata": { EVIL: EVIL } });
    let staff = format!("/v1/staff/{ANA}");
    let comment = json!({ "author_id": ANA, "comment": EVIL });
    for (method, path, body) in [
        (
            "PUT",
            staff.as_str(),
            json!({ "name": EVIL, "domain": EVIL }),
        ),
        (
            "POST",
            "/v1/ticket-categories",
            json!({ "name": "planted", "description": EVIL }),
        ),
        ("POST", "/v1/tickets", ticket),
        ("POST", "/v1/tickets/1/comments", comment),
        (
            "POST",
            "/v1/tickets/1/status",
            json!({ "status": "resolved", "resolution_notes": EVIL }),
        ),
    ] {
        let answer = ask_as(stage, admin, method, path, &body.to_string()).await;
        assert!(answer.status < 300, "{path}: {}", answer.text());
    }
}

/// The console's own paths to which a page leads.
fn links(page: &str) -> impl Iterator<Item = String> {
    let links = page.split("href=\"").skip(1);
    let links = links.filter_map(|it| it.split('"').next());
    links
        .filter(|it| it.starts_with("/console") && !it.contains("/assets/"))
        .map(|it| it.replace("&#38;", "&"))
}

#[tokio::test(flavor = "multi_thread")]
async fn no_text_of_others_is_html_on_any_page() {
    let stage = stage().await;
    failed(&stage).await;
    let of_shop = key(&stage, "admin", Some(SHOP));
    let admin = key(&stage, "admin", None);
    let sendgrid = stage.simulator(loadtest::simulator::Provider::SendGrid);
    stage.apply(&crate::stage::account_named(&sendgrid, "<img src=x>", 5));
    let _engine = stage.start().await;
    plant(&stage, &of_shop).await;
    let unknown = format!("{{\"{}\": 1}}", EVIL.replace('"', "\\\""));
    let publisher = stage.publisher().await;
    publisher
        .publish_raw(unknown.as_bytes(), "email.normal")
        .await;
    let browser = Browser::signed_in(&stage, &admin).await;
    let waited = tokio::time::timeout(crate::database::PATIENCE, async {
        while !browser
            .page("/console/rejected")
            .await
            .contains("/console/rejected/")
        {}
    });
    waited.await.unwrap();
    let shop = [("tenant", SHOP)];
    let (mut seen, mut planted) = (BTreeSet::new(), BTreeSet::new());
    for chosen in [&[][..], &shop] {
        assert!(matches!(
            browser.post("/console/tenant", chosen).await.status,
            303 | 422
        ));
        let mut ahead: Vec<String> = vec!["/console".to_owned(), format!("/console/people/{ANA}")];
        let mut read = BTreeSet::new();
        while let Some(path) = ahead.pop() {
            if !read.insert(path.clone()) {
                continue;
            }
            let answer = browser.get(&path).await;
            let page = answer.text();
            assert_eq!(answer.status, 200, "{path}: {page}");
            assert!(!page.contains("<img src=x"), "{path}: {page}");
            let desk = path.split(['?', '/']).nth(2).unwrap_or_default().to_owned();
            if page.contains("&#60;img src=x") {
                planted.insert(desk.clone());
            }
            seen.insert(desk);
            ahead.extend(links(&page));
            assert!(read.len() < MOST, "{read:?}");
        }
    }
    for desk in [
        "",
        "accounts",
        "audit",
        "dead-letters",
        "events",
        "find",
        "jobs",
        "keys",
        "notifications",
        "people",
        "rejected",
        "suppressions",
        "staff",
        "templates",
        "tenant",
        "ticket-audit",
        "ticket-categories",
        "tickets",
        "webhooks",
    ] {
        assert!(
            planted.contains(desk),
            "{desk} shows nothing of it: {planted:?}, of {seen:?}"
        );
    }
    for (path, fields) in [
        (format!("/console/people/{ANA}/reveal"), &[][..]),
        (
            "/console/templates/planted".to_owned(),
            &[("locale", EVIL), ("text", EVIL), ("variables", EVIL)],
        ),
        (
            "/console/templates/planted".to_owned(),
            &[("locale", "en"), ("text", "1"), ("variables", "{}")],
        ),
        (
            "/console/suppressions".to_owned(),
            &[("channel", EVIL), ("address", EVIL), ("category", EVIL)],
        ),
        ("/console/explain".to_owned(), &[("envelope", EVIL)]),
        (
            "/console/tickets/1/comment".to_owned(),
            &[("version", "1"), ("comment", EVIL), ("as", EVIL)],
        ),
        ("/console/staff".to_owned(), &[("name", EVIL), ("id", EVIL)]),
        (
            "/console/ticket-categories".to_owned(),
            &[("category", EVIL)],
        ),
    ] {
        let page = browser.post(&path, fields).await.text();
        assert!(!page.contains("<img src=x"), "{path}: {page}");
        assert!(page.contains("&#60;img src=x"), "{path}: {page}");
    }
}
