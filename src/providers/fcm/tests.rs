//! Sends over sockets: the token that is shared, renewed and refused.

use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use super::*;
use crate::domain::{Class, Content, ProviderKind};
use crate::providers::testing::account;
use crate::providers::testing::{ID, Peer, delivery, http, nobody};

const SENT: &str = r#"{"name":"projects/demo/messages/1"}"#;
const GRANTED: &str = r#"{"access_token":"T","expires_in":3600,"token_type":"Bearer"}"#;

fn fcm(fcm_url: &str, token_url: &str) -> Fcm {
    let secret = settings::tests::service_json(&format!("{token_url}/token"));
    let config = json!({"base_url": fcm_url});
    let account = account(ProviderKind::Fcm, None, Some(&secret), config);
    Fcm::connect(HttpClient::plain(), &account).unwrap()
}

fn content() -> Content {
    Content {
        body: Some("Text".to_owned()),
        ..Content::default()
    }
}

async fn send(fcm: &Fcm) -> Reply {
    let content = content();
    fcm.send(delivery("device-1", &content)).await
}

fn say(stream: &mut TcpStream, status: u16, body: &str) {
    let _gone = stream.write_all(http(status, "", body).as_bytes());
}

/// Grants T0, T1, ... one a request.
fn granting() -> Peer {
    Peer::start(|stream, number| {
        say(
            stream,
            200,
            &GRANTED.replace("\"T\"", &format!("\"T{number}\"")),
        );
    })
}

#[tokio::test]
async fn many_sends_share_one_token() {
    let tokens = granting();
    let peer = Peer::answering(http(200, "", SENT));
    let fcm = fcm(&peer.url, &tokens.url);
    let replies = join_all((0..20).map(|_| send(&fcm))).await;
    assert!(replies.iter().all(|reply| reply.class == Class::Accepted));
    let asked = tokens.request();
    assert_eq!(tokens.more(), 0);
    assert!(asked.contains("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer"));
    let request = peer.request();
    assert!(request.starts_with("POST /v1/projects/demo/messages:send HTTP/1.1"));
    assert!(request.contains("authorization: Bearer T0"));
    assert!(request.contains(&format!("x-herald-notification-id: {ID}")));
}

#[tokio::test]
async fn a_refused_token_is_renewed_once() {
    let tokens = granting();
    let refusal = r#"{"error":{"code":401,"status":"UNAUTHENTICATED"}}"#;
    let peer = Peer::start(move |stream, number| match number {
        0 => say(stream, 401, refusal),
        _ => say(stream, 200, SENT),
    });
    let fcm = fcm(&peer.url, &tokens.url);
    assert_eq!(send(&fcm).await.class, Class::Accepted);
    assert!(peer.request().contains("authorization: Bearer T0"));
    assert!(peer.request().contains("authorization: Bearer T1"));
}

#[tokio::test]
async fn a_token_refused_twice_is_the_credentials_fault() {
    let tokens = granting();
    let peer = Peer::answering(http(401, "", r#"{"error":{"status":"UNAUTHENTICATED"}}"#));
    let fcm = fcm(&peer.url, &tokens.url);
    assert_eq!(send(&fcm).await.class, Class::AccountRefused);
    peer.request();
    assert_eq!(peer.more(), 1);
}

#[tokio::test]
async fn without_a_token_nothing_is_sent() {
    for (status, body, class) in [
        (
            400,
            r#"{"error":"invalid_grant","error_description":"Invalid JWT"}"#,
            Class::AccountRefused,
        ),
        (401, r#"{"error":"invalid_client"}"#, Class::AccountRefused),
        (429, "", Class::Throttled),
        (404, "", Class::AccountRefused),
        (500, "", Class::Transient),
        (504, "", Class::Transient),
        (503, "garbage", Class::Transient),
        (200, "garbage", Class::Transient),
        (200, r#"{"access_token":"a\nb"}"#, Class::Transient),
    ] {
        let tokens = Peer::answering(http(status, "", body));
        let peer = Peer::answering(http(200, "", SENT));
        let fcm = fcm(&peer.url, &tokens.url);
        assert_eq!(send(&fcm).await.class, class, "{status} {body}");
        assert_eq!(peer.more(), 0);
    }
}

#[tokio::test]
async fn a_token_endpoint_out_of_reach_is_transient() {
    let peer = Peer::answering(http(200, "", SENT));
    assert_eq!(
        send(&fcm(&peer.url, &nobody())).await.class,
        Class::Transient
    );
    let silent = Peer::start(|stream, _| crate::providers::testing::hold(stream));
    let mut fcm = fcm(&peer.url, &silent.url);
    fcm.timeout = Duration::from_secs(2);
    let replies = join_all((0..20).map(|_| send(&fcm))).await;
    assert!(replies.iter().all(|reply| reply.class == Class::Transient));
    silent.request();
    assert_eq!(silent.more(), 0, "those who waited share the failure");
    assert_eq!(peer.more(), 0);
}

#[tokio::test]
async fn the_check_tells_what_to_mend() {
    let tokens = granting();
    assert_eq!(fcm(&tokens.url, &tokens.url).check().await, Ok(()));
    let refusing = Peer::answering(http(400, "", r#"{"error":"invalid_grant"}"#));
    let words = fcm(&refusing.url, &refusing.url).check().await.unwrap_err();
    insta::assert_snapshot!(words, @"no access token for the service account: the token endpoint: HTTP 400: invalid_grant; check `api_secret`");
}
