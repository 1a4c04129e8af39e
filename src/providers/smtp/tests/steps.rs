//! Servers that differ from the usual at one step.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::Timestamp;

use super::*;
use crate::providers::CALLED_OFF;

fn count(lines: &[String], word: &str) -> usize {
    let is_it = |line: &&String| line.split([' ', ':']).next() == Some(word);
    lines.iter().filter(is_it).count()
}

#[tokio::test]
async fn a_server_that_does_not_know_ehlo_is_greeted_with_helo() {
    let server = Server::start(on("EHLO", || Act::Say("502 5.5.1 what?\r\n")));
    assert_eq!(send(&smtp(server.port, None)).await.class, Class::Accepted);
    assert!(server.lines().contains(&"HELO example.com".to_owned()));
    let server = Server::start(|line, _| {
        let greets = line.starts_with("EHLO") || line.starts_with("HELO");
        greets.then_some(Act::Say("550 not you\r\n"))
    });
    let reply = send(&smtp(server.port, None)).await;
    assert_eq!(reply.class, Class::AccountRefused);
    let server = Server::start(on("EHLO", || Act::Say("421 later\r\n")));
    let reply = send(&smtp(server.port, None)).await;
    assert_eq!(reply.class, Class::AccountRefused);
    assert_eq!(count(&server.lines(), "HELO"), 0);
}

#[tokio::test]
async fn surplus_reply_is_not_read_as_the_reply_to_the_next_mail() {
    for extra in [
        "250 ok\r\n250 again\r\n",
        "250 ok\r\n250 again\r\n250 and again\r\n354 text\r\n250 lost\r\n",
        "250 ok\r\n421 bye\r\n",
        "250 ok\r\nxyz",
    ] {
        let server = Server::start(move |line, connection| {
            (is_text(line) && connection == 0).then_some(Act::Say(extra))
        });
        let smtp = smtp(server.port, None);
        for _ in 0..2 {
            assert_eq!(send(&smtp).await.class, Class::Accepted, "{extra}");
        }
        let lines = server.lines();
        assert_eq!(lines.iter().filter(|line| is_text(line)).count(), 2);
        assert_eq!(count(&lines, "CONNECT"), 2, "{extra}");
    }
}

#[tokio::test]
async fn a_server_that_is_ahead_of_us_gets_no_text() {
    // Each reply is one too many, so that the text would go out before DATA was answered.
    for word in ["CONNECT", "EHLO", "MAIL", "RCPT", "DATA"] {
        let server = Server::start(move |line, _| {
            line.starts_with(word).then_some(Act::Say(match word {
                "CONNECT" => "220 hi\r\n250 early\r\n",
                "DATA" => "354 go on\r\n250 stored\r\n",
                _ => "250 ok\r\n250 early\r\n",
            }))
        });
        let reply = send(&smtp(server.port, None)).await;
        assert_eq!(reply.class, Class::Transient, "{word}: {:?}", reply.detail);
        assert!(!server.lines().iter().any(|line| is_text(line)), "{word}");
    }
}

#[tokio::test]
async fn the_last_of_differing_codes_counts() {
    for (said, class) in [
        ("550-one\r\n250 two\r\n", Class::Accepted),
        ("250-one\r\n554 5.6.0 two\r\n", Class::Permanent),
        ("250-one\r\n451 4.3.0 two\r\n", Class::Transient),
    ] {
        let server = Server::start(move |line, _| is_text(line).then_some(Act::Say(said)));
        assert_eq!(send(&smtp(server.port, None)).await.class, class, "{said}");
    }
}

#[tokio::test]
async fn only_354_invites_the_text_and_only_2yz_takes_it() {
    let server = Server::start(on("DATA", || Act::Say("250 ok\r\n")));
    assert_eq!(send(&smtp(server.port, None)).await.class, Class::Transient);
    assert!(!server.lines().iter().any(|line| is_text(line)));
    let server = Server::start(|line, _| is_text(line).then_some(Act::Say("354 more\r\n")));
    assert_eq!(send(&smtp(server.port, None)).await.class, Class::Unknown);
    let server = Server::start(on("MAIL", || Act::Say("354 go on\r\n")));
    assert_eq!(send(&smtp(server.port, None)).await.class, Class::Transient);
}

#[tokio::test]
async fn a_server_that_asks_for_the_answer_of_plain_is_told_it() {
    let server = Server::start(|line, _| match line {
        line if line.starts_with("AUTH PLAIN ") => Some(Act::Say("334 \r\n")),
        _ => None,
    });
    let smtp = smtp(server.port, Some("user"));
    assert_eq!(send(&smtp).await.class, Class::Accepted);
    assert!(server.lines().contains(&"AHVzZXIAdXNlcg==".to_owned()));
}

#[tokio::test]
async fn a_mail_larger_than_the_server_takes_is_not_begun() {
    let server = Server::start(on("EHLO", || Act::Say("250-test\r\n250 size 100\r\n")));
    let reply = send(&smtp(server.port, None)).await;
    assert_eq!(reply.reason, Some(Reason::MessageTooLarge));
    let words = reply.detail.unwrap();
    assert!(
        words.ends_with("the server takes at most 100 (SIZE)"),
        "{words}"
    );
    assert_eq!(count(&server.lines(), "MAIL"), 0);
    let server = Server::start(on("EHLO", || Act::Say("250-test\r\n250 SIZE 100000\r\n")));
    assert_eq!(send(&smtp(server.port, None)).await.class, Class::Accepted);
    let lines = server.lines();
    let text = lines.iter().find(|line| is_text(line)).unwrap();
    let declared = format!("MAIL FROM:<h@example.com> SIZE={}", text.len() - 3);
    assert!(lines.contains(&declared), "{lines:?}");
}

#[tokio::test]
async fn only_a_local_part_beyond_ascii_needs_smtputf8() {
    let content = content();
    let server = Server::start(|_, _| None);
    let smtp = smtp(server.port, None);
    let idn = smtp.send(delivery("ana@exämple.org", &content)).await;
    assert_eq!(idn.class, Class::Accepted);
    let lines = server.lines();
    assert!(lines.contains(&"RCPT TO:<ana@xn--exmple-cua.org>".to_owned()));
    let local = smtp.send(delivery("jörg@example.org", &content)).await;
    assert_eq!(local.class, Class::NotByAccount);
    let words = local.detail.unwrap();
    assert!(words.contains("SMTPUTF8"), "{words}");
    let server = Server::start(on("EHLO", || {
        Act::Say("250-test\r\n250-8bitmime\r\n250 smtputf8\r\n")
    }));
    let smtp = super::smtp(server.port, None);
    let local = smtp.send(delivery("jörg@example.org", &content)).await;
    assert_eq!(local.class, Class::Accepted);
    let from = "MAIL FROM:<h@example.com> BODY=8BITMIME SMTPUTF8".to_owned();
    assert!(server.lines().contains(&from));
}

#[tokio::test]
async fn a_sender_with_an_idn_domain_is_spelt_in_ascii_everywhere() {
    let server = Server::start(|_, _| None);
    let config = json!({"host": "127.0.0.1", "port": server.port, "tls": "none",
                        "from": "Grüße <h@exämple.org>"});
    let account = account(ProviderKind::Smtp, None, None, config);
    let reply = send(&Smtp::connect(&account).unwrap()).await;
    assert_eq!(reply.class, Class::Accepted);
    let lines = server.lines();
    assert!(lines.iter().all(|line| line.is_ascii()), "{lines:?}");
    assert!(lines.contains(&"EHLO xn--exmple-cua.org".to_owned()));
    assert!(lines.contains(&"MAIL FROM:<h@xn--exmple-cua.org>".to_owned()));
    let text = lines.iter().find(|line| is_text(line)).unwrap();
    assert!(text.contains(&format!("Message-ID: <{ID}@xn--exmple-cua.org>\r\n")));
}

#[tokio::test]
async fn leave_that_ends_while_a_connection_is_opened_stops_the_mail_before_its_text() {
    let server = Server::start(|_, _| None);
    let (smtp, content) = (smtp(server.port, None), content());
    let ended = Leave::new(|| true, Timestamp::MIN);
    let delivery = Delivery {
        leave: &ended,
        ..delivery("ana@example.org", &content)
    };
    let reply = smtp.send(delivery).await;
    assert_eq!(reply.code.as_deref(), Some(CALLED_OFF));
    assert_eq!(reply.class, Class::Throttled);
    assert_eq!(send(&smtp).await.class, Class::Accepted);
    let lines = server.lines();
    assert_eq!((count(&lines, "MAIL"), count(&lines, "DATA")), (1, 1));
    assert_eq!(count(&lines, "CONNECT"), 1, "the connection is kept");
}

#[tokio::test]
async fn a_lease_that_ends_between_the_steps_stops_the_mail_before_its_text() {
    let lease = Arc::new(AtomicBool::new(true));
    let held = Arc::clone(&lease);
    let server = Server::start(move |line, _| {
        if line.starts_with("RCPT") {
            lease.store(false, Ordering::SeqCst);
        }
        None
    });
    let (smtp, content) = (smtp(server.port, None), content());
    let leave = Leave::new(move || held.load(Ordering::SeqCst), Timestamp::MAX);
    let delivery = Delivery {
        leave: &leave,
        ..delivery("ana@example.org", &content)
    };
    let reply = smtp.send(delivery).await;
    assert_eq!(reply.code.as_deref(), Some(CALLED_OFF));
    assert_eq!(count(&server.lines(), "DATA"), 0);
}
