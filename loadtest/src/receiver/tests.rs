use std::time::{SystemTime, UNIX_EPOCH};

use standardwebhooks::Webhook;

use super::*;
use crate::harness::http::{self, Answer};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

async fn post(receiver: &Receiver, id: &str, body: &str) -> Answer {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let now = i64::try_from(now.as_secs()).unwrap();
    let signed = Webhook::new(SECRET).unwrap().sign(id, now, body.as_bytes());
    let headers = [
        format!("webhook-id: {id}"),
        format!("webhook-timestamp: {now}"),
        format!("webhook-signature: {}", signed.unwrap()),
    ];
    let headers = headers.each_ref().map(String::as_str);
    let url = receiver.url();
    http::request("POST", &url, &headers, body.as_bytes())
        .await
        .unwrap()
}

#[tokio::test]
async fn what_is_signed_is_written_down_and_the_rest_refused() {
    let receiver = Receiver::start(0).unwrap();
    assert_eq!(
        post(&receiver, "a", "{}").await.status,
        401,
        "it knows no secret"
    );
    receiver.trust(SECRET);
    for (id, body) in [
        ("a", r#"{"type":"x"}"#),
        ("a", r#"{"type":"x"}"#),
        ("b", "{}"),
    ] {
        assert_eq!(post(&receiver, id, body).await.status, 204);
    }
    let stats = receiver.stats();
    assert_eq!((stats.received, stats.invalid, stats.accepted), (4, 1, 3));
    assert_eq!((stats.distinct, stats.repeated, stats.changed), (2, 1, 0));
    assert_eq!(stats.types["x"], 2);
    post(&receiver, "b", "[]").await;
    assert_eq!(
        receiver.stats().changed,
        1,
        "another body under the same id"
    );
    assert_eq!(receiver.told()[0].times, 2);
}

#[tokio::test]
async fn it_behaves_as_it_is_told_over_http_too() {
    let receiver = Receiver::start(0).unwrap();
    let control = receiver.url().replace("/hooks", "/_control/");
    let put = async |what: &str, body: &str| {
        let url = format!("{control}{what}");
        http::request("PUT", &url, &[], body.as_bytes())
            .await
            .unwrap()
            .status
    };
    assert_eq!(put("secrets", &format!("[\"{SECRET}\"]")).await, 204);
    let gone =
        r#"{ "status": 410, "headers": ["webhook-delivery: disable"], "body": "no", "first": 1 }"#;
    assert_eq!(put("behaviour", gone).await, 204);
    assert_eq!(put("behaviour", "{ \"odd\": 1 }").await, 400);
    let answer = post(&receiver, "a", "{}").await;
    assert_eq!((answer.status, answer.text().as_str()), (410, "no"));
    assert_eq!(answer.headers["webhook-delivery"], "disable");
    assert_eq!(
        post(&receiver, "a", "{}").await.status,
        204,
        "only the first"
    );
    let stats = http::get(&format!("{control}stats")).await.unwrap();
    assert!(stats.text().contains(r#""received":2"#), "{}", stats.text());
}
