//! The examples for receivers, in four languages: each takes what Herald sends and what is signed as the standard
//! says, and refuses the rest.

use std::path::Path;
use std::process::Command;

use loadtest::harness::http;
use loadtest::harness::ports::free_port;
use loadtest::harness::process::{Log, Process};
use standardwebhooks::Webhook;

use super::{Desk, fields, made};
use crate::database::PATIENCE;

// The example as it is compiled for users, beside its `main`.
#[expect(dead_code, reason = "its `main` is for users")]
#[path = "../../../examples/webhook.rs"]
mod rust_example;

const BODY: &str = r#"{"type":"notification.sent","timestamp":"2026-11-20T12:00:00Z","data":{"id":"1","metadata":{"a":"\u00e4 / ö"}}}"#;
/// Older than any receiver takes.
const OLD_SECONDS: i64 = 6 * 60;

fn checkout() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn install(client: &str) {
    let mut install = Command::new(checkout().join("script/examples"));
    let install = install.arg(client).output().unwrap();
    let words = String::from_utf8_lossy(&install.stderr).into_owned();
    assert!(install.status.success(), "{words}");
}

/// A program that runs an example, with its variables.
fn program(name: &str, arguments: &[&str]) -> Command {
    let mut program = Command::new(name);
    program
        .args(arguments)
        .current_dir(checkout().join("examples"))
        .env("PYTHONPATH", checkout().join(".local/examples/python"))
        .env("NODE_PATH", checkout().join(".local/examples/node_modules"));
    program
}

/// What a receiver answers to these headers and this body.
async fn answered(url: &str, timestamp: i64, signatures: &str, body: &str) -> u16 {
    let headers = [
        "content-type: application/json".to_owned(),
        "webhook-id: msg_1".to_owned(),
        format!("webhook-timestamp: {timestamp}"),
        format!("webhook-signature: {signatures}"),
    ];
    let headers = headers.each_ref().map(String::as_str);
    let answer = http::request("POST", url, &headers, body.as_bytes()).await;
    answer.unwrap().status
}

/// Signs by the library of the standard, and looks what the receiver takes.
async fn judge(url: &str, secret: &str) {
    let signer = Webhook::new(secret).unwrap();
    let now = herald::runtime::clock::now().as_second();
    let signed = |at| signer.sign("msg_1", at, BODY.as_bytes()).unwrap();
    let right = signed(now);
    assert_eq!(
        answered(url, now, &right, BODY).await,
        204,
        "as it was signed"
    );
    let changed = BODY.replace("sent", "read");
    assert_eq!(
        answered(url, now, &right, &changed).await,
        401,
        "another body"
    );
    let spaced = format!("{BODY} ");
    assert_eq!(
        answered(url, now, &right, &spaced).await,
        401,
        "a blank more"
    );
    assert_eq!(
        answered(url, now - 1, &right, BODY).await,
        401,
        "another time"
    );
    for off in [-OLD_SECONDS, OLD_SECONDS] {
        let at = now + off;
        assert_eq!(
            answered(url, at, &signed(at), BODY).await,
            401,
            "{off} s off"
        );
    }
    let other = Webhook::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
    let other = other.sign("msg_1", now, BODY.as_bytes()).unwrap();
    assert_eq!(
        answered(url, now, &other, BODY).await,
        401,
        "another secret"
    );
    // While a secret is rotated: the new one and the old one, in either order, and versions to come.
    for both in [
        format!("{right} {other}"),
        format!("{other} {right}"),
        format!("v1a,AAAA {right}"),
    ] {
        assert_eq!(answered(url, now, &both, BODY).await, 204, "{both}");
    }
    for none in [
        "",
        "v1",
        "v1,",
        &right.replace("v1,", "v2,"),
        &right.replace("v1,", ""),
    ] {
        assert_eq!(answered(url, now, none, BODY).await, 401, "`{none}`");
    }
}

/// An engine tells a receiver what becomes of a mail, until the receiver has taken all of it.
async fn take_deliveries(desk: &mut Desk, webhook: uuid::Uuid) {
    let _engine = desk.stage.start().await;
    desk.send(1).await;
    let delivered = async {
        let count = format!(
            "SELECT count(*) FROM webhook_deliveries WHERE webhook_id = '{webhook}' AND delivered"
        );
        while desk.outcomes.count(&count).await != 2 {
            desk.hurry().await;
        }
    };
    tokio::time::timeout(PATIENCE, delivered).await.unwrap();
    desk.until(webhook, "response_status = 204", 2).await;
}

/// A receiver in another language: `PORT` in its arguments is a free port.
async fn receives(name: &str, arguments: &[&str]) {
    let mut desk = Desk::open().await;
    let port = free_port().unwrap();
    let url = format!("http://127.0.0.1:{port}/");
    let (id, secret) = made(&desk.pool, &desk.sealer, &fields(&url), 3).await;
    let arguments: Vec<String> = arguments
        .iter()
        .map(|it| it.replace("PORT", &port.to_string()))
        .collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut example = program(name, &arguments);
    example.env("HERALD_WEBHOOK_SECRET", secret.expose());
    let example = Process::start(example, Log::Shown).unwrap();
    // It may come up after the first try.
    take_deliveries(&mut desk, id).await;
    example.says("notification.sent").await.unwrap();
    judge(&url, secret.expose()).await;
    example.kill().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_example_in_python_takes_what_is_signed_and_nothing_else() {
    install("webhooks");
    receives("python3", &["webhook.py", "PORT"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_node_example_takes_what_is_signed_and_nothing_else() {
    install("webhooks_node");
    receives("node", &["webhook.js", "PORT"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_php_example_takes_what_is_signed_and_nothing_else() {
    install("webhooks_php");
    receives("php", &["-S", "127.0.0.1:PORT", "webhook.php"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rust_example_for_webhooks_takes_what_is_signed_and_nothing_else() {
    let mut desk = Desk::open().await;
    let port = free_port().unwrap();
    let url = format!("http://127.0.0.1:{port}/");
    let (id, secret) = made(&desk.pool, &desk.sealer, &fields(&url), 3).await;
    let key = secret.expose().to_owned();
    let (stop, stopped) = std::sync::mpsc::channel();
    let serving = std::thread::spawn(move || {
        actix_rt::System::new().block_on(async {
            let receiver = rust_example::receiver(port, &key).unwrap();
            stop.send(receiver.handle()).unwrap();
            receiver.await.unwrap();
        });
    });
    take_deliveries(&mut desk, id).await;
    judge(&url, secret.expose()).await;
    drop(stopped.recv().unwrap().stop(false));
    serving.join().unwrap();
}
