//! The OpenAPI document and the pages that show it.

use serde_json::Value;

use super::door::{ask, json_of, stage};

/// Words that would load something from elsewhere.
const ELSEWHERE: [&str; 4] = ["src=\"http", "href=\"http", "src=\"//", "href=\"//"];

#[tokio::test(flavor = "multi_thread")]
async fn the_document_is_served_printed_and_shown_with_nothing_from_elsewhere() {
    let stage = stage().await;
    let _engine = stage.start().await;
    let served = ask(&stage, "GET", "/openapi.json", &[], "").await;
    assert_eq!(served.headers["content-type"], "application/json");
    let document = json_of(&served);
    assert_eq!(document["openapi"], "3.1.0");
    let printed = stage.herald(&["openapi"]).output().unwrap();
    assert!(printed.status.success());
    assert_eq!(
        printed.stdout, served.body,
        "what is printed is what is served"
    );
    for (path, kind) in [
        ("/docs", "text/html; charset=utf-8"),
        ("/docs/problems", "text/html; charset=utf-8"),
        ("/docs/start.js", "text/javascript; charset=utf-8"),
        ("/docs/swagger-ui.css", "text/css; charset=utf-8"),
        (
            "/docs/swagger-ui-bundle.js",
            "text/javascript; charset=utf-8",
        ),
        ("/docs/favicon-32x32.png", "image/png"),
    ] {
        let answer = ask(&stage, "GET", path, &[], "").await;
        assert_eq!(
            (answer.status, &answer.headers["content-type"]),
            (200, &kind.parse().unwrap())
        );
        let policy = answer.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"));
        assert!(
            !policy.contains("http") && !policy.contains("unsafe"),
            "{policy}"
        );
        if kind.starts_with("text/html") {
            let text = answer.text();
            let found = ELSEWHERE.iter().find(|word| text.contains(**word));
            assert_eq!(found, None, "{path} loads something from elsewhere");
            assert!(
                !text.contains(" style=") && !text.contains("<script>"),
                "{path}"
            );
        }
    }
    let page = ask(&stage, "GET", "/docs", &[], "").await.text();
    let files = page
        .split("\"docs/")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap());
    for file in files {
        let answer = ask(&stage, "GET", &format!("/docs/{file}"), &[], "").await;
        assert_eq!(answer.status, 200, "{file}");
    }
    for other in [
        "/docs/",
        "/docs/index.html",
        "/docs/swagger-ui.css.map",
        "/docs/..%2fsecret",
    ] {
        assert_eq!(
            ask(&stage, "GET", other, &[], "").await.status,
            404,
            "{other}"
        );
    }
}

/// The `type` of every problem that an operation names is explained.
#[tokio::test(flavor = "multi_thread")]
async fn every_problem_is_explained_where_people_look() {
    let stage = stage().await;
    let _engine = stage.start().await;
    let document = json_of(&ask(&stage, "GET", "/openapi.json", &[], "").await);
    let page = ask(&stage, "GET", "/docs/problems", &[], "").await.text();
    let responses = document["components"]["responses"].as_object().unwrap();
    let codes = responses.keys().flat_map(|name| name.split('-').skip(1));
    let mut seen = 0;
    for code in codes {
        seen += 1;
        let explained = format!("<dt id=\"{code}\"><code>urn:herald:problem:{code}</code>");
        assert!(page.contains(&explained), "{code} is not explained");
    }
    assert!(seen > 15, "{seen}");
    let nothing: Value = json_of(&ask(&stage, "GET", "/v1/nothing", &[], "").await);
    assert!(page.contains(nothing["type"].as_str().unwrap()));
}
