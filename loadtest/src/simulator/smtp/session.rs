//! One mail session: the order of commands, and what becomes of a message.

use std::io;
use std::sync::Arc;

use super::command::{Command, Syntax, parse};
use super::line::Lines;
use super::{Flow, LARGEST_MESSAGE, auth, message, reply};
use crate::ledger::Acceptance;
use crate::simulator::behaviour::Decision;
use crate::simulator::counters::{Counters, Recorded};
use crate::simulator::fault::{Fault, latin1};
use crate::simulator::state::{LastAnswer, State, Unanswered, garbage};
use crate::simulator::wire::Tune;

const FLOOD_LINE: [u8; 1_000] = [b'x'; 1_000];

pub(super) struct Session {
    lines: Lines,
    tune: Arc<Tune>,
    state: Arc<State>,
    credentials: Option<Arc<str>>,
    greeted: bool,
    authenticated: bool,
    sender: bool,
    recipients: Vec<String>,
    last: LastAnswer,
}

impl Session {
    pub(super) fn new(
        lines: Lines,
        tune: Arc<Tune>,
        state: Arc<State>,
        credentials: Option<Arc<str>>,
    ) -> Self {
        Self {
            lines,
            tune,
            state,
            authenticated: credentials.is_none(),
            credentials,
            greeted: false,
            sender: false,
            recipients: Vec::new(),
            last: LastAnswer::default(),
        }
    }

    /// The client has gone without having read the last reply.
    pub(super) fn lose_last_answer(&self) {
        self.last.was_lost(&self.state);
    }

    pub(super) async fn run(&mut self) -> io::Result<()> {
        let greeting = "220 simulator.herald.test ESMTP";
        let decision = self.state.decide("connect", &[]);
        if self.answer(&decision, greeting).await? == Flow::Close {
            return self.lines.flush().await;
        }
        while let Some(line) = self.lines.command().await? {
            self.last.was_read();
            let flow = match parse(&line) {
                Ok(command) => self.obey(command).await?,
                Err(Syntax(reply)) => self.malformed(reply, &line),
            };
            if flow == Flow::Close {
                break;
            }
        }
        self.lines.flush().await
    }

    async fn obey(&mut self, command: Command<'_>) -> io::Result<Flow> {
        match command {
            Command::Ehlo => Ok(self.ehlo()),
            Command::Helo => Ok(self.hello("250 simulator.herald.test")),
            Command::Auth { mechanism, initial } => self.auth(&mechanism, initial).await,
            Command::Mail { size } => self.mail(size).await,
            Command::Rcpt { to } => self.rcpt(to).await,
            Command::Data => self.data().await,
            Command::Rset => {
                self.reset();
                Ok(self.say("250 2.0.0 Ok"))
            }
            Command::Noop => Ok(self.say("250 2.0.0 Ok")),
            Command::Vrfy => Ok(self.say("252 2.0.0 Send some mail, I will try")),
            Command::Quit => {
                self.lines.reply("221 2.0.0 Bye");
                Ok(Flow::Close)
            }
        }
    }

    fn ehlo(&mut self) -> Flow {
        let size = format!("250-SIZE {LARGEST_MESSAGE}");
        for line in [
            "250-simulator.herald.test",
            &size,
            "250-8BITMIME",
            "250-PIPELINING",
        ] {
            self.lines.reply(line);
        }
        self.lines.reply("250-SMTPUTF8");
        self.lines.reply("250-ENHANCEDSTATUSCODES");
        self.hello("250 AUTH PLAIN LOGIN")
    }

    fn hello(&mut self, reply: &str) -> Flow {
        self.greeted = true;
        self.reset();
        self.say(reply)
    }

    async fn auth(&mut self, mechanism: &str, initial: Option<&str>) -> io::Result<Flow> {
        let given = match mechanism {
            "PLAIN" => {
                let answer = self.challenge(initial, "334 ").await?;
                answer.and_then(|answer| auth::plain(&answer))
            }
            "LOGIN" => {
                let user = self.challenge(initial, "334 VXNlcm5hbWU6").await?;
                let password = self.challenge(None, "334 UGFzc3dvcmQ6").await?;
                let decoded = |text: Option<String>| text.and_then(|text| auth::decode(&text));
                decoded(user).zip(decoded(password))
            }
            _ => return Ok(self.malformed("504 5.5.4 Unrecognized authentication type", mechanism)),
        };
        let expected = self.credentials.as_deref();
        if given.is_some_and(|(user, password)| auth::fits(expected, &user, &password)) {
            self.authenticated = true;
            let decision = self.state.decide("auth", &[]);
            let good = "235 2.7.0 Authentication successful";
            return self.answer(&decision, good).await;
        }
        Counters::add(&self.state.counters.unauthorized, 1);
        Ok(self.say("535 5.7.8 Authentication credentials invalid"))
    }

    async fn challenge(&mut self, initial: Option<&str>, ask: &str) -> io::Result<Option<String>> {
        if let Some(initial) = initial {
            return Ok(Some(initial.to_owned()));
        }
        self.lines.reply(ask);
        self.lines.command().await
    }

    async fn mail(&mut self, size: Option<usize>) -> io::Result<Flow> {
        if !self.greeted || self.sender {
            return Ok(self.malformed("503 5.5.1 Bad sequence of commands", "MAIL"));
        }
        if !self.authenticated {
            Counters::add(&self.state.counters.unauthorized, 1);
            return Ok(self.say("530 5.7.0 Authentication required"));
        }
        if size.is_some_and(|size| size > LARGEST_MESSAGE) {
            return Ok(self.malformed("552 5.3.4 Message size exceeds fixed limit", "MAIL SIZE"));
        }
        let decision = self.state.decide("mail", &[]);
        self.sender = decision.fault.is_none();
        self.answer(&decision, "250 2.1.0 Ok").await
    }

    async fn rcpt(&mut self, to: &str) -> io::Result<Flow> {
        if !self.sender {
            return Ok(self.malformed("503 5.5.1 Error: need MAIL command", "RCPT"));
        }
        let scripted = [
            (
                "bounce@",
                "550 5.1.1 Recipient address rejected: User unknown",
            ),
            ("full@", "452 4.2.2 Mailbox full"),
        ];
        if let Some((_, refusal)) = scripted.iter().find(|(start, _)| to.starts_with(start)) {
            Counters::add(&self.state.counters.refused, 1);
            return Ok(self.say(refusal));
        }
        let one = Acceptance {
            notification_id: None,
            recipient: to.to_owned(),
            marker: None,
        };
        let decision = self.state.decide("rcpt", std::slice::from_ref(&one));
        if decision.fault.is_none() {
            self.recipients.push(one.recipient);
        }
        self.answer(&decision, "250 2.1.5 Ok").await
    }

    async fn data(&mut self) -> io::Result<Flow> {
        if self.recipients.is_empty() {
            return Ok(self.malformed("503 5.5.1 Error: need RCPT command", "DATA"));
        }
        self.lines.reply("354 End data with <CR><LF>.<CR><LF>");
        let Some(read) = self.lines.message().await? else {
            return Ok(Flow::Close);
        };
        Counters::add(&self.state.counters.requests, 1);
        let recipients = std::mem::take(&mut self.recipients);
        self.reset();
        match read {
            Some(message) => self.deliver(message, recipients).await,
            None => Ok(self.malformed("552 5.3.4 Message size exceeds fixed limit", "DATA")),
        }
    }

    async fn deliver(&mut self, message: Vec<u8>, recipients: Vec<String>) -> io::Result<Flow> {
        let headers = message::headers(message::head(&message));
        let notification_id = message::notification_id(&headers);
        let marker = message::marker(&message);
        self.state.records.keep(|| Recorded {
            method: "DATA".to_owned(),
            path: recipients.join(","),
            headers,
            body: message,
        });
        let acceptances: Vec<_> = recipients
            .into_iter()
            .map(|recipient| Acceptance {
                notification_id,
                recipient,
                marker,
            })
            .collect();
        let decision = self.state.decide("send", &acceptances);
        self.state.accept(&acceptances, &decision);
        if !decision.wait.is_zero() {
            // With a fault the ledger knows already whether the answer is lost.
            let told = decision.accepted && decision.fault.is_none();
            let acceptances = if told { acceptances } else { Vec::new() };
            let unanswered = Unanswered::new(self.state.clone(), acceptances);
            tokio::select! {
                biased;
                () = self.lines.gone() => return Ok(Flow::Close),
                () = tokio::time::sleep(decision.wait) => unanswered.answered(&self.last),
            }
        }
        self.answer(&decision, "250 2.0.0 Ok: queued").await
    }

    async fn answer(&mut self, decision: &Decision, good: &str) -> io::Result<Flow> {
        let Some(fault) = &decision.fault else {
            return Ok(self.say(good));
        };
        match fault {
            Fault::Status { status, body, .. } => {
                let line = body.clone().unwrap_or_else(|| reply::line(*status));
                self.lines.reply(&line);
                return Ok(if reply::closes(&line) {
                    Flow::Close
                } else {
                    Flow::Go
                });
            }
            Fault::Hang => std::future::pending::<()>().await,
            Fault::Reset => {
                self.tune.reset_at_end();
                return Ok(Flow::Close);
            }
            Fault::DropAnswer => return Ok(Flow::Close),
            Fault::Garbage { .. } => {
                self.lines.raw(&garbage(fault).unwrap_or_default());
                self.lines.reply("");
            }
            Fault::Dribble { every_ms } => {
                self.tune.dribble(*every_ms);
                self.lines.reply(good);
                self.lines.flush().await?;
                self.tune.dribble(0);
            }
            Fault::Latin1 { line } => {
                self.lines.raw(&latin1(line));
                self.lines.reply("");
            }
            Fault::HugeBody { bytes } => self.flood(*bytes, good).await?,
        }
        Ok(Flow::Go)
    }

    /// A reply of very many lines.
    async fn flood(&mut self, bytes: u64, good: &str) -> io::Result<()> {
        for _ in 0..bytes.div_ceil(FLOOD_LINE.len() as u64) {
            self.lines.raw(b"250-");
            self.lines.raw(&FLOOD_LINE);
            self.lines.reply("");
            self.lines.flush().await?;
        }
        self.lines.reply(good);
        Ok(())
    }

    fn say(&mut self, reply: &str) -> Flow {
        self.lines.reply(reply);
        Flow::Go
    }

    fn malformed(&mut self, reply: &str, line: &str) -> Flow {
        Counters::add(&self.state.counters.malformed, 1);
        self.state.counters.note(format!("{line}: {reply}"));
        self.say(reply)
    }

    fn reset(&mut self) {
        self.sender = false;
        self.recipients.clear();
    }
}
