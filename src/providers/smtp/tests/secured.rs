//! TLS, with certificates of the test's own.

use std::io::Read;
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;

use loadtest::harness::certificates::{Authority, Issued, Validity};
use rustls::{ServerConnection, StreamOwned};

use super::*;
use crate::providers::testing::showing;

/// When a server begins to speak TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    AtOnce,
    /// After STARTTLS, to which it answers this.
    Asked(&'static str),
}

const READY: When = When::Asked("220 go ahead\r\n");

impl When {
    const fn setting(self) -> &'static str {
        match self {
            Self::AtOnce => "implicit",
            Self::Asked(_) => "starttls",
        }
    }
}

/// A server that shows this certificate. What it offers within TLS, it does not offer before.
fn serve(identity: &Issued, when: When) -> u16 {
    let config = showing(identity);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let session = ServerConnection::new(Arc::clone(&config)).unwrap();
            // A kept connection keeps no other waiting.
            std::thread::spawn(move || {
                let stream = match when {
                    When::AtOnce => Some(stream),
                    When::Asked(answer) => until_starttls(stream, answer),
                };
                if let Some(stream) = stream {
                    talk(StreamOwned::new(session, stream), when);
                }
            });
        }
    });
    port
}

fn until_starttls(stream: TcpStream, answer: &str) -> Option<TcpStream> {
    let mut reader = BufReader::new(stream);
    reader.get_mut().write_all(b"220 test\r\n").ok()?;
    loop {
        let reply = match next(&mut reader).as_str() {
            "" => return None,
            "STARTTLS" => answer,
            _ => "250-test\r\n250-AUTH PLAIN\r\n250 STARTTLS\r\n",
        };
        reader.get_mut().write_all(reply.as_bytes()).ok()?;
        if reply == answer {
            return Some(reader.into_inner());
        }
    }
}

fn talk(stream: impl Read + Write, when: When) {
    let mut reader = BufReader::new(stream);
    let mut line = match when {
        When::AtOnce => "CONNECT".to_owned(),
        When::Asked(_) => next(&mut reader),
    };
    while !line.is_empty() {
        let words = match line.split([' ', ':']).next().unwrap_or_default() {
            "CONNECT" => "220 test\r\n",
            "EHLO" => "250-test\r\n250 SIZE\r\n",
            "DATA" => "354 go on\r\n",
            _ => "250 ok\r\n",
        };
        if reader.get_mut().write_all(words.as_bytes()).is_err() {
            return;
        }
        line = match line.as_str() {
            "DATA" => text(&mut reader),
            _ => next(&mut reader),
        };
    }
}

/// An authority, in a file that accounts name.
struct SecuredServer {
    authority: Authority,
    folder: tempfile::TempDir,
}

impl SecuredServer {
    fn new(authority: &str) -> Self {
        let scene = Self {
            authority: Authority::new(authority).unwrap(),
            folder: tempfile::tempdir().unwrap(),
        };
        std::fs::write(scene.ca_file(), scene.authority.certificate()).unwrap();
        scene
    }

    fn ca_file(&self) -> std::path::PathBuf {
        self.folder.path().join("ca.pem")
    }

    fn issue(&self, name: &str, validity: Validity) -> Issued {
        self.authority.issue(&[name], validity).unwrap()
    }
}

fn smtp_over(when: When, port: u16, ca_file: Option<&Path>, user: Option<&str>) -> Smtp {
    let mut config = json!({"host": "localhost", "port": port, "tls": when.setting(),
                            "from": "h@example.com"});
    if let Some(file) = ca_file {
        config["ca_file"] = json!(file);
    }
    let account = account(ProviderKind::Smtp, user, user, config);
    Smtp::connect(&account).unwrap()
}

#[tokio::test]
async fn a_mail_goes_over_tls_to_a_server_that_shows_who_it_is() {
    let scene = SecuredServer::new("Our own");
    for when in [When::AtOnce, READY] {
        let port = serve(&scene.issue("localhost", Validity::Now), when);
        let smtp = smtp_over(when, port, Some(&scene.ca_file()), None);
        for _ in 0..2 {
            let reply = send(&smtp).await;
            assert_eq!(reply.class, Class::Accepted, "{when:?}: {:?}", reply.detail);
        }
        assert_eq!(smtp.check().await, Ok(()));
    }
}

#[tokio::test]
async fn a_certificate_that_is_not_to_be_believed_is_refused_with_words() {
    let (scene, other) = (SecuredServer::new("Our own"), SecuredServer::new("Another"));
    let ours = scene.ca_file();
    let right = scene.issue("localhost", Validity::Now);
    for (identity, ca_file, words) in [
        (
            &scene.issue("mail.example.com", Validity::Now),
            Some(&ours),
            "mail.example.com",
        ),
        (
            &scene.issue("localhost", Validity::Past),
            Some(&ours),
            "expired",
        ),
        (
            &scene.issue("localhost", Validity::Future),
            Some(&ours),
            "valid from",
        ),
        (&right, Some(&other.ca_file()), "signed by no authority"),
        (&right, None, "name its file in `ca_file`"),
    ] {
        for when in [When::AtOnce, READY] {
            let port = serve(identity, when);
            let reply = send(&smtp_over(when, port, ca_file.map(|v| &**v), None)).await;
            let detail = reply.detail.unwrap();
            assert_eq!(reply.class, Class::AccountRefused, "{detail}");
            assert!(detail.contains(words), "{words}: {detail}");
        }
    }
}

#[tokio::test]
async fn a_server_that_does_not_speak_tls_is_told_so() {
    let server = Server::start(|_, _| None);
    let smtp = smtp_over(When::AtOnce, server.port, None, None);
    let reply = send(&smtp).await;
    assert_eq!(reply.class, Class::AccountRefused);
    let words = smtp.check().await.unwrap_err();
    assert!(words.contains("does not speak TLS"), "{words}");
}

#[tokio::test]
async fn replies_before_tls_are_forgotten() {
    let scene = SecuredServer::new("Our own");
    let identity = scene.issue("localhost", Validity::Now);
    // Somebody on the way answers EHLO before TLS begins.
    let when = When::Asked("220 go ahead\r\n250-eve\r\n250 AUTH PLAIN\r\n");
    let port = serve(&identity, when);
    let smtp = smtp_over(when, port, Some(&scene.ca_file()), None);
    assert_eq!(send(&smtp).await.class, Class::Accepted);
    // No password is told because of an offer from before.
    let smtp = smtp_over(when, port, Some(&scene.ca_file()), Some("user"));
    let reply = send(&smtp).await;
    assert_eq!(reply.class, Class::AccountRefused);
    let words = reply.detail.unwrap();
    assert!(words.contains("no way to log in"), "{words}");
}
