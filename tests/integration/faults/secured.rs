//! A RabbitMQ that speaks TLS and asks who we are.

use loadtest::harness::certificates::{Authority, Issued, Validity};

use super::broker::Broker;
use super::process;
use crate::publisher::TestPublisher;
use crate::stage::{Stage, envelope};
use loadtest::harness::engine::CONSUMING;
use loadtest::harness::ports::free_port;

/// The broker's user, and what our certificate is for.
const USER: &str = "herald-node";

/// Certificates on disk.
struct Files {
    folder: tempfile::TempDir,
}

impl Files {
    fn write(&self, name: &str, text: &str) -> String {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn identity(&self, issued: &Issued) -> [String; 2] {
        let certificate = self.write("ours.pem", &issued.certificate);
        [certificate, self.write("ours.key", &issued.key)]
    }
}

/// A broker with a certificate for `localhost`; who has none of its authority's is not let in.
async fn secured_broker(files: &Files, authority: &Authority) -> (Broker, u16) {
    let server = authority.issue(&["localhost"], Validity::Now).unwrap();
    let port = free_port().unwrap();
    let settings = [
        format!("listeners.ssl.1 = 127.0.0.1:{port}"),
        format!(
            "ssl_options.cacertfile = {}",
            files.write("authority.pem", &authority.certificate())
        ),
        format!(
            "ssl_options.certfile = {}",
            files.write("server.pem", &server.certificate)
        ),
        format!(
            "ssl_options.keyfile = {}",
            files.write("server.key", &server.key)
        ),
        "ssl_options.verify = verify_peer".to_owned(),
        "ssl_options.fail_if_no_peer_cert = true".to_owned(),
        "ssl_cert_login_from = common_name".to_owned(),
        "auth_mechanisms.1 = PLAIN".to_owned(),
        "auth_mechanisms.2 = EXTERNAL".to_owned(),
        format!("default_user = {USER}"),
        "default_pass = hunter2".to_owned(),
    ];
    let broker = Broker::start_with(&settings.join("\n"), "[rabbitmq_auth_mechanism_ssl].").await;
    (broker, port)
}

#[tokio::test(flavor = "multi_thread")]
async fn engine_logs_in_by_certificate_as_soon_as_all_certificates_are_good() {
    let files = Files {
        folder: tempfile::tempdir().unwrap(),
    };
    let authority = Authority::new("The company's").unwrap();
    let (broker, port) = secured_broker(&files, &authority).await;
    let (mut stage, _sendgrid, mut outcomes) = Stage::mailing().await;
    let stranger = Authority::new("A stranger's").unwrap();
    let trusted = files.write("trusted.pem", &stranger.certificate());
    let expired = authority.issue(&[USER], Validity::Past).unwrap();
    let [certificate, key] = files.identity(&expired);
    let url = |host: &str| format!("amqps://{host}:{port}/%2f");
    stage.set("HERALD__BROKER__URL", url("localhost"));
    stage.set("HERALD__BROKER__CA_FILE", &trusted);
    stage.set("HERALD__BROKER__CERT_FILE", certificate);
    stage.set("HERALD__BROKER__KEY_FILE", key);

    let engine = process::starting(stage.herald(&["serve"]));
    engine.says("signed by no authority of").await.unwrap();
    files.write("trusted.pem", &authority.certificate());
    engine.says("our certificate has expired").await.unwrap();
    files.identity(&authority.issue(&[USER], Validity::Now).unwrap());
    engine.says(CONSUMING).await.unwrap();
    let publisher = TestPublisher::at(&broker.url_of(USER, "hunter2")).await;
    let message = envelope("email").to_string();
    publisher
        .publish_until_taken(message.as_bytes(), "email.normal")
        .await;
    outcomes.only("sent", None).await;

    let said = |stage: &Stage| {
        let output = stage.herald(&["check"]).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    assert!(said(&stage).contains("ok      broker"), "{}", said(&stage));
    stage.set("HERALD__BROKER__URL", url("127.0.0.1"));
    let elsewhere = said(&stage);
    assert!(
        elsewhere.contains("is for localhost, and not for 127.0.0.1"),
        "{elsewhere}"
    );
    stage.set(
        "HERALD__BROKER__URL",
        url("localhost").replace("amqps", "amqp"),
    );
    for file in ["CA_FILE", "CERT_FILE", "KEY_FILE"] {
        stage.set(&format!("HERALD__BROKER__{file}"), "");
    }
    let plain = said(&stage);
    assert!(plain.contains("failed  broker"), "{plain}");
}
