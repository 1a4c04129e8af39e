//! One connection, step by step (RFC 5321), each step with the deadline and its place in the order.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::ExposeSecret;
use tokio::time::{Instant, timeout_at};

use super::answer::Said;
use super::request::Mail;
use super::settings::{Login, Security, Settings};
use super::wire::{Silence, Tls, Wire};

/// How far a conversation got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Opening: TCP, TLS, greeting, EHLO.
    Connect,
    /// AUTH.
    Auth,
    /// MAIL FROM.
    Sender,
    /// RCPT TO.
    Recipient,
    /// DATA, before any of the text.
    Data,
    /// The text and its final dot: from here on a lost connection leaves it open what became of
    /// the mail (RFC 5321, 4.5.3.2.6).
    Text,
}

/// Why a conversation ended early.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trouble {
    pub(crate) phase: Phase,
    pub(crate) cause: Cause,
}

/// What happened in that phase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The server said no.
    Said {
        /// Reply code, 400 to 599.
        code: u16,
        /// Its words, the enhanced code included.
        words: String,
    },
    /// The server does not offer what the settings or the mail need.
    Lacks(String),
    /// No usable reply: timeout, reset, garbage.
    Broken(String),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let phase = match self.phase {
            Phase::Connect => "connecting",
            Phase::Auth => "AUTH",
            Phase::Sender => "MAIL FROM",
            Phase::Recipient => "RCPT TO",
            Phase::Data => "DATA",
            Phase::Text => "after the text",
        };
        match &self.cause {
            Cause::Said { code, words } => write!(f, "{phase}: {code} {words}"),
            Cause::Lacks(words) | Cause::Broken(words) => write!(f, "{phase}: {words}"),
        }
    }
}

impl Trouble {
    /// Whether this is what a kept connection shows that the server has closed meanwhile: nothing
    /// was sent, a new one may do.
    pub(crate) fn is_stale_connection(&self) -> bool {
        let closed = matches!(self.cause, Cause::Broken(_) | Cause::Said { code: 421, .. });
        self.phase == Phase::Sender && closed
    }

    /// Whether the connection can take another mail: the server spoke, and did not say goodbye.
    pub(crate) fn leaves_connection(&self) -> bool {
        match self.cause {
            Cause::Said { code, .. } => code != 421 && self.phase != Phase::Connect,
            Cause::Lacks(_) => true,
            Cause::Broken(_) => false,
        }
    }

    fn lacks(phase: Phase, words: &str) -> Self {
        let cause = Cause::Lacks(words.to_owned());
        Self { phase, cause }
    }

    fn broken(phase: Phase, words: String) -> Self {
        let cause = Cause::Broken(words);
        Self { phase, cause }
    }
}

/// A connection that has greeted, and logged in where needed.
pub(crate) struct Conversation {
    wire: Wire,
    /// What the server offers, as it answered to EHLO.
    offers: Vec<String>,
    /// The last mail was refused half-way: the server still holds its envelope.
    needs_reset: bool,
}

impl Conversation {
    /// Connects, secures, greets, logs in. We greet with the sender's domain: a name of this machine
    /// that the world could look up is not known.
    pub(crate) async fn open(settings: &Settings, deadline: Instant) -> Result<Self, Trouble> {
        let hello = settings.from.email.domain();
        let connecting = Wire::connect(&settings.host, settings.port);
        let wire = opening(deadline, connecting).await?;
        let wire = match &settings.security {
            Security::Implicit(tls) => opening(deadline, wire.secure(tls)).await?,
            Security::None | Security::Starttls(_) => wire,
        };
        let mut conversation = Self {
            wire,
            offers: vec![],
            needs_reset: false,
        };
        conversation.hear(Phase::Connect, deadline).await?;
        conversation.greet(hello, deadline).await?;
        if let Security::Starttls(tls) = &settings.security {
            conversation = conversation.upgrade(tls, hello, deadline).await?;
        }
        if let Some(login) = &settings.login {
            conversation.log_in(login, deadline).await?;
        }
        Ok(conversation)
    }

    /// Puts one mail.
    pub(crate) async fn deliver(&mut self, mail: &Mail, deadline: Instant) -> Result<(), Trouble> {
        let options = self.options(mail)?;
        if std::mem::replace(&mut self.needs_reset, true) {
            self.say(Phase::Sender, "RSET", deadline).await?;
        }
        let from = format!("MAIL FROM:<{}>{options}", mail.from);
        self.say(Phase::Sender, &from, deadline).await?;
        let to = format!("RCPT TO:<{}>", mail.to);
        self.say(Phase::Recipient, &to, deadline).await?;
        let ready = self.say(Phase::Data, "DATA", deadline).await?;
        // Only 354 invites the text.
        if ready.code != 354 {
            let words = format!("{} instead of 354", ready.code);
            return Err(Trouble::broken(Phase::Data, words));
        }
        let stored = self.put(Phase::Text, &mail.wire, deadline).await?;
        if stored.code / 100 != 2 {
            let words = format!("{} instead of 250", stored.code);
            return Err(Trouble::broken(Phase::Text, words));
        }
        self.needs_reset = false;
        Ok(())
    }

    /// Whether the server still answers.
    pub(crate) async fn noop(&mut self, deadline: Instant) -> Result<(), Trouble> {
        self.say(Phase::Connect, "NOOP", deadline).await.map(drop)
    }

    /// Whether another mail may be put.
    pub(crate) const fn is_usable(&self) -> bool {
        self.wire.is_usable()
    }

    async fn greet(&mut self, hello: &str, deadline: Instant) -> Result<(), Trouble> {
        let line = format!("EHLO {hello}");
        let said = self.say(Phase::Connect, &line, deadline).await?;
        // The first line is the server's name; keywords come in any case (RFC 5321, 2.4).
        let offers = said.lines.iter().skip(1);
        self.offers = offers.map(|line| line.to_ascii_uppercase()).collect();
        Ok(())
    }

    async fn upgrade(mut self, tls: &Tls, hello: &str, deadline: Instant) -> Result<Self, Trouble> {
        if !self.offers("STARTTLS") {
            let words = "the server does not offer STARTTLS";
            return Err(Trouble::lacks(Phase::Connect, words));
        }
        self.say(Phase::Connect, "STARTTLS", deadline).await?;
        self.wire = opening(deadline, self.wire.secure(tls)).await?;
        self.greet(hello, deadline).await?;
        Ok(self)
    }

    /// RFC 4954, 4; PLAIN is RFC 4616, and LOGIN what servers offered before it.
    async fn log_in(&mut self, login: &Login, deadline: Instant) -> Result<(), Trouble> {
        let password = login.password.expose_secret();
        if self.offers_login("PLAIN") {
            let answer = STANDARD.encode(format!("\0{}\0{password}", login.user));
            let line = format!("AUTH PLAIN {answer}");
            return self.say(Phase::Auth, &line, deadline).await.map(drop);
        }
        if !self.offers_login("LOGIN") {
            let words = "the server offers no way to log in that is known here (PLAIN, LOGIN)";
            return Err(Trouble::lacks(Phase::Auth, words));
        }
        let user = STANDARD.encode(&login.user);
        for line in ["AUTH LOGIN", &user, &STANDARD.encode(password)] {
            self.say(Phase::Auth, line, deadline).await?;
        }
        Ok(())
    }

    /// RFC 6531: an address beyond ASCII needs a server that takes it.
    fn options(&self, mail: &Mail) -> Result<&'static str, Trouble> {
        let addresses: [&str; 2] = [mail.from.as_ref(), mail.to.as_ref()];
        if addresses.iter().all(|address| address.is_ascii()) && mail.wire.is_ascii() {
            return Ok("");
        }
        if self.offers("SMTPUTF8") {
            return Ok(" SMTPUTF8");
        }
        let words = "the server does not take addresses beyond ASCII (SMTPUTF8)";
        Err(Trouble::lacks(Phase::Sender, words))
    }

    fn offers(&self, keyword: &str) -> bool {
        let mut offers = self.offers.iter();
        offers.any(|offer| offer.split_whitespace().next() == Some(keyword))
    }

    fn offers_login(&self, mechanism: &str) -> bool {
        self.offers.iter().any(|offer| {
            // `AUTH=` is how some old servers write it.
            let mut words = offer.split([' ', '=']);
            words.next() == Some("AUTH") && words.any(|word| word == mechanism)
        })
    }

    /// One command, and the reply to it.
    async fn say(&mut self, phase: Phase, line: &str, deadline: Instant) -> Result<Said, Trouble> {
        self.put(phase, &format!("{line}\r\n"), deadline).await
    }

    /// A text, and the reply to it. A server that goes away says why before it does.
    async fn put(&mut self, phase: Phase, text: &str, deadline: Instant) -> Result<Said, Trouble> {
        match self.wire.write(text, deadline).await {
            Ok(()) => self.hear(phase, deadline).await,
            Err(silence) => match self.hear(phase, deadline).await {
                Err(
                    said @ Trouble {
                        cause: Cause::Said { .. },
                        ..
                    },
                ) => Err(said),
                _ => Err(Trouble::broken(phase, silence.to_string())),
            },
        }
    }

    async fn hear(&mut self, phase: Phase, deadline: Instant) -> Result<Said, Trouble> {
        let said = self.wire.reply(deadline).await;
        let said = said.map_err(|silence| Trouble::broken(phase, silence.to_string()))?;
        if said.is_good() {
            return Ok(said);
        }
        let (code, words) = (said.code, said.words());
        let cause = Cause::Said { code, words };
        Err(Trouble { phase, cause })
    }
}

/// A step of opening within the deadline.
async fn opening(
    deadline: Instant,
    step: impl Future<Output = Result<Wire, Silence>>,
) -> Result<Wire, Trouble> {
    let opened = timeout_at(deadline, step)
        .await
        .unwrap_or(Err(Silence::Timeout));
    opened.map_err(|silence| Trouble::broken(Phase::Connect, silence.to_string()))
}
