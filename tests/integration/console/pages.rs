//! What the pages show, and what is done by them.

use diesel_async::SimpleAsyncConnection;
use serde_json::json;

use super::browser::{Browser, header};
use super::masking::failed;
use crate::api::door::{SHOP, ask_as, json_of, key, stage};
use crate::database::lines;
use crate::stage::{ANA, Stage};

#[tokio::test(flavor = "multi_thread")]
async fn the_overview_counts_what_was_sent_and_says_what_the_nodes_hold() {
    let (stage, _sendgrid, mut outcomes) = Stage::mailing().await;
    let operator = key(&stage, "viewer", None);
    let publisher = key(&stage, "publisher", None);
    let _engine = stage.start().await;
    for number in 0..3 {
        let body = format!(
            "{{\"version\": 1, \"user_id\": \"{ANA}\", \"channel\": \"email\", \"idempotency_key\": \"k{number}\",
               \"content\": {{\"subject\": \"Hi\", \"body\": \"Hello\"}}}}"
        );
        let answer = ask_as(&stage, &publisher, "POST", "/v1/notifications", &body).await;
        assert_eq!(answer.status, 202, "{}", answer.text());
    }
    let sent = "SELECT coalesce(sum(sent), 0)::bigint AS count FROM delivery_minutes";
    outcomes.until_count(sent, 3).await;
    let browser = Browser::signed_in(&stage, &operator).await;
    let page = browser.page("/console/live/overview").await;
    assert!(
        page.contains("<dt>Sent in the last hour</dt><dd><b>3</b>"),
        "{page}"
    );
    assert!(
        page.contains("The last hour by minutes (UTC): 3 sent, 0 failed"),
        "{page}"
    );
    assert!(
        page.contains("The last day by hours (UTC): 3 sent, 0 failed"),
        "{page}"
    );
    assert!(
        page.contains("<h2>Nodes</h2>") && page.contains("<h2>Accounts</h2>"),
        "{page}"
    );
    assert!(!page.contains("<html"), "a part of the page");
    let whole = browser.page("/console").await;
    assert!(
        whole.contains("data-live=\"/console/live/overview\"") && whole.contains("<dt>Sent in")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notification_is_found_by_what_is_known_of_it() {
    let stage = stage().await;
    let id = failed(&stage).await;
    let shop = key(&stage, "viewer", Some(SHOP));
    let _engine = stage.start().await;
    let browser = Browser::signed_in(&stage, &shop).await;
    let path = format!("/console/notifications/{id}");
    let direct = browser.get(&format!("/console/find?q={id}")).await;
    assert_eq!(
        (direct.status, header(&direct, "location")),
        (303, path.as_str())
    );
    for query in [
        "q=ANA@example.com".to_owned(),
        "q=ana".to_owned(),
        format!("q={ANA}"),
        format!("user_id={ANA}"),
        "status=failed&reason=invalid_recipient&channel=email".to_owned(),
        "status=failed&since=2026-01-01T00:00".to_owned(),
        "source_type=%3Cimg+src%3Dx+onerror%3Dalert(1)%3E%22%27%26".to_owned(),
    ] {
        let page = browser.page(&format!("/console/find?{query}")).await;
        assert!(page.contains(&path), "{query}: {page}");
    }
    for query in [
        "status=sent",
        "q=nobody",
        "channel=sms",
        "status=failed&until=2026-01-01T00:00",
    ] {
        let page = browser.page(&format!("/console/find?{query}")).await;
        assert!(!page.contains(&path), "{query}");
    }
    let wrong = browser
        .get("/console/find?status=lost&user_id=7&since=never&q=%3Cb%3E")
        .await;
    assert_eq!(wrong.status, 422);
    let page = wrong.text();
    assert_eq!(page.matches("role=\"alert\"").count(), 3, "{page}");
    assert!(
        page.contains("value=\"&#60;b&#62;\"") && page.contains("value=\"never\""),
        "{page}"
    );
    assert_eq!(browser.get("/console/find?q=%00").await.status, 400);
    for odd in ["7", "0190c1a0-0000-7000-8000-0000000000ee"] {
        let answer = browser.get(&format!("/console/notifications/{odd}")).await;
        assert_eq!(answer.status, 404, "{odd}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_is_replayed_and_what_waits_is_cancelled_as_the_keys_deed() {
    let stage = stage().await;
    let id = failed(&stage).await;
    let viewer = key(&stage, "viewer", Some(SHOP));
    let operator = key(&stage, "operator", Some(SHOP));
    let _engine = stage.start().await;
    let path = format!("/console/notifications/{id}");
    let browser = Browser::signed_in(&stage, &viewer).await;
    let page = browser.page(&path).await;
    assert!(
        !page.contains("/replay\"") && page.contains("<h2>Dead letter</h2>"),
        "{page}"
    );
    for deed in ["replay", "cancel"] {
        let answer = browser.post(&format!("{path}/{deed}"), &[]).await;
        assert_eq!(answer.status, 403, "{deed}");
    }
    let browser = Browser::signed_in(&stage, &operator).await;
    assert!(browser.page(&path).await.contains("/replay\""));
    let late = browser.post(&format!("{path}/cancel"), &[]).await;
    assert_eq!(late.status, 409);
    assert!(
        late.text()
            .contains("It is too late: it has failed for good"),
        "{}",
        late.text()
    );
    let replayed = browser.post(&format!("{path}/replay"), &[]).await;
    assert_eq!(
        header(&replayed, "location"),
        format!("{path}?done=replayed")
    );
    let page = browser.page(&format!("{path}?done=replayed")).await;
    assert!(
        page.contains("It is on its way again") && !page.contains("/replay\""),
        "{page}"
    );
    let cancelled = browser.post(&format!("{path}/cancel"), &[]).await;
    assert_eq!(
        header(&cancelled, "location"),
        format!("{path}?done=cancelled"),
        "{}",
        cancelled.text()
    );
    let again = browser.post(&format!("{path}/replay"), &[]).await;
    assert_eq!(again.status, 409, "dealt with");
    let mut owner = stage.database.owner().await;
    let audited =
        "SELECT a.action || ' ' || a.resource_type AS text FROM notification_schema.audit_logs a
         JOIN notification_schema.api_keys k ON k.id::text = a.actor
         WHERE a.resource_type <> 'console' ORDER BY a.created_at";
    assert_eq!(
        lines(&mut owner, audited).await,
        ["replay dead_letter", "cancel notification"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_envelope_is_explained_and_its_mistakes_stand_beside_it() {
    let stage = stage().await;
    failed(&stage).await;
    let shop = key(&stage, "viewer", Some(SHOP));
    let _engine = stage.start().await;
    let browser = Browser::signed_in(&stage, &shop).await;
    assert!(
        browser
            .page("/console/explain")
            .await
            .contains("<textarea id=\"envelope\"")
    );
    let explain = async |envelope: &str| {
        browser
            .post("/console/explain", &[("envelope", envelope)])
            .await
    };
    let good = format!(
        "{{\"version\": 1, \"user_id\": \"{ANA}\", \"channel\": \"email\",
           \"content\": {{\"subject\": \"<b>\", \"body\": \"secret words\"}}}}"
    );
    let page = explain(&good).await;
    assert_eq!(page.status, 200, "{}", page.text());
    let page = page.text();
    assert!(
        page.contains("id=\"answer\"") && page.contains("<th scope=\"row\">suppression"),
        "{page}"
    );
    assert!(page.contains("masked: your API key has no scope"), "{page}");
    assert_eq!(
        page.matches("secret words").count(),
        1,
        "in the editor alone: {page}"
    );
    let wrong = explain("{\"version\": 2, \"colour\": \"<b>\"}").await;
    assert_eq!(wrong.status, 422);
    let page = wrong.text();
    assert!(
        page.contains("<code>/version</code>") && page.contains("<code>/user_id</code>"),
        "{page}"
    );
    assert!(
        page.contains("&#60;b&#62;"),
        "what was typed is kept: {page}"
    );
    for odd in ["", "[]", "\u{1F600}"] {
        assert_eq!(explain(odd).await.status, 422, "{odd}");
    }
    let default_tenant = good.replacen(
        '{',
        "{\"tenant_id\": \"00000000-0000-0000-0000-000000000001\",",
        1,
    );
    assert_eq!(explain(&default_tenant).await.status, 422);
    let listed = ask_as(
        &stage,
        &key(&stage, "viewer", Some(SHOP)),
        "GET",
        "/v1/notifications",
        "",
    )
    .await;
    assert_eq!(
        json_of(&listed)["data"].as_array().unwrap().len(),
        1,
        "nothing was stored"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_log_and_events_are_narrowed_down() {
    let stage = stage().await;
    let admin = key(&stage, "admin", Some(SHOP));
    let _engine = stage.start().await;
    for at in 0..60 {
        let body = json!({ "may_disable": at % 2 == 0 }).to_string();
        let path = "/v1/categories/news";
        let answer = ask_as(&stage, &admin, "PUT", path, &body).await;
        assert!((200..300).contains(&answer.status), "{}", answer.text());
    }
    stage
        .database
        .owner()
        .await
        .batch_execute(&format!(
            "INSERT INTO notification_schema.admin_system_events
                 (event_type, severity, description, tenant_id, is_resolved, resolved_at)
             VALUES ('one_kind', 'medium', 'is open', '{SHOP}', false, NULL),
                    ('other_kind', 'critical', 'is over', '{SHOP}', true, now())"
        ))
        .await
        .unwrap();
    let browser = Browser::signed_in(&stage, &admin).await;
    let rows = |page: &str| page.matches("<tr><td>").count();
    let page = browser
        .page("/console/audit?resource_type=category&action=update")
        .await;
    assert_eq!(rows(&page), 50, "{page}");
    let older = page.split("href=\"?after=").nth(1).unwrap();
    let older = older.split('"').next().unwrap().replace("&#38;", "&");
    let page = browser.page(&format!("/console/audit?after={older}")).await;
    assert_eq!(rows(&page), 9, "the first made it: {page}");
    let page = browser
        .page("/console/audit?resource_type=category&action=create")
        .await;
    assert_eq!(rows(&page), 1);
    let page = browser.page("/console/audit?until=2026-01-01T00:00").await;
    assert_eq!(rows(&page), 0);
    for (query, shown, hidden) in [
        ("state=open", "one_kind", "other_kind"),
        ("severity=critical", "other_kind", "one_kind"),
    ] {
        let page = browser.page(&format!("/console/events?{query}")).await;
        assert!(page.contains(shown) && !page.contains(hidden), "{page}");
    }
    for wrong in [
        "audit?since=never",
        "events?state=odd",
        "events?severity=odd",
    ] {
        let answer = browser.get(&format!("/console/{wrong}")).await;
        assert_eq!(answer.status, 422, "{wrong}");
        assert!(answer.text().contains("role=\"alert\""), "{wrong}");
    }
}
