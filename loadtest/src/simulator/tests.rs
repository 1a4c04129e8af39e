//! The server and its faults, over real sockets.

use std::io::ErrorKind;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use uuid::Uuid;

use super::*;
use crate::harness::http::{self, Answer};

const LIMIT: Duration = Duration::from_secs(5);

async fn post(simulator: &Simulator, id: Uuid, text: &str) -> std::io::Result<Answer> {
    let url = format!("{}/api/chat.postMessage", simulator.base_url());
    let correlation = format!("X-Herald-Notification-Id: {id}");
    let headers = [
        "content-type: application/json",
        "authorization: Bearer xoxb-1",
        &correlation,
    ];
    let body = json!({ "channel": "C1", "text": text }).to_string();
    timeout(
        LIMIT,
        http::request("POST", &url, &headers, body.as_bytes()),
    )
    .await
    .unwrap_or_else(|_| Err(ErrorKind::TimedOut.into()))
}

/// A connection on which a message was put and nothing was read yet.
async fn asking(simulator: &Simulator, id: Uuid, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(simulator.address()).await.unwrap();
    let body = json!({ "channel": "C1", "text": text }).to_string();
    let request = format!(
        "POST /api/chat.postMessage HTTP/1.1\r\nhost: x\r\nauthorization: Bearer x\r\n\
         content-type: application/json\r\nx-herald-notification-id: {id}\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

/// Waits until a simulator knows of so many lost answers: its own thread sees clients go.
async fn lost(simulator: &Simulator, answers: u64) {
    let seen = async {
        while simulator.stats().answers_lost != answers {
            tokio::task::yield_now().await;
        }
    };
    timeout(LIMIT, seen).await.unwrap();
}

fn failing(fault: Fault) -> Simulator {
    Simulator::builder(Provider::Slack)
        .behaviour(Behaviour::failing(fault))
        .start()
        .unwrap()
}

#[tokio::test]
async fn an_acceptance_is_known_by_header_and_marker() {
    let simulator = Simulator::builder(Provider::Slack)
        .record(1)
        .start()
        .unwrap();
    let id = Uuid::now_v7();
    assert_eq!(post(&simulator, id, "hk:5:1;").await.unwrap().status, 200);
    assert_eq!(simulator.ledger().count_for(id, "C1"), 1);
    assert_eq!(simulator.ledger().entries_of_sequence(5).len(), 1);
    let kept = simulator.requests();
    assert_eq!(kept[0].header("content-type"), Some("application/json"));
    assert!(kept[0].text().contains("hk:5:1;"));
}

#[tokio::test]
async fn a_scripted_status_has_the_providers_own_body() {
    let simulator = failing(Fault::Status {
        status: 429,
        retry_after_seconds: Some(2),
        body: None,
    });
    let answer = post(&simulator, Uuid::now_v7(), "x").await.unwrap();
    assert_eq!(answer.status, 429);
    assert!(answer.headers["retry-after"] == "2");
    assert!(answer.text().contains("ratelimited"));
    let stats = simulator.stats();
    assert_eq!((stats.faults, stats.accepted), (1, 0));
}

#[tokio::test]
async fn what_stands_behind_a_gateways_timeout_may_have_taken_it() {
    let timeout = Rule::always(Fault::status(504)).accepted(true);
    let simulator = Simulator::start(Provider::Slack).unwrap();
    simulator.set_behaviour(Behaviour::default().rule(timeout));
    let id = Uuid::now_v7();
    assert_eq!(post(&simulator, id, "x").await.unwrap().status, 504);
    assert_eq!(simulator.ledger().count_of(id), 1);
    assert_eq!(simulator.stats().answers_lost, 1);
}

#[tokio::test]
async fn refusals_by_name_have_the_providers_own_shape() {
    let words = |fault: Fault| async {
        let answer = post(&failing(fault), Uuid::now_v7(), "x").await.unwrap();
        (answer.status, answer.text())
    };
    let (status, body) = words(Fault::slack("accesslimited")).await;
    assert_eq!(status, 200);
    assert!(body.contains("\"error\":\"accesslimited\""), "{body}");
    let (status, body) = words(Fault::twilio(429, 63_038)).await;
    assert_eq!(status, 429);
    assert!(body.contains("\"code\":63038"), "{body}");
    let (status, body) = words(Fault::fcm_quota("device:x")).await;
    assert_eq!(status, 429);
    assert!(
        body.contains("QuotaFailure") && body.contains("device:x"),
        "{body}"
    );
    let redirect = post(&failing(Fault::status(302)), Uuid::now_v7(), "x").await;
    assert!(redirect.unwrap().headers["location"] == "https://elsewhere.invalid/");
}

#[tokio::test]
async fn a_reset_cuts_before_and_a_dropped_answer_after_acceptance() {
    let simulator = failing(Fault::Reset);
    let id = Uuid::now_v7();
    let error = post(&simulator, id, "x").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert_eq!(simulator.ledger().count_of(id), 0);
    simulator.set_behaviour(Behaviour::failing(Fault::DropAnswer));
    let error = post(&simulator, id, "x").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
    assert_eq!(simulator.ledger().count_of(id), 1);
    assert_eq!(simulator.stats().answers_lost, 1);
}

#[tokio::test]
async fn spoiled_answers_come_with_a_good_status() {
    let simulator = failing(Fault::Garbage { bytes: 64 });
    let answer = post(&simulator, Uuid::now_v7(), "x").await.unwrap();
    assert_eq!((answer.status, answer.body.len()), (200, 64));
    simulator.set_behaviour(Behaviour::failing(Fault::HugeBody { bytes: 1_000_000 }));
    let answer = post(&simulator, Uuid::now_v7(), "x").await.unwrap();
    assert!(answer.status == 200 && answer.body.len() >= 1_000_000);
    simulator.set_behaviour(Behaviour::failing(Fault::Dribble { every_ms: 1 }));
    let answer = post(&simulator, Uuid::now_v7(), "x").await.unwrap();
    assert!(answer.text().contains("\"ok\":true"));
    assert_eq!(simulator.stats().answers_lost, 3);
}

#[tokio::test]
async fn a_hanging_provider_hangs_one_request_and_ends_with_the_simulator() {
    let id = Uuid::now_v7();
    let simulator = Simulator::start(Provider::Slack).unwrap();
    simulator.set_behaviour(Behaviour::default().rule(Rule::always(Fault::Hang).notification(id)));
    let address = simulator.address();
    let mut hung = asking(&simulator, id, "x").await;
    assert_eq!(
        post(&simulator, Uuid::now_v7(), "x").await.unwrap().status,
        200
    );
    simulator.stop();
    let mut nothing = Vec::new();
    assert_eq!(hung.read_to_end(&mut nothing).await.unwrap_or(0), 0);
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn latency_delays_the_answer_but_not_the_acceptance() {
    let simulator = Simulator::start(Provider::Slack).unwrap();
    simulator.set_behaviour(Behaviour::default().latency(Latency::Fixed { ms: 30.0 }));
    let before = std::time::Instant::now();
    post(&simulator, Uuid::now_v7(), "x").await.unwrap();
    assert!(before.elapsed() >= Duration::from_millis(30));
}

#[tokio::test]
async fn a_malformed_request_is_counted_and_its_reason_kept() {
    let simulator = Simulator::start(Provider::SendGrid).unwrap();
    let url = format!("{}/v3/mail/send", simulator.base_url());
    let headers = ["authorization: Bearer x", "content-type: application/json"];
    let answer = http::request("POST", &url, &headers, b"{}").await.unwrap();
    assert_eq!(answer.status, 400);
    let stats = simulator.stats();
    assert_eq!((stats.requests, stats.malformed, stats.accepted), (1, 1, 0));
    assert!(stats.reasons[0].contains("from"), "{:?}", stats.reasons);
}

#[tokio::test]
async fn the_control_endpoint_reads_and_rules() {
    for provider in Provider::ALL {
        let simulator = Simulator::start(provider).unwrap();
        let control = simulator.control_url();
        let behaviour = format!("{control}/_control/behaviour");
        let toml = b"seed = 9\n[[rules]]\nfault = { kind = \"hang\" }";
        let answer = http::request("PUT", &behaviour, &[], toml).await.unwrap();
        assert_eq!(
            (answer.status, answer.text().as_str()),
            (200, "{\"seed\":9}")
        );
        assert_eq!(
            simulator.behaviour(),
            Behaviour {
                seed: Some(9),
                ..Behaviour::failing(Fault::Hang)
            }
        );
        let json = http::get(&behaviour).await.unwrap();
        let again = http::request("PUT", &behaviour, &[], &json.body)
            .await
            .unwrap();
        assert_eq!(again.status, 200);
        let wrong = http::request("PUT", &behaviour, &[], b"rulez = 1")
            .await
            .unwrap();
        assert!(wrong.status == 400 && wrong.text().contains("rulez"));
        let stats = http::get(&format!("{control}/_control/stats"))
            .await
            .unwrap();
        assert_eq!(
            serde_json::from_slice::<Value>(&stats.body).unwrap()["requests"],
            0
        );
        let ledger = http::get(&format!("{control}/_control/ledger"))
            .await
            .unwrap();
        assert_eq!(
            serde_json::from_slice::<Value>(&ledger.body).unwrap()["totals"]["accepted"],
            0
        );
        assert_eq!(
            http::get(&format!("{control}/_control/x"))
                .await
                .unwrap()
                .status,
            404
        );
    }
}

#[tokio::test]
async fn simulators_share_a_ledger_and_keep_their_port() {
    let ledger = std::sync::Arc::new(crate::ledger::Ledger::new());
    let start = |port| {
        Simulator::builder(Provider::Slack)
            .ledger(ledger.clone())
            .port(port)
            .start()
    };
    let first = start(0).unwrap();
    let second = start(0).unwrap();
    post(&first, Uuid::now_v7(), "hk:1:1;").await.unwrap();
    post(&second, Uuid::now_v7(), "hk:2:1;").await.unwrap();
    assert_eq!(ledger.accepted(), 2);
    let port = first.address().port();
    assert!(
        start(port)
            .unwrap_err()
            .to_string()
            .contains(&port.to_string())
    );
    first.stop();
    assert_eq!(start(port).unwrap().address().port(), port);
}

#[tokio::test]
async fn the_token_endpoint_has_faults_of_its_own_and_a_key_that_fits() {
    let simulator = Simulator::start(Provider::Fcm).unwrap();
    let account: Value = serde_json::from_str(&simulator.service_account_json().unwrap()).unwrap();
    let text = |key: &str| account[key].as_str().unwrap();
    let now = chrono::Utc::now().timestamp();
    let claims = json!({
        "iss": text("client_email"), "aud": text("token_uri"), "iat": now, "exp": now + 60,
        "scope": "https://www.googleapis.com/auth/firebase.messaging",
    });
    let key = jsonwebtoken::EncodingKey::from_rsa_pem(text("private_key").as_bytes()).unwrap();
    let header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::RS256);
    let assertion = jsonwebtoken::encode(&header, &claims, &key).unwrap();
    let grant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
    let form = format!("grant_type={grant}&assertion={assertion}");
    let headers = ["content-type: application/x-www-form-urlencoded"];
    let unavailable = Fault::Status {
        status: 503,
        retry_after_seconds: None,
        body: None,
    };
    let rule = Rule::always(unavailable)
        .endpoint("token")
        .when(When::First(1));
    simulator.set_behaviour(Behaviour::default().rule(rule));
    let ask = || http::request("POST", text("token_uri"), &headers, form.as_bytes());
    assert_eq!(ask().await.unwrap().status, 503);
    let answer = ask().await.unwrap();
    assert!(answer.text().contains("access_token"), "{answer:?}");
    let stats = simulator.stats();
    assert_eq!(
        (stats.tokens_issued, stats.faults, stats.accepted),
        (1, 1, 0)
    );
}

#[tokio::test]
async fn an_answer_that_nobody_waits_for_is_a_lost_one() {
    let slow = Behaviour::default().latency(Latency::Fixed { ms: 60_000.0 });
    let simulator = Simulator::builder(Provider::Slack)
        .behaviour(slow)
        .start()
        .unwrap();
    let ledger = simulator.ledger().clone();
    let id = Uuid::now_v7();
    let accepted = ledger.wait_for_notification(id, LIMIT);
    tokio::select! {
        answer = post(&simulator, id, "hk:7:1;") => panic!("it should wait: {answer:?}"),
        accepted = accepted => assert!(accepted),
    }
    lost(&simulator, 1).await;
    assert_eq!(ledger.entries_of(id)[0].answers_lost(), 1);
    assert_eq!(ledger.entries_of_sequence(7)[0].answers_lost(), 1);
}

#[tokio::test]
async fn an_answer_that_came_and_was_never_read_is_a_lost_one() {
    let unhurried = Behaviour::default().latency(Latency::Fixed { ms: 1.0 });
    let simulator = Simulator::builder(Provider::Slack)
        .behaviour(unhurried)
        .start()
        .unwrap();
    let (read, unread) = (Uuid::now_v7(), Uuid::now_v7());
    post(&simulator, read, "hk:1:1;").await.unwrap();
    let stream = asking(&simulator, unread, "hk:2:1;").await;
    stream.peek(&mut [0]).await.unwrap();
    drop(stream);
    lost(&simulator, 1).await;
    let ledger = simulator.ledger();
    assert_eq!(ledger.entries_of(unread)[0].answers_lost(), 1);
    assert_eq!(ledger.entries_of(read)[0].answers_lost(), 0);
}

#[tokio::test]
async fn an_answer_after_the_clients_patience_is_a_lost_one() {
    let late = Behaviour::default().latency(Latency::Fixed { ms: 20.0 });
    let simulator = Simulator::builder(Provider::Slack)
        .behaviour(late)
        .patience(Duration::from_millis(10))
        .start()
        .unwrap();
    let id = Uuid::now_v7();
    assert_eq!(post(&simulator, id, "x").await.unwrap().status, 200);
    assert_eq!(simulator.ledger().entries_of(id)[0].answers_lost(), 1);
}
