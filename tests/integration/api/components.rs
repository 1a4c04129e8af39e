//! The web components as they are served.

use super::door::{ask, stage};

#[tokio::test(flavor = "multi_thread")]
async fn the_components_may_be_loaded_by_every_page_and_are_kept_for_as_long_as_they_are_the_same()
{
    let stage = stage().await;
    let _engine = stage.start().await;
    let entry = ask(
        &stage,
        "GET",
        "/inbox.js",
        &["Origin: https://a.example"],
        "",
    )
    .await;
    assert_eq!(entry.status, 200);
    for (name, value) in [
        ("content-type", "text/javascript; charset=utf-8"),
        ("cache-control", "public, no-cache"),
        ("access-control-allow-origin", "*"),
        ("cross-origin-resource-policy", "cross-origin"),
        ("x-content-type-options", "nosniff"),
    ] {
        assert_eq!(entry.headers[name], value, "{name}");
    }
    let tag = entry.headers["etag"].to_str().unwrap().to_owned();
    for (known, status) in [(tag.as_str(), 304), ("\"another\"", 200), ("*", 304)] {
        let again = ask(
            &stage,
            "GET",
            "/inbox.js",
            &[&format!("If-None-Match: {known}")],
            "",
        )
        .await;
        assert_eq!(
            (again.status, again.headers["etag"].to_str().unwrap()),
            (status, tag.as_str())
        );
        assert_eq!(again.body.is_empty(), status == 304);
    }

    let text = entry.text();
    let mut loaded = 0;
    for part in text.split("\"./").skip(1) {
        let path = format!("/{}", part.split('"').next().unwrap());
        let module = ask(&stage, "GET", &path, &[], "").await;
        assert_eq!(
            (module.status, &module.headers["content-type"]),
            (200, &entry.headers["content-type"]),
            "{path}"
        );
        assert!(
            module.headers["cache-control"]
                .to_str()
                .unwrap()
                .contains("immutable"),
            "{path}"
        );
        loaded += 1;
    }
    assert!(loaded > 10, "the entry names its modules");

    let others = ask(&stage, "GET", "/inbox/0000000000000000/host.js", &[], "").await;
    assert_eq!(
        (
            others.status,
            others.headers["cache-control"].to_str().unwrap()
        ),
        (200, "no-store")
    );
    for nowhere in [
        "/inbox/0000000000000000/nobody.js",
        "/inbox/1/..%2f..%2fhost.js",
        "/inbox/1",
    ] {
        assert_eq!(
            ask(&stage, "GET", nowhere, &[], "").await.status,
            404,
            "{nowhere}"
        );
    }
    let types = ask(&stage, "GET", "/inbox.d.ts", &[], "").await;
    assert_eq!(types.status, 200);
    assert!(
        types
            .text()
            .contains("\"herald-inbox\": HeraldInboxElement")
    );
}
