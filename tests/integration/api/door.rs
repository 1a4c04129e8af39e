//! The door: who may come in, what may be brought in, and how a mistake is answered.

use std::io::{Read, Write};
use std::net::TcpStream;

use loadtest::harness::http::{self, Answer};
use serde_json::{Value, json};

use super::{made, said};
use crate::database::{PATIENCE, lines};
use crate::stage::Stage;

pub(crate) const SHOP: &str = "0190c1a0-0000-7000-8000-0000000000aa";
pub(crate) const OTHER: &str = "0190c1a0-0000-7000-8000-0000000000bb";

/// An engine with two tenants beside the default one.
pub(crate) async fn stage() -> Stage {
    let stage = Stage::with_lanes("email.normal").await;
    stage.apply(&format!(
        "[[tenants]]\nid = \"{SHOP}\"\nname = \"shop\"\n[[tenants]]\nid = \"{OTHER}\"\nname = \"other\"\n"
    ));
    stage
}

/// A key of these scopes for a tenant; for an operator without one.
pub(crate) fn key(stage: &Stage, scopes: &str, tenant: Option<&str>) -> String {
    let mut arguments = vec!["--scopes", scopes];
    arguments.extend(tenant.into_iter().flat_map(|tenant| ["--tenant", tenant]));
    made(stage, &arguments).1.expose().to_owned()
}

pub(crate) async fn ask(
    stage: &Stage,
    method: &str,
    path: &str,
    headers: &[&str],
    body: &str,
) -> Answer {
    let url = stage.url(path);
    let asked = http::request(method, &url, headers, body.as_bytes());
    asked.await.unwrap()
}

pub(crate) async fn ask_as(
    stage: &Stage,
    key: &str,
    method: &str,
    path: &str,
    body: &str,
) -> Answer {
    let bearer = format!("Authorization: Bearer {key}");
    let headers = [&bearer, "Content-Type: application/json"];
    ask(stage, method, path, &headers, body).await
}

pub(crate) fn json_of(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).unwrap()
}

/// The code of a problem, which every error is.
fn code(answer: &Answer) -> String {
    let problem = json_of(answer);
    let header = |name: &str| answer.headers[name].to_str().unwrap();
    assert_eq!(header("content-type"), "application/problem+json");
    assert!(header("herald-request-id").parse::<uuid::Uuid>().is_ok());
    assert_eq!(problem["status"], answer.status);
    let code = problem["code"].as_str().unwrap();
    assert_eq!(problem["type"], format!("urn:herald:problem:{code}"));
    assert!(
        problem["title"].is_string() && problem["detail"].is_string(),
        "{problem}"
    );
    code.to_owned()
}

pub(super) fn told(answer: &Answer) -> (u16, String) {
    (answer.status, code(answer))
}

pub(super) fn is(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_good_key_with_the_scope_opens() {
    let stage = stage().await;
    let (viewer, admin) = (key(&stage, "viewer", None), key(&stage, "admin", None));
    let _engine = stage.start().await;
    let path = "/v1/api-keys";
    let without = ask(&stage, "GET", path, &[], "").await;
    assert_eq!(told(&without), is(401, "missing_key"));
    assert_eq!(
        without.headers["www-authenticate"],
        "Bearer realm=\"herald\""
    );
    let mut mistyped = admin.clone();
    let last = if mistyped.pop() == Some('0') {
        '1'
    } else {
        '0'
    };
    mistyped.push(last);
    for wrong in [
        format!("Bearer {mistyped}"),
        "Bearer".to_owned(),
        "Basic aGVyYWxk".to_owned(),
        format!(
            "Bearer {}",
            herald::domain::ApiKey::new([1; 6], [2; 24]).expose()
        ),
    ] {
        let answer = ask(
            &stage,
            "GET",
            path,
            &[&format!("Authorization: {wrong}")],
            "",
        )
        .await;
        assert_eq!(told(&answer), is(401, "invalid_key"), "{wrong}");
        let challenge = answer.headers["www-authenticate"].to_str().unwrap();
        assert!(challenge.contains("invalid_token"));
    }
    let answer = ask_as(&stage, &viewer, "GET", path, "").await;
    assert_eq!(told(&answer), is(403, "missing_scope"));
    let answer = ask_as(&stage, &admin, "GET", path, "").await;
    assert_eq!(answer.status, 200);
    assert!(answer.headers.contains_key("herald-request-id"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_and_what_cannot_be_done_are_problems_too() {
    let stage = stage().await;
    let _engine = stage.start().await;
    let nothing = ask(&stage, "GET", "/v1/nothing", &[], "").await;
    assert_eq!(told(&nothing), is(404, "not_found"));
    for (method, path, allowed) in [
        ("PATCH", "/v1/api-keys", "GET, HEAD, POST"),
        ("PUT", "/v1/api-keys/1", "GET, HEAD, PATCH, DELETE"),
        ("POST", "/readyz", "GET, HEAD"),
    ] {
        let answer = ask(&stage, method, path, &["Origin: https://example.com"], "").await;
        assert_eq!(
            told(&answer),
            is(405, "method_not_allowed"),
            "{method} {path}"
        );
        assert_eq!(answer.headers["allow"], allowed);
        assert!(!answer.headers.contains_key("access-control-allow-origin"));
    }
    let head = ask(&stage, "HEAD", "/readyz", &[], "").await;
    assert_eq!((head.status, head.body.len()), (200, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_body_is_answered_with_all_that_is_wrong_and_changes_nothing() {
    let stage = stage().await;
    let admin = key(&stage, "admin", None);
    let _engine = stage.start().await;
    let post = async |body: &str| ask_as(&stage, &admin, "POST", "/v1/api-keys", body).await;
    for bad in [
        "",
        "[]",
        "{",
        "{\"name\":\"a\",\"name\":\"b\",\"scopes\":[\"admin\"]}",
        "{\"name\":\"\\ud800\"}",
        "\"x\"",
    ] {
        assert_eq!(told(&post(bad).await), is(400, "malformed_json"), "{bad}");
    }
    let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
    assert_eq!(
        told(&post(&format!("{{\"a\":{deep}}}")).await),
        is(400, "malformed_json")
    );
    let wrong = json!({
        "scopes": ["users:read", "users:fly", 7],
        "networks": ["10.0.0.0/8", "nowhere"],
        "expires_at": "2020-01-01T00:00:00Z",
        "nmae": "shop",
    });
    let answer = post(&wrong.to_string()).await;
    assert_eq!(told(&answer), is(422, "invalid_body"));
    let problem = json_of(&answer);
    let pointers = problem["errors"].as_array().unwrap().iter();
    let mut pointers: Vec<&str> = pointers
        .map(|error| error["pointer"].as_str().unwrap())
        .collect();
    pointers.sort_unstable();
    let expected = [
        "#/expires_at",
        "#/name",
        "#/networks/1",
        "#/nmae",
        "#/scopes/1",
        "#/scopes/2",
    ];
    assert_eq!(pointers, expected);
    let kind = format!("Authorization: Bearer {admin}");
    for headers in [
        vec![kind.as_str()],
        vec![&kind, "Content-Type: text/plain"],
        vec![&kind, "Content-Type: application/json; charset=utf-16"],
        vec![
            &kind,
            "Content-Type: application/json",
            "Content-Encoding: gzip",
        ],
    ] {
        let answer = ask(&stage, "POST", "/v1/api-keys", &headers, "{}").await;
        assert_eq!(
            told(&answer),
            is(415, "unsupported_media_type"),
            "{headers:?}"
        );
    }
    let large = json!({ "name": "x".repeat(20_000), "scopes": ["admin"] }).to_string();
    assert_eq!(told(&post(&large).await), is(413, "too_large"));
    let keys = said(&stage, &["--json", "keys", "list"]);
    assert_eq!(keys["data"].as_array().unwrap().len(), 1);
}

/// Chunks without an end are answered long before anybody runs out of memory, and read no further.
#[tokio::test(flavor = "multi_thread")]
async fn a_body_without_an_end_is_refused_and_its_connection_ends() {
    let stage = stage().await;
    let admin = key(&stage, "admin", None);
    let _engine = stage.start().await;
    for (path, status, code) in [
        ("/v1/api-keys", "413", "too_large"),
        ("/v1/nothing", "404", "not_found"),
    ] {
        let answer = endless(&stage, path, &admin).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{answer}"
        );
        assert!(answer.contains(&format!("\"code\":\"{code}\"")), "{answer}");
    }
}

/// What is answered to a body that does not end before its connection does.
async fn endless(stage: &Stage, path: &str, key: &str) -> String {
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: herald\r\nAuthorization: Bearer {key}\r\n\
         Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    );
    let url = url::Url::parse(&stage.url("/")).unwrap();
    let address = (url.host_str().unwrap().to_owned(), url.port().unwrap());
    let answered = tokio::task::spawn_blocking(move || {
        let mut socket = TcpStream::connect(address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.set_write_timeout(Some(PATIENCE)).unwrap();
        socket.write_all(head.as_bytes()).unwrap();
        let mut reader = socket.try_clone().unwrap();
        let answer = std::thread::spawn(move || {
            let mut answer = vec![];
            // A reset after the answer is an end as well.
            let _ = reader.read_to_end(&mut answer);
            String::from_utf8_lossy(&answer).into_owned()
        });
        let chunk = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
        let mut written = 0_u64;
        while socket.write_all(chunk.as_bytes()).is_ok() {
            written += 0x1000;
            assert!(written < 1 << 34, "sixteen gigabytes were read");
        }
        answer.join().unwrap()
    });
    answered.await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_made_listed_in_pages_and_revoked_by_http() {
    let stage = stage().await;
    let admin = key(&stage, "admin", Some(SHOP));
    let _engine = stage.start().await;
    for number in 0..3 {
        let body = json!({ "name": format!("key {number}"), "scopes": ["users:read"] }).to_string();
        let answer = ask_as(&stage, &admin, "POST", "/v1/api-keys", &body).await;
        assert_eq!(answer.status, 201);
        let made = json_of(&answer);
        let place = format!("/v1/api-keys/{}", made["id"].as_str().unwrap());
        assert_eq!(answer.headers["location"], place.as_str());
        assert_eq!(answer.headers["cache-control"], "no-store");
        let key = made["key"].as_str().unwrap();
        let answer = ask_as(&stage, key, "GET", "/v1/api-keys", "").await;
        assert_eq!(
            told(&answer),
            is(403, "missing_scope"),
            "it is good, for less"
        );
        let answer = ask_as(&stage, &admin, "DELETE", &place, "").await;
        assert_eq!(answer.status, 204);
        let answer = ask_as(&stage, key, "GET", "/v1/api-keys", "").await;
        assert_eq!(told(&answer), is(401, "invalid_key"), "at once");
        let answer = ask_as(&stage, &admin, "DELETE", &place, "").await;
        assert_eq!(told(&answer), is(404, "not_found"));
    }
    let (mut names, mut after) = (vec![], String::new());
    loop {
        let path = format!("/v1/api-keys?limit=2{after}");
        let page = json_of(&ask_as(&stage, &admin, "GET", &path, "").await);
        let entries = page["data"].as_array().unwrap();
        assert!((1..=2).contains(&entries.len()), "{page}");
        names.extend(
            entries
                .iter()
                .map(|entry| entry["name"].as_str().unwrap().to_owned()),
        );
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    assert_eq!(names, ["key 2", "key 1", "key 0", "shop"]);
    let answer = ask_as(
        &stage,
        &admin,
        "GET",
        "/v1/api-keys?limit=0&after=x&q=1",
        "",
    )
    .await;
    assert_eq!(told(&answer), is(422, "invalid_query"));
    assert_eq!(json_of(&answer)["errors"].as_array().unwrap().len(), 3);
    let mut owner = stage.database.owner().await;
    let audited = "SELECT action || ' ' || ip_address AS text FROM notification_schema.audit_logs
                   WHERE ip_address IS NOT NULL ORDER BY 1";
    let audited = lines(&mut owner, audited).await;
    let expected = [["create 127.0.0.1"; 3], ["revoke 127.0.0.1"; 3]];
    assert_eq!(audited, expected.concat());
}

#[tokio::test(flavor = "multi_thread")]
async fn tenants_are_sealed_off_and_nobody_gives_more_than_they_have() {
    let stage = stage().await;
    let shop = key(&stage, "api-keys:read,api-keys:write", Some(SHOP));
    let (other, others) = made(&stage, &["--scopes", "admin", "--tenant", OTHER]);
    let operator = key(&stage, "admin", None);
    let _engine = stage.start().await;
    let names = |answer: &Answer| json_of(answer)["data"].as_array().unwrap().len();
    let path = format!("/v1/api-keys/{other}");
    let answer = ask_as(&stage, &shop, "DELETE", &path, "").await;
    assert_eq!(told(&answer), is(404, "not_found"), "another tenant's key");
    assert_eq!(
        names(&ask_as(&stage, &shop, "GET", "/v1/api-keys", "").await),
        1
    );
    assert_eq!(
        names(&ask_as(&stage, &operator, "GET", "/v1/api-keys", "").await),
        3
    );
    let page = ask_as(&stage, others.expose(), "GET", "/v1/api-keys", "").await;
    assert_eq!(names(&page), 1, "it still opens");
    let bearer = |key: &str| format!("Authorization: Bearer {key}");
    let naming = async |key: &str, tenant: &str, query: &str| {
        let headers = [&*bearer(key), &format!("Herald-Tenant: {tenant}")];
        ask(&stage, "GET", &format!("/v1/api-keys{query}"), &headers, "").await
    };
    assert_eq!(told(&naming(&shop, OTHER, "").await), is(404, "not_found"));
    assert_eq!(
        told(&naming(&operator, "shop", "").await),
        is(400, "invalid_header")
    );
    assert_eq!(names(&naming(&shop, SHOP, "").await), 1);
    assert_eq!(names(&naming(&operator, SHOP, "").await), 1);
    // A cursor of one tenant's list is none of another's.
    let all = json_of(&ask_as(&stage, &operator, "GET", "/v1/api-keys?limit=1", "").await);
    let query = format!("?after={}", all["next"].as_str().unwrap());
    assert_eq!(
        told(&naming(&operator, OTHER, &query).await),
        is(422, "invalid_query")
    );
    assert_eq!(
        told(&naming(&shop, SHOP, &query).await),
        is(422, "invalid_query")
    );
    let body = json!({ "name": "more", "scopes": ["users:read", "admin"] }).to_string();
    let answer = ask_as(&stage, &shop, "POST", "/v1/api-keys", &body).await;
    assert_eq!(
        told(&answer),
        is(422, "invalid_body"),
        "scopes that it has not"
    );
    assert_eq!(
        names(&ask_as(&stage, &operator, "GET", "/v1/api-keys", "").await),
        3
    );
}
