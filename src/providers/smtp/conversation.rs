//! One connection, step by step (RFC 5321), each step with the deadline and its place in the order.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::ExposeSecret;
use tokio::time::{Instant, timeout_at};

use super::answer::SmtpReply;
use super::offers::Offers;
use super::request::SmtpMail;
use super::settings::{Security, SmtpLogin, SmtpSettings};
use super::silence::Silence;
use super::tls::Tls;
use super::trouble::{Phase, SmtpCause, SmtpTransportError};
use super::wire::SmtpWire;
use crate::providers::Leave;
use crate::runtime::clock;
use crate::runtime::lack;

/// A connection that has greeted, and logged in where needed.
pub(crate) struct Conversation {
    wire: SmtpWire,
    offers: Offers,
    /// The last mail was refused half-way: the server still holds its envelope.
    needs_reset: bool,
}

impl Conversation {
    /// Connects, secures, greets, logs in. We greet with the sender's domain: a name of this machine
    /// that the world could look up is not known.
    pub(crate) async fn open(
        settings: &SmtpSettings,
        deadline: Instant,
    ) -> Result<Self, SmtpTransportError> {
        let hello = settings.from.domain();
        let connecting = SmtpWire::connect(&settings.host, settings.port);
        let wire = opening(deadline, connecting).await?;
        let wire = match &settings.security {
            Security::Implicit(tls) => opening(deadline, wire.secure(tls)).await?,
            Security::None | Security::Starttls(_) => wire,
        };
        let mut conversation = Self {
            wire,
            offers: Offers::default(),
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

    /// Puts one mail. It is only begun while there is leave, and its text, which cannot be taken back,
    /// while this run holds its lease: servers take their time over the steps between. The reply to the
    /// end of the text has `patience`.
    pub(crate) async fn deliver(
        &mut self,
        mail: &SmtpMail,
        leave: &Leave,
        (deadline, patience): (Instant, Duration),
    ) -> Result<(), SmtpTransportError> {
        let parameters = self.offers.parameters(mail)?;
        if !leave.is_given() {
            return Err(SmtpTransportError::too_late(Phase::Sender));
        }
        if std::mem::replace(&mut self.needs_reset, true) {
            self.say(Phase::Sender, "RSET", deadline).await?;
        }
        let from = format!("MAIL FROM:<{}>{parameters}", mail.from);
        self.say(Phase::Sender, &from, deadline).await?;
        let to = format!("RCPT TO:<{}>", mail.to);
        self.say(Phase::Recipient, &to, deadline).await?;
        if !leave.is_held() {
            return Err(SmtpTransportError::too_late(Phase::Recipient));
        }
        self.ask(Phase::Data, "DATA", deadline).await?;
        self.wire
            .is_in_step()
            .map_err(|silence| SmtpTransportError::broken(Phase::Data, silence))?;
        // The server may have taken its time once more. Without the end of a text it keeps nothing.
        if !leave.is_held() {
            self.wire.give_up();
            return Err(SmtpTransportError::too_late(Phase::Data));
        }
        let stored = self.put_text(&mail.wire, deadline, patience).await?;
        done(Phase::Text, stored)?;
        self.needs_reset = false;
        Ok(())
    }

    /// Whether the server still answers.
    pub(crate) async fn noop(&mut self, deadline: Instant) -> Result<(), SmtpTransportError> {
        self.say(Phase::Connect, "NOOP", deadline).await.map(drop)
    }

    /// Whether another mail may be put.
    pub(crate) fn is_usable(&self) -> bool {
        self.wire.is_usable()
    }

    /// Whether the server has neither said anything unasked, nor gone, since the last reply.
    pub(crate) fn is_quiet(&mut self) -> bool {
        self.wire.is_quiet()
    }

    /// EHLO, or HELO where the server does not know it (RFC 5321, 3.2).
    async fn greet(&mut self, hello: &str, deadline: Instant) -> Result<(), SmtpTransportError> {
        let refused = match self
            .say(Phase::Connect, &format!("EHLO {hello}"), deadline)
            .await
        {
            Ok(said) => {
                self.offers = Offers::of(&said);
                return Ok(());
            }
            Err(trouble) => trouble,
        };
        if !matches!(refused.cause, SmtpCause::Said { code: 500.., .. }) {
            return Err(refused);
        }
        self.offers = Offers::default();
        let line = format!("HELO {hello}");
        match self.say(Phase::Connect, &line, deadline).await {
            Ok(_) => Ok(()),
            Err(trouble) if matches!(trouble.cause, SmtpCause::Said { .. }) => Err(trouble),
            Err(_) => Err(refused),
        }
    }

    async fn upgrade(
        mut self,
        tls: &Tls,
        hello: &str,
        deadline: Instant,
    ) -> Result<Self, SmtpTransportError> {
        if !self.offers.has("STARTTLS") {
            let words = "the server does not offer STARTTLS";
            return Err(SmtpTransportError::lacks(Phase::Connect, words));
        }
        self.say(Phase::Connect, "STARTTLS", deadline).await?;
        self.wire = opening(deadline, self.wire.secure(tls)).await?;
        self.greet(hello, deadline).await?;
        Ok(self)
    }

    /// RFC 4954, 4; PLAIN is RFC 4616, and LOGIN what servers offered before it.
    async fn log_in(
        &mut self,
        login: &SmtpLogin,
        deadline: Instant,
    ) -> Result<(), SmtpTransportError> {
        let password = login.password.expose_secret();
        if self.offers.has_login("PLAIN") {
            let answer = STANDARD.encode(format!("\0{}\0{password}", login.user));
            let line = format!("AUTH PLAIN {answer}\r\n");
            let said = self.put(Phase::Auth, &line, deadline).await?;
            // A server that does not read the answer beside the command asks for it.
            return match said.code {
                334 => self.say(Phase::Auth, &answer, deadline).await.map(drop),
                _ => done(Phase::Auth, said).map(drop),
            };
        }
        if !self.offers.has_login("LOGIN") {
            let words = "the server offers no way to log in that is known here (PLAIN, LOGIN)";
            return Err(SmtpTransportError::lacks(Phase::Auth, words));
        }
        self.ask(Phase::Auth, "AUTH LOGIN", deadline).await?;
        let user = STANDARD.encode(&login.user);
        self.ask(Phase::Auth, &user, deadline).await?;
        let password = STANDARD.encode(password);
        self.say(Phase::Auth, &password, deadline).await.map(drop)
    }

    /// One command that is done, or refused (RFC 5321, 4.2.1: 2yz).
    async fn say(
        &mut self,
        phase: Phase,
        line: &str,
        deadline: Instant,
    ) -> Result<SmtpReply, SmtpTransportError> {
        let said = self.put(phase, &format!("{line}\r\n"), deadline).await?;
        done(phase, said)
    }

    /// One command after which the server wants to hear more (3yz).
    async fn ask(
        &mut self,
        phase: Phase,
        line: &str,
        deadline: Instant,
    ) -> Result<SmtpReply, SmtpTransportError> {
        let said = self.put(phase, &format!("{line}\r\n"), deadline).await?;
        match said.code {
            300..=399 => Ok(said),
            code => Err(SmtpTransportError::broken(
                phase,
                format!("{code} instead of 3yz"),
            )),
        }
    }

    /// A text, and the reply to it. A server that goes away says why before it does.
    async fn put(
        &mut self,
        phase: Phase,
        text: &str,
        deadline: Instant,
    ) -> Result<SmtpReply, SmtpTransportError> {
        match self.wire.write(text, deadline).await {
            Ok(()) => self.hear(phase, deadline).await,
            Err(silence) => self.hear_last(phase, silence, deadline).await,
        }
    }

    /// A mail's text, and the reply to its end: a server may look at all of it first, and whoever does
    /// not wait for that sends it again (RFC 5321, 4.5.3.2.6; RFC 1047).
    async fn put_text(
        &mut self,
        text: &str,
        deadline: Instant,
        patience: Duration,
    ) -> Result<SmtpReply, SmtpTransportError> {
        match self.wire.write(text, deadline).await {
            Ok(()) => self.hear(Phase::Text, clock::instant() + patience).await,
            Err(silence) => self.hear_last(Phase::Text, silence, deadline).await,
        }
    }

    /// What a server said before it went away.
    async fn hear_last(
        &mut self,
        phase: Phase,
        silence: Silence,
        deadline: Instant,
    ) -> Result<SmtpReply, SmtpTransportError> {
        match self.hear(phase, deadline).await {
            Err(
                said @ SmtpTransportError {
                    cause: SmtpCause::Said { .. },
                    ..
                },
            ) => Err(said),
            _ => Err(SmtpTransportError::broken(phase, silence)),
        }
    }

    async fn hear(
        &mut self,
        phase: Phase,
        deadline: Instant,
    ) -> Result<SmtpReply, SmtpTransportError> {
        let said = self.wire.reply(deadline).await;
        let said = said.map_err(|silence| SmtpTransportError::broken(phase, silence))?;
        if said.is_good() {
            return Ok(said);
        }
        let (code, words) = (said.code, said.words());
        let cause = SmtpCause::Said { code, words };
        Err(SmtpTransportError { phase, cause })
    }
}

/// The reply, if it says that something was done. One that wants to hear more, where there is nothing
/// to say, is out of step.
fn done(phase: Phase, said: SmtpReply) -> Result<SmtpReply, SmtpTransportError> {
    match said.code {
        200..=299 => Ok(said),
        code => Err(SmtpTransportError::broken(
            phase,
            format!("{code} instead of 2yz"),
        )),
    }
}

/// A step of opening within the deadline.
async fn opening(
    deadline: Instant,
    step: impl Future<Output = Result<SmtpWire, Silence>>,
) -> Result<SmtpWire, SmtpTransportError> {
    let opened = timeout_at(deadline, step)
        .await
        .unwrap_or(Err(Silence::Timeout));
    opened.map_err(|silence| {
        let ours = match &silence {
            Silence::Network(error) => lack::behind(error),
            _ => None,
        };
        let cause = match (silence, ours) {
            (Silence::Untrusted(words), _) => SmtpCause::Untrusted(words),
            (silence, Some(lack)) => SmtpCause::OurLack(format!("{lack}: {silence}")),
            (silence, None) => return SmtpTransportError::broken(Phase::Connect, silence),
        };
        let phase = Phase::Connect;
        SmtpTransportError { phase, cause }
    })
}
