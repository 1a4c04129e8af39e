//! What clients may do to the server, and what it does then.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use loadtest::harness::http;
use loadtest::harness::ports::free_port;
use serde_json::json;

use super::door::{ask, ask_as, is, json_of, key, stage, told};
use crate::database::{PATIENCE, lines};
use crate::stage::Stage;

pub(super) fn connect(stage: &Stage) -> TcpStream {
    let url = url::Url::parse(&stage.url("/")).unwrap();
    let socket = TcpStream::connect((url.host_str().unwrap(), url.port().unwrap())).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

/// What comes until the connection ends.
pub(super) fn rest(socket: &mut TcpStream) -> String {
    let mut text = vec![];
    // A reset is an end as well.
    let _ = socket.read_to_end(&mut text);
    String::from_utf8_lossy(&text).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_clients_and_too_many_connections_are_told_so() {
    let mut stage = stage().await;
    let admin = key(&stage, "admin", None);
    stage.set("HERALD__HTTP__HEAD_TIMEOUT", "1s");
    stage.set("HERALD__HTTP__BODY_TIMEOUT", "1s");
    stage.set("HERALD__HTTP__CONNECTIONS_PER_ADDRESS", "3");
    let _engine = stage.start().await;
    let began = herald::runtime::clock::instant();
    let slow = |text: String| {
        let mut socket = connect(&stage);
        tokio::task::spawn_blocking(move || {
            socket.write_all(text.as_bytes()).unwrap();
            rest(&mut socket)
        })
    };
    let head = slow("GET /livez HTTP/1.1\r\nHost: herald\r\nX-Slow: ".to_owned())
        .await
        .unwrap();
    assert!(
        head.starts_with("HTTP/1.1 408 ") || head.is_empty(),
        "{head}"
    );
    let body = slow(format!(
        "POST /v1/api-keys HTTP/1.1\r\nHost: herald\r\nAuthorization: Bearer {admin}\r\n\
         Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{{\"name\""
    ));
    let body = body.await.unwrap();
    assert!(
        body.starts_with("HTTP/1.1 408 ") && body.contains("\"code\":\"timeout\""),
        "{body}"
    );
    assert!(
        began.elapsed() < Duration::from_secs(20),
        "{:?}",
        began.elapsed()
    );
    let held = [(); 3].map(|()| connect(&stage));
    let told = tokio::task::spawn_blocking({
        let mut one_more = connect(&stage);
        move || rest(&mut one_more)
    });
    let told = told.await.unwrap();
    assert!(
        told.is_empty() || told.starts_with("HTTP/1.1 503 "),
        "{told}"
    );
    drop(held);
    let again = tokio::time::timeout(PATIENCE, async {
        while http::get(&stage.url("/livez")).await.is_err() {}
    });
    assert!(again.await.is_ok(), "places are free again");
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_are_too_much_or_no_json_are_refused_with_a_clear_error() {
    let stage = stage().await;
    let admin = key(&stage, "admin", None);
    let _engine = stage.start().await;
    let million = format!(
        "{{\"scopes\":[{}]}}",
        vec!["\"admin\""; 1_000_000].join(",")
    );
    for (body, expected) in [
        (million.into_bytes(), is(413, "too_large")),
        (
            b"{\"name\":\"\xff\xfe\"}".to_vec(),
            is(400, "malformed_json"),
        ),
        (
            b"{\"name\":\"a\",\"name\":\"b\"}".to_vec(),
            is(400, "malformed_json"),
        ),
        (
            b"{\"name\":\"a\",\"rate_limit\":1e999}".to_vec(),
            is(422, "invalid_body"),
        ),
        (
            b"{\"name\":\"a\\u0000\",\"scopes\":[\"admin\"]}".to_vec(),
            is(422, "invalid_body"),
        ),
        (
            b"{\"name\":\"a\",\"scopes\":[\"admin\"],\"rate_limit\":99999999999999999999}".to_vec(),
            is(422, "invalid_body"),
        ),
    ] {
        let bearer = format!("Authorization: Bearer {admin}");
        let headers = [&*bearer, "Content-Type: application/json"];
        let url = stage.url("/v1/api-keys");
        let answer = http::request("POST", &url, &headers, &body);
        let answer = answer.await.unwrap();
        let start = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
        assert_eq!(told(&answer), expected, "{start}");
        assert!(answer.body.len() < 1_000, "{start}: {}", answer.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn probes_have_their_address_proxies_are_believed_and_named_origins_may_ask() {
    let mut stage = stage().await;
    let admin = key(&stage, "admin", None);
    let metrics = format!("127.0.0.1:{}", free_port().unwrap());
    stage.set("HERALD__HTTP__METRICS_BIND", &metrics);
    stage.set("HERALD__HTTP__TRUSTED_PROXIES", "127.0.0.0/8");
    stage.set("HERALD__HTTP__CORS_ORIGINS", "https://desk.example.com");
    stage.set("HERALD__HTTP__PUBLIC_URL", "https://herald.example.com/");
    let _engine = stage.start().await;
    for path in ["/livez", "/readyz", "/metrics"] {
        assert_eq!(
            ask(&stage, "GET", path, &[], "").await.status,
            404,
            "{path}"
        );
        let there = http::get(&format!("http://{metrics}{path}")).await.unwrap();
        assert_eq!(there.status, 200, "{path}");
    }
    let there = http::get(&format!("http://{metrics}/openapi.json"))
        .await
        .unwrap();
    assert_eq!(there.status, 404);
    let document = json_of(&ask(&stage, "GET", "/openapi.json", &[], "").await);
    assert_eq!(document["servers"][0]["url"], "https://herald.example.com/");

    let bearer = format!("Authorization: Bearer {admin}");
    let body = json!({ "name": "x", "scopes": ["users:read"] }).to_string();
    for passed_on in ["1.2.3.4, 203.0.113.9", "203.0.113.9, 127.0.0.2"] {
        let from = format!("X-Forwarded-For: {passed_on}");
        let headers = [&*bearer, "Content-Type: application/json", &from];
        let answer = ask(&stage, "POST", "/v1/api-keys", &headers, &body).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
    }
    let mut owner = stage.database.owner().await;
    let from = "SELECT ip_address || ' ' || (request_id IS NOT NULL) AS text
                FROM notification_schema.audit_logs WHERE ip_address IS NOT NULL";
    assert_eq!(lines(&mut owner, from).await, ["203.0.113.9 true"; 2]);

    let asks = async |method: &str, origin: &str, more: &str| {
        let origin = format!("Origin: {origin}");
        ask(
            &stage,
            method,
            "/v1/api-keys",
            &[&bearer, &origin, more],
            "",
        )
        .await
    };
    let preflight = "Access-Control-Request-Method: GET";
    let known = "https://desk.example.com";
    for (method, more, status) in [("OPTIONS", preflight, 204), ("GET", "X: y", 200)] {
        let answer = asks(method, known, more).await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.headers["access-control-allow-origin"], known);
        assert_eq!(answer.headers["vary"], "origin");
        if method == "OPTIONS" {
            let may = |name: &str| answer.headers[name].to_str().unwrap();
            let sent = may("access-control-allow-headers");
            for header in ["authorization", "content-type", "last-event-id"] {
                assert!(sent.contains(header), "{sent}");
            }
            let methods = may("access-control-allow-methods");
            for method in ["PUT", "DELETE"] {
                assert!(methods.contains(method), "{methods}");
            }
        }
        let answer = asks(method, "https://elsewhere.example.com", more).await;
        assert!(!answer.headers.contains_key("access-control-allow-origin"));
    }
    let answer = asks("OPTIONS", known, "X: y").await;
    assert_eq!(
        (answer.status, &answer.headers["allow"]),
        (204, &"GET, HEAD, POST".parse().unwrap())
    );
}

/// A request whose body is on its way when the engine is told to stop.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_begun_is_answered_before_the_engine_ends() {
    let stage = stage().await;
    let admin = key(&stage, "admin", None);
    let engine = stage.start().await;
    let body = json!({ "name": "late", "scopes": ["users:read"] }).to_string();
    let (first, last) = body.split_at(10);
    let mut socket = connect(&stage);
    let head = format!(
        "POST /v1/api-keys HTTP/1.1\r\nHost: herald\r\nAuthorization: Bearer {admin}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{first}",
        body.len()
    );
    socket.write_all(head.as_bytes()).unwrap();
    // It is read by then: what follows on the same thread is answered behind it.
    assert_eq!(
        ask_as(&stage, &admin, "GET", "/v1/api-keys", "")
            .await
            .status,
        200
    );
    engine.shutdown.raise(herald::runtime::Ending::Asked);
    socket.write_all(last.as_bytes()).unwrap();
    let answered = tokio::task::spawn_blocking(move || rest(&mut socket))
        .await
        .unwrap();
    assert!(answered.starts_with("HTTP/1.1 201 "), "{answered}");
    let _ = engine.stop().await;
}
