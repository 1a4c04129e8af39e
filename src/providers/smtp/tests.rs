//! Conversations with a scripted server.

mod secured;
mod steps;

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::json;

use super::*;
use crate::domain::{Class, Content, ProviderKind, Reason};
use crate::providers::testing::account;
use crate::providers::testing::{ID, delivery};

/// Where a timeout is the point: long enough for a busy machine to get to the step before it.
const SOON: Duration = Duration::from_millis(1_500);

/// What the server does after a line.
enum Act {
    Say(&'static str),
    Raw(&'static [u8]),
    SayAndDrop(&'static str),
    SayAndHold(&'static str),
    Drop,
    Hold,
}

/// A server that does what the script says to a line, and otherwise what a server does. The text
/// of a mail is one line to it. Every line is told, `CONNECT` for a new connection.
struct Server {
    port: u16,
    lines: Receiver<String>,
}

impl Server {
    fn start(mut script: impl FnMut(&str, usize) -> Option<Act> + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for (number, stream) in listener.incoming().flatten().enumerate() {
                let mut reader = BufReader::new(stream);
                let mut line = "CONNECT".to_owned();
                loop {
                    let _test_over = sender.send(line.clone());
                    let act = script(&line, number).unwrap_or_else(|| usual(&line));
                    match act {
                        Act::Say(words) => drop(reader.get_mut().write_all(words.as_bytes())),
                        Act::Raw(words) => drop(reader.get_mut().write_all(words)),
                        Act::SayAndDrop(words) => {
                            drop(reader.get_mut().write_all(words.as_bytes()));
                            break;
                        }
                        Act::SayAndHold(words) => {
                            drop(reader.get_mut().write_all(words.as_bytes()));
                            crate::providers::testing::hold(reader.get_mut());
                        }
                        Act::Drop => break,
                        Act::Hold => crate::providers::testing::hold(reader.get_mut()),
                    }
                    let in_text = line == "DATA";
                    line = if in_text {
                        text(&mut reader)
                    } else {
                        next(&mut reader)
                    };
                    if line.is_empty() {
                        break;
                    }
                }
            }
        });
        Self { port, lines }
    }

    fn lines(&self) -> Vec<String> {
        self.lines.try_iter().collect()
    }
}

fn usual(line: &str) -> Act {
    Act::Say(match line.split([' ', ':']).next().unwrap_or_default() {
        "CONNECT" => "220 test ESMTP\r\n",
        "EHLO" => "250-test\r\n250-8BITMIME\r\n250 AUTH PLAIN LOGIN\r\n",
        "AUTH" => "235 2.7.0 ok\r\n",
        "DATA" => "354 go on\r\n",
        _ => "250 2.0.0 ok\r\n",
    })
}

fn next(reader: &mut impl BufRead) -> String {
    let mut line = String::new();
    let _gone = reader.read_line(&mut line);
    line.trim_end().to_owned()
}

fn text(reader: &mut impl BufRead) -> String {
    let mut text = String::new();
    while reader.read_line(&mut text).is_ok_and(|read| read > 0) {
        if text.ends_with("\r\n.\r\n") {
            return text;
        }
    }
    String::new()
}

fn smtp(port: u16, user: Option<&str>) -> Smtp {
    smtp_within(port, user, Duration::from_secs(20))
}

fn smtp_within(port: u16, user: Option<&str>, timeout: Duration) -> Smtp {
    let config = json!({
        "host": "127.0.0.1",
        "port": port,
        "tls": "none",
        "from": "h@example.com",
        "text_timeout_seconds": timeout.as_secs().max(1),
    });
    let mut account = account(ProviderKind::Smtp, user, user, config);
    account.timeout = timeout;
    Smtp::connect(&account).unwrap()
}

fn content() -> Content {
    Content {
        subject: Some("Hi".to_owned()),
        body: Some("Text".to_owned()),
        ..Content::default()
    }
}

async fn send(smtp: &Smtp) -> Reply {
    let content = content();
    smtp.send(delivery("ana@example.org", &content)).await
}

fn on(word: &'static str, act: fn() -> Act) -> impl FnMut(&str, usize) -> Option<Act> {
    move |line, _| line.starts_with(word).then(act)
}

/// Whether a line is a mail's text.
fn is_text(line: &str) -> bool {
    line.ends_with("\r\n.\r\n")
}

#[tokio::test]
async fn two_mails_share_a_connection() {
    let server = Server::start(|_, _| None);
    let smtp = smtp(server.port, None);
    let id = format!("{ID}@example.com");
    for _ in 0..2 {
        assert_eq!(send(&smtp).await, Reply::accepted("250", Some(id.clone())));
    }
    let lines = server.lines();
    assert_eq!(lines.iter().filter(|line| *line == "CONNECT").count(), 1);
    let text = lines.iter().find(|line| is_text(line)).unwrap();
    assert!(text.contains(&format!("Message-ID: <{id}>\r\n")));
    assert!(text.contains(&format!("X-Herald-Notification-Id: {ID}\r\n")));
}

#[tokio::test]
async fn a_refused_recipient_leaves_the_connection_after_a_reset() {
    let refusal = || Act::Say("550 5.1.1 <ana@example.org> unknown\r\n");
    let server = Server::start(on("RCPT", refusal));
    let smtp = smtp(server.port, None);
    for _ in 0..2 {
        let reply = send(&smtp).await;
        assert_eq!(reply.reason, Some(Reason::InvalidRecipient));
        assert!(reply.dead_address);
        assert!(!reply.detail.unwrap().contains("ana@"));
    }
    let lines = server.lines();
    assert_eq!(lines.iter().filter(|line| *line == "CONNECT").count(), 1);
    assert_eq!(lines.iter().filter(|line| *line == "RSET").count(), 1);
}

#[tokio::test]
async fn a_reply_in_latin_1_or_without_words_counts_by_its_code() {
    let acts: [fn() -> Act; 4] = [
        || Act::Raw(b"250 fertig f\xfcr heute\r\n"),
        || Act::Say("250\r\n"),
        || Act::Say("250-one\r\n250\r\n"),
        || Act::Raw(b"250-\xff\xfe\r\n250 \x80\r\n"),
    ];
    for act in acts {
        let server = Server::start(move |line, _| is_text(line).then(act));
        let smtp = smtp(server.port, None);
        for _ in 0..2 {
            assert_eq!(send(&smtp).await.class, Class::Accepted);
        }
        let lines = server.lines();
        assert_eq!(lines.iter().filter(|line| is_text(line)).count(), 2);
        assert_eq!(lines.iter().filter(|line| *line == "CONNECT").count(), 1);
    }
    let unknown = || Act::Raw(b"550 5.1.1 gibt es nicht \xfc\r\n");
    let server = Server::start(on("RCPT", unknown));
    let reply = send(&smtp(server.port, None)).await;
    assert_eq!(reply.reason, Some(Reason::InvalidRecipient));
    assert!(reply.dead_address);
}

#[tokio::test]
async fn an_acceptance_counts_though_its_words_break_off() {
    let server =
        Server::start(move |line, _| is_text(line).then_some(Act::SayAndDrop("250-queued")));
    assert_eq!(send(&smtp(server.port, None)).await.class, Class::Accepted);
    let server = Server::start(move |line, _| is_text(line).then_some(Act::SayAndHold("250 que")));
    let smtp = smtp_within(server.port, None, SOON);
    assert_eq!(send(&smtp).await.class, Class::Accepted);
    // And nothing more goes over that connection.
    assert_eq!(send(&smtp).await.class, Class::Accepted);
    let connections = server
        .lines()
        .iter()
        .filter(|line| *line == "CONNECT")
        .count();
    assert_eq!(connections, 2);
}

#[tokio::test]
async fn keywords_in_lower_case_are_understood() {
    let hello = || Act::Say("250-test\r\n250 auth login plain\r\n");
    let server = Server::start(on("EHLO", hello));
    let smtp = smtp(server.port, Some("user"));
    assert_eq!(send(&smtp).await.class, Class::Accepted);
    assert!(
        server
            .lines()
            .iter()
            .any(|line| line.starts_with("AUTH PLAIN "))
    );
}

#[tokio::test]
async fn a_server_that_offers_login_alone_is_told_user_and_password() {
    let mut asked = 0;
    let server = Server::start(move |line, _| match line {
        line if line.starts_with("EHLO") => Some(Act::Say("250-test\r\n250 AUTH=LOGIN\r\n")),
        "AUTH LOGIN" => Some(Act::Say("334 VXNlcm5hbWU6\r\n")),
        "dXNlcg==" => {
            asked += 1;
            Some(Act::Say(match asked {
                1 => "334 UGFzc3dvcmQ6\r\n",
                _ => "235 ok\r\n",
            }))
        }
        _ => None,
    });
    let smtp = smtp(server.port, Some("user"));
    assert_eq!(send(&smtp).await.class, Class::Accepted);
    let lines = server.lines();
    assert_eq!(lines.iter().filter(|line| *line == "dXNlcg==").count(), 2);
}

#[tokio::test]
async fn a_greeting_of_refusal_takes_the_account_out() {
    for greeting in ["554 no\r\n", "421 later\r\n"] {
        let server =
            Server::start(move |line, _| (line == "CONNECT").then_some(Act::Say(greeting)));
        let reply = send(&smtp(server.port, None)).await;
        assert_eq!(reply.class, Class::AccountRefused, "{greeting}");
    }
}

#[tokio::test]
async fn a_reply_lost_after_the_text_is_unknown_and_asked_once() {
    let acts: [fn() -> Act; 3] = [|| Act::Drop, || Act::Hold, || Act::Say("garbage\r\n")];
    for act in acts {
        let server = Server::start(move |line, _| is_text(line).then(act));
        let smtp = smtp_within(server.port, None, SOON);
        let reply = send(&smtp).await;
        assert_eq!(reply.class, Class::Unknown, "{:?}", reply.detail);
        let texts = server.lines().iter().filter(|line| is_text(line)).count();
        assert_eq!(texts, 1);
    }
}

#[tokio::test]
async fn the_reply_to_the_text_has_a_limit_of_its_own() {
    let server = Server::start(move |line, _| is_text(line).then_some(Act::Hold));
    let config = json!({
        "host": "127.0.0.1",
        "port": server.port,
        "tls": "none",
        "from": "h@example.com",
        "text_timeout_seconds": 1,
    });
    let mut account = account(ProviderKind::Smtp, None, None, config);
    account.timeout = Duration::from_secs(300);
    let smtp = Smtp::connect(&account).unwrap();
    let reply = tokio::time::timeout(Duration::from_secs(60), send(&smtp)).await;
    assert_eq!(reply.unwrap().class, Class::Unknown);
}

#[tokio::test]
async fn connection_timeout_counts_as_not_asked() {
    let server = Server::start(|line, _| line.starts_with("RCPT").then_some(Act::Hold));
    let config = json!({
        "host": "127.0.0.1",
        "port": server.port,
        "tls": "none",
        "from": "h@example.com",
        "max_connections": 1,
    });
    let mut account = account(ProviderKind::Smtp, None, None, config);
    account.timeout = SOON;
    let smtp = Smtp::connect(&account).unwrap();
    assert_eq!(smtp.most_in_flight(), Some(1));
    let _busy = smtp.slots.take(clock::instant(), clock::instant()).await;
    let reply = send(&smtp).await;
    assert_eq!(reply.class, Class::Throttled);
    assert_eq!(reply.code.as_deref(), Some(NOT_ASKED));
    assert_eq!(server.lines(), Vec::<String>::new());
}

#[tokio::test]
async fn a_connection_lost_before_the_text_was_not_sent() {
    for word in ["CONNECT", "EHLO", "MAIL", "RCPT", "DATA"] {
        let server = Server::start(on(word, || Act::Drop));
        let reply = send(&smtp(server.port, None)).await;
        assert_eq!(reply.class, Class::Transient, "{word}");
    }
    let server = Server::start(on("RCPT", || Act::Hold));
    let smtp_soon = smtp_within(server.port, None, SOON);
    assert_eq!(send(&smtp_soon).await.class, Class::Transient);
    assert_eq!(send(&smtp(1, None)).await.class, Class::Transient);
}

#[tokio::test]
async fn a_kept_connection_that_was_closed_is_replaced() {
    // The first connection takes one mail and closes at the second.
    let mut mails = 0;
    let server = Server::start(move |line, connection| {
        mails += usize::from(line.starts_with("MAIL"));
        (connection == 0 && mails == 2).then_some(Act::Drop)
    });
    let smtp = smtp(server.port, None);
    for _ in 0..2 {
        assert_eq!(send(&smtp).await.class, Class::Accepted);
    }
    let connections = server
        .lines()
        .iter()
        .filter(|line| *line == "CONNECT")
        .count();
    assert_eq!(connections, 2);
}

#[tokio::test]
async fn a_refused_password_is_told() {
    let server = Server::start(on("AUTH", || Act::Say("535 5.7.8 no\r\n")));
    let smtp = smtp(server.port, Some("user"));
    assert_eq!(send(&smtp).await.class, Class::AccountRefused);
    let words = smtp.check().await.unwrap_err();
    insta::assert_snapshot!(words, @"AUTH: 535 5.7.8 no; check `api_key` and `api_secret`");
}

#[tokio::test]
async fn a_working_server_passes_the_check() {
    let server = Server::start(|_, _| None);
    assert_eq!(smtp(server.port, Some("user")).check().await, Ok(()));
    assert!(server.lines().contains(&"NOOP".to_owned()));
}

#[tokio::test]
async fn starttls_is_not_given_up() {
    let server = Server::start(|_, _| None);
    let config = json!({"host": "127.0.0.1", "port": server.port, "from": "h@example.com"});
    let account = account(ProviderKind::Smtp, None, None, config);
    let reply = send(&Smtp::connect(&account).unwrap()).await;
    assert_eq!(reply.class, Class::AccountRefused);
    assert!(!server.lines().iter().any(|line| line.starts_with("MAIL")));
}
