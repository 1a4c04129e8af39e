//! Every HTTP provider over sockets, through the door that the engine uses.

use std::sync::Arc;

use serde_json::{Value, json};

use super::testing::{ID, Peer, delivery, http, nobody};
use super::{HttpClient, Provider, connect, testing};
use crate::domain::{Class, Content, ProviderKind, Reply};
use crate::providers::Delivery;

const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn provider(kind: ProviderKind, secret: Option<&str>, config: Value) -> Arc<dyn Provider> {
    let key = match (kind, secret) {
        (ProviderKind::Slack, Some(_)) => None,
        _ => Some("AC1"),
    };
    let account = testing::account(kind, key, secret, config);
    connect(&HttpClient::plain(), &account).unwrap()
}

fn sendgrid(url: &str) -> Arc<dyn Provider> {
    let config = json!({"base_url": url, "from": "h@example.com"});
    provider(ProviderKind::Sendgrid, None, config)
}

fn twilio(url: &str) -> Arc<dyn Provider> {
    let config = json!({"base_url": url, "from": "+15550001111"});
    provider(ProviderKind::Twilio, Some("secret"), config)
}

fn slack(url: &str) -> Arc<dyn Provider> {
    provider(ProviderKind::Slack, None, json!({"base_url": url}))
}

fn webhook(url: &str) -> Arc<dyn Provider> {
    let url = format!("{url}/services/T0/B0/SECRET");
    provider(ProviderKind::Slack, Some(&url), json!({}))
}

type Make = fn(&str) -> Arc<dyn Provider>;

const ALL: [Make; 4] = [sendgrid, twilio, slack, webhook];

async fn send(provider: &Arc<dyn Provider>) -> Reply {
    let content = Content {
        subject: Some("Hi".to_owned()),
        body: Some("Text".to_owned()),
        ..Content::default()
    };
    let delivery = Delivery {
        traceparent: Some(TRACE),
        ..delivery("ana@example.com", &content)
    };
    provider.send(delivery).await
}

#[tokio::test]
async fn requests_carry_the_id_and_the_trace() {
    let starts = [
        "POST /v3/mail/send HTTP/1.1",
        "POST /2010-04-01/Accounts/AC1/Messages.json HTTP/1.1",
        "POST /api/chat.postMessage HTTP/1.1",
        "POST /services/T0/B0/SECRET HTTP/1.1",
    ];
    for (make, start) in ALL.into_iter().zip(starts) {
        let body = r#"{"ok":true,"sid":"SM1"}"#;
        let peer = Peer::answering(http(200, "x-message-id: 1\r\n", body));
        assert_eq!(send(&make(&peer.url)).await.class, Class::Accepted);
        let request = peer.request();
        assert!(request.starts_with(start), "{request}");
        assert!(request.contains(&format!("x-herald-notification-id: {ID}\r\n")));
        assert!(request.contains(&format!("traceparent: {TRACE}\r\n")));
    }
}

#[tokio::test]
async fn a_server_error_is_not_sent_and_silence_is_unknown() {
    for make in ALL {
        let peer = Peer::answering(http(503, "retry-after: 9\r\n", "<html>"));
        let reply = send(&make(&peer.url)).await;
        assert_eq!(reply.class, Class::Transient);
        assert_eq!(reply.retry_after.map(|wait| wait.as_secs()), Some(9));
        assert_eq!(send(&make(&nobody())).await.class, Class::Transient);
        let dropping = Peer::answering("");
        let reply = send(&make(&dropping.url)).await;
        assert_eq!(reply.class, Class::Unknown);
        dropping.request();
        assert_eq!(dropping.more(), 0, "asked once");
    }
}

#[tokio::test]
async fn no_trouble_tells_a_secret() {
    let url = nobody();
    for make in ALL {
        let provider = make(&url);
        let check = provider.check().await.err().unwrap_or_default();
        let detail = send(&provider).await.detail.unwrap_or_default();
        for words in [check, detail] {
            assert!(!words.to_ascii_lowercase().contains("secret"), "{words}");
            assert!(!words.contains("ana@"), "{words}");
        }
    }
}

#[tokio::test]
async fn a_check_tells_what_to_mend() {
    let mut told = Vec::new();
    for make in [sendgrid, twilio, slack] {
        for status in [200, 401, 404, 500] {
            let peer = Peer::answering(http(status, "", r#"{"ok":true}"#));
            let result = make(&peer.url).check().await;
            let first = peer.request().lines().next().unwrap_or_default().to_owned();
            told.push(format!(
                "{first}: {}",
                result.err().unwrap_or("ok".to_owned())
            ));
        }
    }
    insta::assert_snapshot!(told.join("\n"), @"
        GET /v3/scopes HTTP/1.1: ok
        GET /v3/scopes HTTP/1.1: the credentials are refused (HTTP 401); check `api_key`
        GET /v3/scopes HTTP/1.1: there is no such account or path (HTTP 404); check base_url
        GET /v3/scopes HTTP/1.1: the provider answers HTTP 500; try again later
        GET /2010-04-01/Accounts/AC1.json HTTP/1.1: ok
        GET /2010-04-01/Accounts/AC1.json HTTP/1.1: the credentials are refused (HTTP 401); check `api_key, api_secret and account_sid`
        GET /2010-04-01/Accounts/AC1.json HTTP/1.1: there is no such account or path (HTTP 404); check base_url
        GET /2010-04-01/Accounts/AC1.json HTTP/1.1: the provider answers HTTP 500; try again later
        POST /api/auth.test HTTP/1.1: ok
        POST /api/auth.test HTTP/1.1: the credentials are refused (HTTP 401); check `api_key`
        POST /api/auth.test HTTP/1.1: there is no such account or path (HTTP 404); check base_url
        POST /api/auth.test HTTP/1.1: the provider answers HTTP 500; try again later
        ");
    let peer = Peer::answering(http(200, "", r#"{"ok":false,"error":"invalid_auth"}"#));
    let words = slack(&peer.url).check().await.unwrap_err();
    insta::assert_snapshot!(words, @"Slack refuses the token: invalid_auth; check `api_key`");
}

#[tokio::test]
async fn only_a_webhook_needs_no_address() {
    let url = nobody();
    let needs: Vec<bool> = ALL.iter().map(|make| make(&url).needs_address()).collect();
    assert_eq!(needs, [true, true, true, false]);
    assert_eq!(
        webhook(&url).check().await,
        Ok(()),
        "a webhook cannot be asked"
    );
}
