//! Forms of others do nothing; scopes and tenants decide what is there.

use super::browser::{Browser, form, header};
use crate::api::door::{OTHER, SHOP, key, stage};

#[tokio::test(flavor = "multi_thread")]
async fn a_form_without_the_proof_or_from_another_site_changes_nothing() {
    let stage = stage().await;
    let operator = key(&stage, "admin", None);
    let _engine = stage.start().await;
    let browser = Browser::signed_in(&stage, &operator).await;
    let second = Browser::signed_in(&stage, &operator).await;
    let (proof, others) = (browser.proof().await, second.proof().await);
    let path = "/console/tenant";
    let post = async |proof: &str, headers: &[&str]| {
        let body = form(&[("proof", proof), ("tenant", SHOP)]);
        browser.send("POST", path, headers, &body).await.status
    };
    assert_eq!(post("", &[]).await, 403);
    assert_eq!(post(&others, &[]).await, 403, "another session's");
    for from in [
        "Origin: https://evil.example.com",
        "Origin: null",
        "Sec-Fetch-Site: cross-site",
        "Sec-Fetch-Site: same-site",
    ] {
        assert_eq!(post(&proof, &[from]).await, 403, "{from}");
    }
    assert!(
        browser
            .page("/console")
            .await
            .contains("<strong>all tenants</strong>")
    );
    assert_eq!(post(&proof, &["Sec-Fetch-Site: same-origin"]).await, 303);
    assert!(
        browser
            .page("/console")
            .await
            .contains("<strong>shop</strong>")
    );
    // A page that was made for all tenants does not act on one.
    assert_eq!(post(&proof, &[]).await, 403);
    let sign_in = form(&[("key", &operator)]);
    let forged = ["Origin: https://evil.example.com"];
    let answer = browser
        .send("POST", "/console/sign-in", &forged, &sign_in)
        .await;
    assert_eq!((answer.status, header(&answer, "set-cookie")), (403, ""));
    let odd = browser.send("POST", path, &[], "proof=%ff").await;
    assert_eq!(odd.status, 400);
    let large = "x".repeat(600 * 1_024);
    assert_eq!(browser.send("POST", path, &[], &large).await.status, 413);
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_say_what_browsers_may_do_with_them() {
    let stage = stage().await;
    let viewer = key(&stage, "viewer", None);
    let _engine = stage.start().await;
    let browser = Browser::signed_in(&stage, &viewer).await;
    for path in [
        "/console",
        "/console/sign-in",
        "/console/nowhere",
        "/console/notifications/7",
    ] {
        let answer = browser.get(path).await;
        let policy = header(&answer, "content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'; style-src 'self'; script-src 'self';"),
            "{path}: {policy}"
        );
        assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"));
        assert_eq!(header(&answer, "cache-control"), "no-store", "{path}");
        assert_eq!(header(&answer, "x-content-type-options"), "nosniff");
        assert_eq!(header(&answer, "referrer-policy"), "same-origin");
        assert!(
            header(&answer, "content-type").starts_with("text/html"),
            "{path}"
        );
        assert!(!header(&answer, "herald-request-id").is_empty());
        let page = answer.text();
        assert!(
            !page.contains("style=\"") && !page.contains("<script>") && !page.contains("onclick"),
            "{path}"
        );
    }
    assert_eq!(browser.get("/console/nowhere").await.status, 404);
    let page = browser.page("/console").await;
    for kind in ["stylesheet\" href=\"", "module\" src=\"", "icon\" href=\""] {
        let path = page.split_once(kind).unwrap().1.split('"').next().unwrap();
        let answer = browser.get(path).await;
        assert_eq!(answer.status, 200, "{path}");
        assert!(
            header(&answer, "cache-control").contains("immutable"),
            "{path}"
        );
        let older = path.replace('-', "-0");
        assert_eq!(
            header(&browser.get(&older).await, "cache-control"),
            "no-store"
        );
    }
    let nobody = Browser::new(&stage);
    let followed = nobody
        .send("GET", "/console", &["Sec-Fetch-Site: cross-site"], "")
        .await;
    assert_eq!(followed.status, 200);
    assert!(
        followed.text().contains("http-equiv=\"refresh\""),
        "the browser asks again with its cookie"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_sees_what_its_scopes_open_and_its_tenant_alone() {
    let stage = stage().await;
    let little = key(&stage, "suppressions:read", Some(SHOP));
    let shop = key(&stage, "viewer", Some(SHOP));
    let operator = key(&stage, "viewer", None);
    let _engine = stage.start().await;
    let browser = Browser::signed_in(&stage, &little).await;
    let page = browser.page("/console").await;
    assert!(page.contains("opens nothing that is shown here"), "{page}");
    assert!(
        !page.contains("/console/find") && !page.contains("<h2>"),
        "{page}"
    );
    for path in [
        "/console/find",
        "/console/explain",
        "/console/notifications/0190c1a0-0000-7000-8000-000000000001",
    ] {
        let answer = browser.get(path).await;
        assert_eq!(answer.status, 403, "{path}");
        assert!(answer.text().contains("notifications:read"), "{path}");
    }
    let browser = Browser::signed_in(&stage, &shop).await;
    let page = browser.page("/console").await;
    assert!(page.contains("<strong>shop</strong>"), "{page}");
    assert!(
        page.contains("<h2>Lanes</h2>")
            && !page.contains("<h2>Nodes</h2>")
            && !page.contains("<h2>Accounts</h2>")
    );
    assert_eq!(browser.get("/console/tenant").await.status, 403);
    let chosen = browser.post("/console/tenant", &[("tenant", OTHER)]).await;
    assert_eq!(chosen.status, 403);
    let browser = Browser::signed_in(&stage, &operator).await;
    let page = browser.page("/console").await;
    assert!(
        page.contains("<h2>Nodes</h2>") && page.contains("<h2>Accounts</h2>"),
        "{page}"
    );
    let page = browser.page("/console/tenant").await;
    assert!(page.contains(SHOP) && page.contains(OTHER));
    for (wrong, says) in [
        ("nobody", "write a UUID"),
        (
            "0190c1a0-0000-7000-8000-0000000000ee",
            "There is no such tenant",
        ),
    ] {
        let answer = browser.post("/console/tenant", &[("tenant", wrong)]).await;
        assert_eq!(answer.status, 422);
        let page = answer.text();
        assert!(
            page.contains(says) && page.contains(&format!("value=\"{wrong}\"")),
            "{page}"
        );
    }
    assert_eq!(
        browser
            .post("/console/tenant", &[("tenant", OTHER)])
            .await
            .status,
        303
    );
    let page = browser.page("/console?done=chosen").await;
    assert!(
        page.contains("<strong>other</strong>") && page.contains("another tenant now"),
        "{page}"
    );
}
