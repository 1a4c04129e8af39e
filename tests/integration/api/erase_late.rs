//! Erasing a person for whom something is on its way where an answer takes long.

use std::sync::Arc;

use diesel_async::SimpleAsyncConnection;
use loadtest::provider::Provider;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;

use super::users::Caller;
use crate::database::PATIENCE;
use crate::stage::{Stage, account, ana, envelope, envelope_with};

const ANA: &str = "0190c1a0-0000-7000-8000-000000000001";
const BEN: &str = "0190c1a0-0000-7000-8000-0000000000c2";

fn people() -> String {
    let ben = format!("[[users]]\nid = \"{BEN}\"\nemail = \"ben@example.com\"\n");
    format!("{}{ben}", ana())
}

const CLEO: &str = "0190c1a0-0000-7000-8000-0000000000c3";
const LOCK: &str = "BEGIN; LOCK TABLE notification_schema.categories IN ACCESS EXCLUSIVE MODE";

fn waiting(mode: &str) -> String {
    format!(
        "SELECT count(*) FROM pg_locks WHERE mode = '{mode}' AND NOT granted
         AND relation = 'notification_schema.categories'::regclass
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
}

/// A worker looks again at whom it is to write to, and the database answers a part of that only once the person is
/// gone: what was known of them before is not believed.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_read_before_the_answer_and_decided_after_it_is_not_sent() {
    let stage = Stage::with_lanes("email.normal").await;
    let sendgrid = stage.simulator(Provider::SendGrid);
    let cleo = format!("[[users]]\nid = \"{CLEO}\"\nemail = \"cleo@example.com\"\n");
    stage.apply(&format!("{}{cleo}{}", people(), account(&sendgrid)));
    let operator = Caller::of(&stage, "admin", None);
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    let mut first = stage.database.owner().await;
    first.batch_execute(LOCK).await.unwrap();
    let path = "/v1/notifications";
    operator.good("POST", path, envelope("email"), 202).await;
    outcomes.until_count(&waiting("AccessShareLock"), 1).await;
    // That takes longer than what the engine has asked for is believed: it will ask again.
    let gone = format!("/v1/users/{CLEO}");
    operator.good("DELETE", &gone, Value::Null, 204).await;
    let mut second = stage.database.owner().await;
    let hands_over = async {
        outcomes
            .until_count(&waiting("AccessExclusiveLock"), 1)
            .await;
        // What the engine reads now is outdated already.
        let change = "INSERT INTO notification_schema.categories (tenant_id, name)
                      SELECT id, 'changed' FROM notification_schema.tenants; COMMIT";
        first.batch_execute(change).await.unwrap();
    };
    let (locked, ()) = tokio::join!(second.batch_execute(LOCK), hands_over);
    locked.unwrap();
    outcomes.until_count(&waiting("AccessShareLock"), 1).await;
    let one = format!("/v1/users/{ANA}");
    operator.good("DELETE", &one, Value::Null, 204).await;
    second.batch_execute("COMMIT").await.unwrap();
    let bens = envelope_with("email", json!({ "user_id": BEN }));
    operator.good("POST", path, bens, 202).await;
    outcomes.only("sent", None).await;
    stage.nothing_in_hand().await;
    assert_eq!(stage.ledger.accepted(), 1, "Ben's alone");
}

/// What a mail server says of what is done with it.
#[derive(Debug, PartialEq, Eq)]
enum Heard {
    /// It has this command for Ana, and does not answer yet.
    Waits(&'static str),
    /// It has taken a mail.
    Mail(String),
}

/// A mail server that takes its time over one command of each mail for Ana, until it is given leave.
#[derive(Clone)]
struct SlowMailServer {
    slow: &'static str,
    leave: Arc<Semaphore>,
    heard: mpsc::UnboundedSender<Heard>,
}

impl SlowMailServer {
    #[expect(
        clippy::disallowed_methods,
        reason = "a server of the test's own, beside it"
    )]
    async fn serve(self, listener: TcpListener) {
        while let Ok((stream, _)) = listener.accept().await {
            // Whoever connects may go at any time.
            let server = self.clone();
            tokio::spawn(async move { server.talk(stream).await.is_ok() });
        }
    }

    async fn talk(self, stream: TcpStream) -> std::io::Result<()> {
        let (reader, mut writer) = stream.into_split();
        let mut lines = BufReader::new(reader).lines();
        writer.write_all(b"220 slow\r\n").await?;
        let mut to = String::new();
        while let Some(line) = lines.next_line().await? {
            let verb = line.split(' ').next().unwrap_or_default().to_uppercase();
            if verb == "RCPT" {
                to = line;
            }
            if verb == self.slow && to.contains("ana@") {
                // The test may have ended.
                let _ = self.heard.send(Heard::Waits(self.slow));
                self.leave.acquire().await.unwrap().forget();
            }
            let answer: &[u8] = match verb.as_str() {
                "DATA" => {
                    writer.write_all(b"354 go on\r\n").await?;
                    loop {
                        match lines.next_line().await? {
                            None => return Ok(()),
                            Some(line) if line == "." => break,
                            Some(_) => {}
                        }
                    }
                    let _ = self.heard.send(Heard::Mail(to.clone()));
                    b"250 taken\r\n"
                }
                _ => b"250 yes\r\n",
            };
            writer.write_all(answer).await?;
        }
        Ok(())
    }
}

/// A mail server may take its time over each step. What it was not given when the person was erased it is not
/// given later.
#[expect(
    clippy::disallowed_methods,
    reason = "a server of the test's own, beside it"
)]
async fn a_mail_is_not_given(slow: &'static str) {
    let stage = Stage::with_lanes("email.normal").await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (heard, mut hears) = mpsc::unbounded_channel();
    let leave = Arc::new(Semaphore::new(0));
    let server = SlowMailServer {
        slow,
        leave: Arc::clone(&leave),
        heard,
    };
    let serving = tokio::spawn(server.serve(listener));
    stage.apply(&format!(
        "{}[[providers]]\nname = \"smtp\"\nkind = \"smtp\"\nchannel = \"email\"\n[providers.config]\n\
         host = \"127.0.0.1\"\nport = {port}\ntls = \"none\"\nfrom = \"hello@example.com\"\n",
        people()
    ));
    let operator = Caller::of(&stage, "admin", None);
    let _engine = stage.start().await;
    let path = "/v1/notifications";
    operator.good("POST", path, envelope("email"), 202).await;
    let waits = timeout(PATIENCE, hears.recv()).await.unwrap();
    assert_eq!(waits, Some(Heard::Waits(slow)));
    let one = format!("/v1/users/{ANA}");
    operator.good("DELETE", &one, Value::Null, 204).await;
    leave.add_permits(1);
    stage.nothing_in_hand().await;
    let bens = envelope_with("email", json!({ "user_id": BEN }));
    operator.good("POST", path, bens, 202).await;
    let mail = timeout(PATIENCE, hears.recv()).await.unwrap();
    let bens = Heard::Mail("RCPT TO:<ben@example.com>".to_owned());
    assert_eq!(mail, Some(bens), "the server is given nothing of Ana's");
    serving.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_whose_recipient_the_server_takes_late_is_not_sent_after_the_answer() {
    a_mail_is_not_given("RCPT").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_whose_text_the_server_asks_for_late_is_not_sent_after_the_answer() {
    a_mail_is_not_given("DATA").await;
}

/// Answers requests with 204 once there is leave, and tells of each body.
#[expect(
    clippy::disallowed_methods,
    reason = "a server of the test's own, beside it"
)]
async fn serve_webhook(
    listener: TcpListener,
    leave: Arc<Semaphore>,
    bodies: mpsc::UnboundedSender<String>,
) {
    while let Ok((stream, _)) = listener.accept().await {
        let (leave, bodies) = (Arc::clone(&leave), bodies.clone());
        tokio::spawn(async move {
            let (reader, mut writer) = stream.into_split();
            let mut reader = BufReader::new(reader);
            loop {
                let (mut line, mut length) = (String::new(), 0);
                while reader.read_line(&mut line).await? > 2 {
                    if let Some(said) = line.to_lowercase().strip_prefix("content-length:") {
                        length = said.trim().parse().unwrap();
                    }
                    line.clear();
                }
                let mut body = vec![0; length];
                reader.read_exact(&mut body).await?;
                if body.is_empty() {
                    return std::io::Result::Ok(());
                }
                // The test may have ended.
                let _ = bodies.send(String::from_utf8(body).unwrap());
                leave.acquire().await.unwrap().forget();
                writer.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await?;
            }
        });
    }
}

/// A webhook that answers slowly has a line of what it is still to be told: what is about a person who was erased
/// meanwhile is not told any more.
#[tokio::test(flavor = "multi_thread")]
#[expect(
    clippy::disallowed_methods,
    reason = "a server of the test's own, beside it"
)]
async fn a_webhook_is_not_told_of_a_person_after_the_answer_though_it_was_in_hand() {
    let mut stage = Stage::with_lanes("email.normal").await;
    stage.set("HERALD__WEBHOOKS__ALLOWED_NETWORKS", "127.0.0.0/8");
    stage.set("HERALD__WEBHOOKS__CONCURRENCY", "1");
    let sendgrid = stage.simulator(Provider::SendGrid);
    stage.apply(&format!("{}{}", people(), account(&sendgrid)));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let (told, mut bodies) = mpsc::unbounded_channel();
    let leave = Arc::new(Semaphore::new(0));
    let serving = tokio::spawn(serve_webhook(listener, Arc::clone(&leave), told));
    let operator = Caller::of(&stage, "admin", None);
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    let hook = json!({ "url": url, "events": ["notification.sent"], "timeout_seconds": 30 });
    operator.good("POST", "/v1/webhooks", hook, 201).await;
    let path = "/v1/notifications";
    let ben = |n| envelope_with("email", json!({ "user_id": BEN, "idempotency_key": n }));
    // Until the engine knows of the webhook, nothing is written for it.
    let mut number = 0;
    while bodies.is_empty() {
        number += 1;
        let key = format!("ben-{number}");
        operator.good("POST", path, ben(key), 202).await;
        let sent = "SELECT count(*) FROM notifications WHERE status = 'sent'";
        outcomes.until_count(sent, number).await;
        let written = "SELECT count(*) FROM webhook_deliveries";
        if outcomes.count(written).await > 0 {
            break;
        }
    }
    let first = timeout(PATIENCE, bodies.recv()).await.unwrap().unwrap();
    assert!(first.contains(BEN));
    operator.good("POST", path, envelope("email"), 202).await;
    let taken = "SELECT count(*) FROM webhook_deliveries WHERE owner IS NOT NULL";
    outcomes.until_count(taken, 2).await;
    let one = format!("/v1/users/{ANA}");
    operator.good("DELETE", &one, Value::Null, 204).await;
    leave.add_permits(10);
    operator
        .good("POST", path, ben("last".to_owned()), 202)
        .await;
    let sent = "SELECT count(*) FROM notifications WHERE status = 'sent'";
    outcomes.until_count(sent, number + 1).await;
    let open = "SELECT count(*) FROM webhook_deliveries WHERE NOT delivered";
    outcomes.until_count(open, 0).await;
    serving.abort();
    let mut rest = vec![];
    while let Ok(body) = bodies.try_recv() {
        rest.push(body);
    }
    assert!(rest.iter().any(|body| body.contains(BEN)), "{rest:?}");
    assert!(!rest.iter().any(|body| body.contains(ANA)), "{rest:?}");
}
