//! Signing in, how long it lasts, and how it ends.

use diesel_async::SimpleAsyncConnection;
use herald::domain::ApiKey;

use super::browser::{Browser, form, header};
use crate::api::door::{ask_as, key, stage};
use crate::database::lines;

#[tokio::test(flavor = "multi_thread")]
async fn somebody_with_a_key_is_signed_in_by_a_strict_cookie_and_the_key_is_kept_nowhere() {
    let mut stage = stage().await;
    stage.set("HERALD__HTTP__PUBLIC_URL", "https://herald.example.com");
    let key = key(&stage, "viewer", None);
    let _engine = stage.start().await;
    let mut browser = Browser::new(&stage);
    let nobody = browser.get("/console/find?status=sent").await;
    assert_eq!(nobody.status, 303);
    let to = header(&nobody, "location");
    assert_eq!(
        to,
        "/console/sign-in?back=%2Fconsole%2Ffind%3Fstatus%3Dsent"
    );
    let page = browser.page(to).await;
    assert!(
        page.contains("value=\"/console/find?status=sent\""),
        "{page}"
    );
    let answer = browser.sign_in(&key).await;
    assert_eq!(
        (answer.status, header(&answer, "location")),
        (303, "/console")
    );
    let cookie = header(&answer, "set-cookie").to_owned();
    for flag in [
        "; Path=/console",
        "; HttpOnly",
        "; SameSite=Strict",
        "; Secure",
        "; Max-Age=28800",
    ] {
        assert!(cookie.contains(flag), "{cookie}");
    }
    let page = browser.page("/console").await;
    assert!(
        page.contains("Looking at <strong>all tenants</strong>"),
        "{page}"
    );
    let token = browser.cookie.clone().unwrap();
    let token = token.split_once('=').unwrap().1;
    let mut owner = stage.database.owner().await;
    let stored = lines(
        &mut owner,
        "SELECT s::text AS text FROM notification_schema.console_sessions s",
    )
    .await;
    assert_eq!(stored.len(), 1);
    assert!(
        !stored[0].contains(token) && !stored[0].contains(&key),
        "{stored:?}"
    );
    assert!(!page.contains(&key) && !page.contains(token));
    let audited =
        "SELECT action || ' ' || resource_type || ' ' || (resource_id = actor)::text AS text
         FROM notification_schema.audit_logs WHERE resource_type = 'console' ORDER BY created_at";
    assert_eq!(lines(&mut owner, audited).await, ["sign_in console true"]);
    let signed_out = browser.post("/console/sign-out", &[]).await;
    assert_eq!(signed_out.status, 303);
    assert!(header(&signed_out, "set-cookie").contains("Max-Age=0"));
    assert_eq!(
        browser.get("/console").await.status,
        303,
        "the cookie opens nothing more"
    );
    let both = ["sign_in console true", "sign_out console true"];
    assert_eq!(lines(&mut owner, audited).await, both);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_with_its_time_its_use_and_its_key() {
    let stage = stage().await;
    let admin = key(&stage, "admin", None);
    let watcher = key(&stage, "viewer", None);
    let _engine = stage.start().await;
    let mut owner = stage.database.owner().await;
    let browser = Browser::signed_in(&stage, &watcher).await;
    for over in [
        "expires_at = now()",
        "seen_at = now() - interval '31 minutes'",
    ] {
        let browser = Browser::signed_in(&stage, &watcher).await;
        browser.page("/console").await;
        let age = format!(
            "UPDATE notification_schema.console_sessions SET {over}
             WHERE created_at = (SELECT max(created_at) FROM notification_schema.console_sessions)"
        );
        owner.batch_execute(&age).await.unwrap();
        assert_eq!(browser.get("/console").await.status, 303, "{over}");
        assert_eq!(browser.get("/console/live/overview").await.status, 303);
    }
    // A page that looks by itself keeps nobody signed in.
    let age =
        "UPDATE notification_schema.console_sessions SET seen_at = now() - interval '29 minutes'";
    owner.batch_execute(age).await.unwrap();
    let used = "SELECT count(*)::text AS text FROM notification_schema.console_sessions
                WHERE seen_at > now() - interval '1 minute'";
    browser.page("/console/live/overview").await;
    assert_eq!(lines(&mut owner, used).await, ["0"]);
    browser.page("/console").await;
    assert_eq!(lines(&mut owner, used).await, ["1"]);
    // Networks, rotation with its overlap, revocation: at once.
    let id = lines(
        &mut owner,
        "SELECT key_id::text AS text FROM notification_schema.console_sessions LIMIT 1",
    )
    .await;
    let path = format!("/v1/api-keys/{}", id[0]);
    for (networks, status) in [("\"192.0.2.0/24\"", 303), ("", 200)] {
        let body = format!("{{\"networks\": [{networks}]}}");
        assert_eq!(
            ask_as(&stage, &admin, "PATCH", &path, &body).await.status,
            200
        );
        assert_eq!(browser.get("/console").await.status, status);
    }
    let rotate = format!("{path}/rotate");
    for (overlap, status) in [(3600, 200), (0, 303)] {
        let body = format!("{{\"overlap_seconds\": {overlap}}}");
        assert_eq!(
            ask_as(&stage, &admin, "POST", &rotate, &body).await.status,
            200
        );
        assert_eq!(browser.get("/console").await.status, status, "{overlap}");
    }
    let fresh = key(&stage, "viewer", None);
    let other = Browser::signed_in(&stage, &fresh).await;
    let fresh = "SELECT id::text AS text FROM notification_schema.api_keys ORDER BY created_at DESC LIMIT 1";
    let fresh = lines(&mut owner, fresh).await;
    let path = format!("/v1/api-keys/{}", fresh[0]);
    other.page("/console").await;
    assert_eq!(
        ask_as(&stage, &admin, "DELETE", &path, "").await.status,
        204
    );
    assert_eq!(other.get("/console").await.status, 303);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_key_opens_nothing_and_many_of_them_are_kept_out() {
    let mut stage = stage().await;
    stage.set("HERALD__HTTP__FAILED_KEYS", "3");
    let good = key(&stage, "viewer", None);
    let _engine = stage.start().await;
    let mut browser = Browser::new(&stage);
    let mistyped = browser.sign_in("hk_oops").await;
    assert_eq!(mistyped.status, 401);
    assert!(
        mistyped.text().contains("role=\"alert\""),
        "{}",
        mistyped.text()
    );
    assert!(
        !mistyped.text().contains("hk_oops"),
        "what was typed is not repeated"
    );
    let mut last = 0;
    for number in 0..5 {
        let unknown = ApiKey::new([number; 6], [9; 24]);
        last = browser.sign_in(unknown.expose()).await.status;
    }
    assert_eq!(last, 429);
    assert_eq!(browser.cookie, None);
    assert_eq!(
        browser.sign_in(&good).await.status,
        429,
        "not yet seen from here"
    );
    let metrics = browser.get("/metrics").await.text();
    for counted in [
        "{result=\"limited\"} 3",
        "{result=\"refused\"} 4",
        "{result=\"opened\"} 0",
    ] {
        let line = format!("herald_console_sign_ins_total{counted}");
        assert!(metrics.contains(&line), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_console_that_is_switched_off_is_not_there() {
    let mut stage = stage().await;
    stage.set("HERALD__CONSOLE__ENABLED", "false");
    let _engine = stage.start().await;
    let browser = Browser::new(&stage);
    assert_eq!(browser.get("/console/sign-in").await.status, 404);
    let body = form(&[("key", "x")]);
    let posted = browser.send("POST", "/console/sign-in", &[], &body).await;
    assert_eq!(posted.status, 404);
}
