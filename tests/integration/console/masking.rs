//! Addresses and contents: masked, shown to those who may see them, written down; and never run.

use diesel_async::SimpleAsyncConnection;
use herald::runtime::clock;
use serde_json::json;
use uuid::Uuid;

use super::browser::{Browser, header};
use crate::api::door::{OTHER, SHOP, key, stage};
use crate::database::lines;
use crate::stage::Stage;

const ANA: &str = "0190c1a0-0000-7000-8000-000000000001";
/// What must never be seen as HTML.
const EVIL: &str = "<img src=x onerror=alert(1)>\"'&";

/// A notification that failed, with texts of publishers and providers in all its columns.
pub(super) async fn failed(stage: &Stage) -> Uuid {
    let now = clock::now().as_millisecond().unsigned_abs();
    let id = Uuid::from_u128(u128::from(now - 60_000) << 80 | 0x7000_8000_u128 << 48 | 7);
    let attempts = json!([{
        "at": "2026-03-01T13:00:00Z", "step": "attempt", "provider": EVIL, "class": "permanent",
        "code": EVIL, "detail": EVIL, "elapsed_ms": 12,
    }]);
    let payload = json!({
        "content": { "subject": EVIL, "body": EVIL, "html": format!("<b>Hello Ana</b>{EVIL}"), "data": { "n": EVIL } },
    });
    let quoted = |text: String| text.replace('\'', "''");
    let (attempts, payload) = (quoted(attempts.to_string()), quoted(payload.to_string()));
    let evil = quoted(EVIL.to_owned());
    let mut owner = stage.database.owner().await;
    owner
        .batch_execute(&format!(
            "SET search_path TO notification_schema;
             INSERT INTO users (id, tenant_id, email, username, name)
             VALUES ('{ANA}', '{SHOP}', 'ana@example.com', 'ana', '{evil}');
             INSERT INTO notifications (id, tenant_id, user_id, idempotency_key, message_type, priority, payload,
                 status, reason, category, provider, recipient, error_message, provider_response,
                 provider_message_id, source_type, source_id, attempts, metadata, failed_at, created_at)
             VALUES ('{id}', '{SHOP}', '{ANA}', repeat('0', 64), 'email', 'normal', '{payload}',
                 'failed', 'invalid_recipient', '{evil}', '{evil}', 'ana@example.com', '{evil}', '{evil}',
                 '{evil}', '{evil}', '{evil}', '{attempts}', '{{\"note\": \"for Ana alone\"}}', now(),
                 to_timestamp({now} / 1000.0 - 60));
             INSERT INTO notification_dlq (id, tenant_id, notification_id, failure_reason, note)
             VALUES (gen_random_uuid(), '{SHOP}', '{id}', 'invalid_recipient', '{evil}');
             INSERT INTO admin_system_events (event_type, severity, description, tenant_id)
             VALUES ('provider_circuit_open', 'high', '{evil}', '{SHOP}')"
        ))
        .await
        .unwrap();
    id
}

/// Nothing of what others wrote is HTML.
fn is_harmless(page: &str) {
    assert!(!page.contains("<img src=x"), "{page}");
    assert!(page.contains("&#60;img src=x"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_and_contents_are_masked_until_a_key_that_may_see_them_asks_and_that_is_written_down()
 {
    let stage = stage().await;
    let id = failed(&stage).await;
    let viewer = key(&stage, "viewer", Some(SHOP));
    let sees = key(&stage, "viewer,contents:read", Some(SHOP));
    let other = key(&stage, "admin", Some(OTHER));
    let _engine = stage.start().await;
    let mut owner = stage.database.owner().await;
    let path = format!("/console/notifications/{id}");
    let shown =
        "SELECT count(*)::text AS text FROM notification_schema.audit_logs WHERE action = 'show'";
    let secrets = ["ana@example.com", "Hello Ana", "for Ana alone"];
    for (key, may) in [(&viewer, false), (&sees, true)] {
        let browser = Browser::signed_in(&stage, key).await;
        let page = browser.page(&path).await;
        is_harmless(&page);
        assert!(page.contains("a•••@example.com"), "{page}");
        assert!(
            secrets.iter().all(|secret| !page.contains(secret)),
            "{page}"
        );
        assert_eq!(page.contains("Show address and content"), may);
        let listed = browser.page("/console/find?q=ana@example.com").await;
        is_harmless(&listed);
        assert!(
            listed.contains(&path) && listed.contains("a•••@example.com"),
            "{listed}"
        );
        let html = format!("{path}/html?proof=0");
        assert_eq!(browser.get(&html).await.status, if may { 400 } else { 403 });
        let answer = browser.post(&format!("{path}/reveal"), &[]).await;
        if !may {
            assert_eq!(answer.status, 403);
            assert_eq!(lines(&mut owner, shown).await, ["0"]);
            continue;
        }
        assert_eq!(answer.status, 200);
        let page = answer.text();
        is_harmless(&page);
        assert!(
            page.contains("ana@example.com") && page.contains("for Ana alone"),
            "{page}"
        );
        let audited = format!(
            "{shown} AND resource_type = 'notification' AND resource_id = '{id}' AND tenant_id = '{SHOP}'"
        );
        assert_eq!(lines(&mut owner, &audited).await, ["1"]);
        assert!(page.contains("<iframe sandbox title="), "{page}");
        let frame = page.split_once("</a>").unwrap().1;
        let frame = frame.split_once("src=\"/console/notifications/").unwrap().1;
        let frame = format!(
            "/console/notifications/{}",
            frame.split('"').next().unwrap()
        );
        let framed = browser.get(&frame).await;
        assert_eq!(framed.status, 200);
        assert!(framed.text().contains("<b>Hello Ana</b>"));
        let policy = header(&framed, "content-security-policy");
        assert!(
            policy.starts_with("sandbox; default-src 'none'"),
            "{policy}"
        );
        // Another session has not shown it.
        let second = Browser::signed_in(&stage, key).await;
        assert_eq!(second.get(&frame).await.status, 400);
    }
    let stranger = Browser::signed_in(&stage, &other).await;
    assert_eq!(stranger.get(&path).await.status, 404);
    for deed in ["reveal", "cancel", "replay"] {
        let answer = stranger.post(&format!("{path}/{deed}"), &[]).await;
        assert_eq!(answer.status, 404, "{deed}");
    }
    let nobody = stranger.page("/console/find?q=ana@example.com").await;
    assert!(nobody.contains("Nobody has that"), "{nobody}");
    assert_eq!(lines(&mut owner, shown).await, ["1"]);
}
