//! What the client makes of servers that misbehave.

mod leave;
mod secured;

use std::io::Write;
use std::net::Shutdown;
use std::sync::mpsc::channel;
use std::time::Duration;

use hyper::Method;

use super::*;
use crate::domain::Class;
use crate::providers::testing::{Peer, hold, http, nobody};
use crate::runtime::clock;

async fn call(url: &str) -> Result<HttpAnswer, HttpTransportError> {
    call_within(url, Duration::from_secs(20)).await
}

async fn call_within(url: &str, timeout: Duration) -> Result<HttpAnswer, HttpTransportError> {
    let endpoint = HttpEndpoint::new(url.parse().unwrap(), json_headers(None));
    let request = endpoint.bare(Method::POST, "{}");
    let client = HttpClient::plain();
    let deadline = clock::instant() + timeout;
    client.call(request, Leave::for_good(), deadline).await
}

async fn class_of(url: &str) -> Class {
    call(url).await.unwrap_err().into_reply().class
}

#[tokio::test]
async fn a_refused_connection_was_surely_not_sent() {
    let trouble = call(&nobody()).await.unwrap_err();
    assert!(matches!(&trouble, HttpTransportError::NotSent(words) if words.contains("refused")));
    assert_eq!(trouble.into_reply().class, Class::Transient);
}

#[tokio::test]
async fn a_name_that_does_not_resolve_was_surely_not_sent() {
    assert_eq!(class_of("http://nowhere.invalid").await, Class::Transient);
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_is_the_accounts_affair() {
    let peer = Peer::answering("this is no TLS\r\n");
    let url = peer.url.replace("http:", "https:");
    assert_eq!(class_of(&url).await, Class::AccountRefused);
}

#[tokio::test]
async fn a_dropped_answer_is_unknown() {
    let peer = Peer::start(|stream, _| {
        let _gone = stream.shutdown(Shutdown::Both);
    });
    assert_eq!(class_of(&peer.url).await, Class::Unknown);
    peer.request();
    assert_eq!(peer.more(), 0, "asked once, never again");
}

#[tokio::test]
async fn a_garbled_answer_is_unknown() {
    for garbage in ["\0\0\0\0 nonsense\r\n\r\n", "HTTP/1.1 2", "HTTP/1.1 200 OK"] {
        let peer = Peer::answering(garbage);
        assert_eq!(class_of(&peer.url).await, Class::Unknown, "{garbage:?}");
    }
}

#[tokio::test]
async fn a_status_line_is_an_answer_whatever_headers_follow() {
    let many = "x-a: b\r\n".repeat(150);
    let large = format!("x-a: {}\r\n", "b".repeat(600_000));
    for headers in [
        many.as_str(),
        large.as_str(),
        "x-a: b\r\n folded\r\n",
        "x-a : b\r\n",
        "x-a: \x01\r\n",
        "no colon\r\n",
        ": no name\r\n",
        "x-\u{e4}: b\r\n",
        "content-length: 1\r\ncontent-length: 2\r\n",
        "content-length: -1\r\n",
        "transfer-encoding: gzip\r\n",
    ] {
        for status in [202, 400, 429, 503] {
            let peer = Peer::answering(format!("HTTP/1.1 {status} X\r\n{headers}\r\n"));
            let answer = call(&peer.url).await;
            let shown: String = headers.chars().take(40).collect();
            assert_eq!(answer.map(|answer| answer.status), Ok(status), "{shown:?}");
            peer.request();
            assert_eq!(peer.more(), 0, "asked once, never again");
        }
    }
    let peer = Peer::answering("HTTP/1.1 100 X\r\n\r\nHTTP/1.1 202 X\r\nx-a: cut o");
    assert_eq!(call(&peer.url).await.map(|answer| answer.status), Ok(202));
}

#[tokio::test]
async fn headers_that_never_end_leave_the_status() {
    let peer = Peer::start(|stream, _| {
        let _gone = stream.write_all(b"HTTP/1.1 202 X\r\nx-a: b\r\n");
        hold(stream);
    });
    let answer = call_within(&peer.url, Duration::from_millis(1_500)).await;
    assert_eq!(answer.map(|answer| answer.status), Ok(202));
}

#[tokio::test]
async fn silence_is_unknown() {
    let peer = Peer::start(|stream, _| hold(stream));
    let trouble = call_within(&peer.url, Duration::from_millis(50))
        .await
        .unwrap_err();
    let words = "no answer within the timeout".to_owned();
    assert_eq!(trouble, HttpTransportError::Lost(words));
    assert_eq!(trouble.into_reply().class, Class::Unknown);
}

#[tokio::test]
async fn a_body_that_breaks_off_leaves_the_status() {
    let peer = Peer::answering("HTTP/1.1 202 X\r\ncontent-length: 100\r\nx-id: 7\r\n\r\nhalf");
    let answer = call(&peer.url).await.unwrap();
    assert_eq!((answer.status, answer.header("x-id")), (202, Some("7")));
    assert_eq!(answer.body, b"half");
}

#[tokio::test]
async fn a_body_that_never_ends_in_time_leaves_the_status() {
    let peer = Peer::start(|stream, _| {
        let _gone = stream.write_all(b"HTTP/1.1 201 X\r\ncontent-length: 9\r\n\r\n{");
        hold(stream);
    });
    let answer = call_within(&peer.url, Duration::from_millis(1_500))
        .await
        .unwrap();
    assert_eq!(
        (answer.status, answer.body.as_slice()),
        (201, b"{".as_slice())
    );
}

// The connection is closed by a task that must run while the test waits for the server.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_huge_body_is_not_swallowed() {
    let (written, megabytes) = channel();
    let peer = Peer::start(move |stream, _| {
        let head = b"HTTP/1.1 500 X\r\ncontent-length: 100000000\r\n\r\n";
        let _gone = stream.write_all(head);
        let block = vec![b'x'; 1_000_000];
        let taken = (0..100).take_while(|_| stream.write_all(&block).is_ok());
        written.send(taken.count()).unwrap();
    });
    let answer = call(&peer.url).await.unwrap();
    assert_eq!((answer.status, answer.body.len()), (500, 65_536));
    let megabytes = megabytes.recv_timeout(Duration::from_secs(20)).unwrap();
    assert!(megabytes < 50, "{megabytes} MB were taken");
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_not_followed() {
    let target = Peer::answering(http(200, "", ""));
    let headers = format!("location: {}\r\n", target.url);
    let peer = Peer::answering(http(307, &headers, ""));
    assert_eq!(call(&peer.url).await.unwrap().status, 307);
    assert_eq!(target.more(), 0);
}

#[tokio::test]
async fn a_request_names_us_and_keeps_no_cookie() {
    let peer = Peer::answering(http(200, "set-cookie: a=b\r\n", ""));
    call(&peer.url).await.unwrap();
    let request = peer.request();
    assert!(
        request.contains("accept-encoding: identity\r\n"),
        "{request}"
    );
    assert!(request.contains(concat!("user-agent: herald/", env!("CARGO_PKG_VERSION"))));
    assert!(request.contains("content-length: 2"));
}
