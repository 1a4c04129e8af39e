use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use uuid::Uuid;

use super::*;
use crate::simulator::{Behaviour, Builder, Fault, Latency, Provider, Rule, Simulator, When};

struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    async fn connect(simulator: &Simulator) -> Self {
        let stream = TcpStream::connect(simulator.address()).await.unwrap();
        let mut client = Self {
            stream: BufReader::new(stream),
        };
        assert!(client.reply().await.starts_with("220"));
        client.say("EHLO test", "250 AUTH").await;
        client
    }

    async fn reply(&mut self) -> String {
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line).await.unwrap();
            if line.as_bytes().get(3) != Some(&b'-') {
                return line;
            }
        }
    }

    async fn write(&mut self, text: &str) {
        self.stream
            .get_mut()
            .write_all(text.as_bytes())
            .await
            .unwrap();
    }

    async fn say(&mut self, line: &str, expected: &str) {
        self.write(&format!("{line}\r\n")).await;
        let reply = self.reply().await;
        assert!(reply.starts_with(expected), "{line}: {reply}");
    }

    async fn mail(&mut self, to: &str, message: &str, expected: &str) {
        self.say("MAIL FROM:<hello@example.com> BODY=8BITMIME", "250")
            .await;
        self.say(&format!("RCPT TO:<{to}>"), "250").await;
        self.say("DATA", "354").await;
        self.say(&format!("{message}\r\n."), expected).await;
    }
}

fn server() -> Builder {
    Simulator::builder(Provider::Smtp).record(10)
}

#[tokio::test]
async fn a_message_is_taken_and_its_dots_are_unstuffed() {
    let simulator = server().start().unwrap();
    let id = Uuid::now_v7();
    let mut client = Client::connect(&simulator).await;
    let message = format!("X-Herald-Notification-Id: {id}\r\nSubject: x\r\n\r\n..dot\r\nhk:3:4;");
    client.mail("ana@example.com", &message, "250").await;
    client.say("QUIT", "221").await;
    let kept = simulator.requests();
    assert!(kept[0].text().ends_with("\r\n.dot\r\nhk:3:4;\r\n"));
    assert_eq!(kept[0].header("subject"), Some("x"));
    assert_eq!(simulator.ledger().count_for(id, "ana@example.com"), 1);
    assert_eq!(simulator.ledger().entries_of_sequence(3).len(), 1);
}

#[tokio::test]
async fn pipelined_commands_are_answered_in_order() {
    let simulator = server().start().unwrap();
    let mut client = Client::connect(&simulator).await;
    client
        .write("MAIL FROM:<a@x>\r\nRCPT TO:<bounce@x>\r\nRCPT TO:<full@x>\r\nRCPT TO:<b@x>\r\nDATA\r\n")
        .await;
    for expected in ["250", "550 5.1.1", "452 4.2.2", "250", "354"] {
        let reply = client.reply().await;
        assert!(reply.starts_with(expected), "{reply}");
    }
    client
        .say("Message-ID: <x@y>\r\n\r\nhello\r\n.", "250")
        .await;
    let stats = simulator.stats();
    assert_eq!((stats.accepted, stats.refused, stats.malformed), (1, 2, 0));
}

#[tokio::test]
async fn the_order_of_commands_and_their_syntax_are_kept() {
    let simulator = server().start().unwrap();
    let mut client = Client::connect(&simulator).await;
    client.say("RCPT TO:<b@x>", "503").await;
    client.say("DATA", "503").await;
    client.say("MAIL FROM:<a@x> SIZE=30000001", "552").await;
    client.say("MAIL FROM:<a@x>", "250").await;
    client.say("MAIL FROM:<a@x>", "503").await;
    client.say("WHAT", "500").await;
    client.say("RSET", "250").await;
    client.say("RCPT TO:<b@x>", "503").await;
    client.say("NOOP", "250").await;
    assert_eq!(simulator.stats().malformed, 6);
    assert!(simulator.stats().reasons[0].starts_with("RCPT"));
}

#[tokio::test]
async fn credentials_are_asked_for_when_set() {
    let simulator = server().credential("user:secret").start().unwrap();
    let mut client = Client::connect(&simulator).await;
    client.say("MAIL FROM:<a@x>", "530").await;
    client.say("AUTH PLAIN AHVzZXIAd3Jvbmc=", "535").await;
    client.say("AUTH CRAM-MD5", "504").await;
    client.say("AUTH PLAIN AHVzZXIAc2VjcmV0", "235").await;
    client.say("MAIL FROM:<a@x>", "250").await;
    let mut other = Client::connect(&simulator).await;
    other.say("AUTH LOGIN", "334 VXNlcm5hbWU6").await;
    other.say("dXNlcg==", "334 UGFzc3dvcmQ6").await;
    other.say("c2VjcmV0", "235").await;
    assert_eq!(simulator.stats().unauthorized, 2);
}

#[tokio::test]
async fn scripted_errors_are_translated_and_a_dropped_answer_was_accepted() {
    let status = |status| Fault::Status {
        status,
        retry_after_seconds: None,
        body: None,
    };
    let simulator = server().start().unwrap();
    simulator.set_behaviour(
        Behaviour::default()
            .rule(Rule::always(status(503)).when(When::First(1)))
            .rule(Rule::always(status(552)).when(When::First(1)))
            .rule(
                Rule::always(status(450))
                    .endpoint("rcpt")
                    .recipient("later@*"),
            )
            .rule(Rule::always(Fault::DropAnswer).recipient("lost@x")),
    );
    let mut client = Client::connect(&simulator).await;
    client.mail("a@x", "hk:1:1;", "451").await;
    client.mail("a@x", "hk:1:1;", "552").await;
    client.mail("a@x", "hk:1:1;", "250").await;
    client.say("MAIL FROM:<a@x>", "250").await;
    client.say("RCPT TO:<later@x>", "450").await;
    client.say("RSET", "250").await;
    client.mail("lost@x", "hk:2:1;", "").await;
    let found = simulator
        .ledger()
        .wait_for_accepted(2, Duration::from_secs(5))
        .await;
    assert!(found);
    assert_eq!(simulator.stats().answers_lost, 1);
    assert_eq!(simulator.ledger().entries_of_sequence(1)[0].count(), 1);
}

#[tokio::test]
async fn a_line_in_latin_1_takes_the_message_on_and_says_so() {
    let simulator = server().start().unwrap();
    let line = "250 fertig f\u{fc}r heute".to_owned();
    simulator.set_behaviour(Behaviour::failing(Fault::Latin1 { line }));
    let mut client = Client::connect(&simulator).await;
    client.say("MAIL FROM:<a@x>", "250").await;
    client.say("RCPT TO:<b@x>", "250").await;
    client.say("DATA", "354").await;
    client.write("hk:1:1;\r\n.\r\n").await;
    let mut reply = vec![];
    client.stream.read_until(b'\n', &mut reply).await.unwrap();
    assert_eq!(reply, b"250 fertig f\xfcr heute\r\n");
    let stats = simulator.stats();
    assert_eq!((stats.accepted, stats.answers_lost), (1, 0));
}

#[tokio::test]
async fn a_server_may_refuse_with_its_greeting() {
    let simulator = server().start().unwrap();
    let refusal = Fault::says(554, "554 5.7.1 no mail from you");
    simulator.set_behaviour(Behaviour::default().rule(Rule::always(refusal).endpoint("connect")));
    let stream = TcpStream::connect(simulator.address()).await.unwrap();
    let mut client = Client {
        stream: BufReader::new(stream),
    };
    assert!(client.reply().await.starts_with("554 5.7.1"));
}

#[tokio::test]
async fn a_reply_that_nobody_waits_for_or_reads_is_a_lost_answer() {
    let simulator = server().start().unwrap();
    let slow = |ms| Behaviour::default().latency(Latency::Fixed { ms });
    let lost = async |answers: u64| {
        let seen = async {
            while simulator.stats().answers_lost != answers {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(5), seen)
            .await
            .unwrap();
    };
    let sent = async |sequence: u64| {
        let mut client = Client::connect(&simulator).await;
        client.say("MAIL FROM:<a@x>", "250").await;
        client.say("RCPT TO:<b@x>", "250").await;
        client.say("DATA", "354").await;
        client
            .write(&format!("\r\nhk:{sequence}:1;\r\n.\r\n"))
            .await;
        client.stream.into_inner()
    };
    simulator.set_behaviour(slow(1.0));
    let mut client = Client::connect(&simulator).await;
    client.mail("b@x", "\r\nhk:1:1;", "250").await;
    drop(client);
    let unread = sent(2).await;
    unread.peek(&mut [0]).await.unwrap();
    drop(unread);
    lost(1).await;
    simulator.set_behaviour(slow(60_000.0));
    let impatient = sent(3).await;
    let taken = simulator
        .ledger()
        .wait_for_accepted(3, Duration::from_secs(5));
    assert!(taken.await);
    drop(impatient);
    lost(2).await;
    let lost_of = |sequence| simulator.ledger().entries_of_sequence(sequence)[0].answers_lost();
    assert_eq!([1, 2, 3].map(lost_of), [0, 1, 1]);
}
