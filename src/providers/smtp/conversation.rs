//! One connection, step by step (RFC 5321), each step with the deadline and its place in the order.

use std::error::Error as _;
use std::fmt;
use std::future::Future;
use std::time::Duration;

use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::DEFAULT_MECHANISMS;
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::commands::{Data, Mail as MailFrom, Noop, Rcpt, Rset};
use lettre::transport::smtp::extension::{ClientId, Extension, MailParameter};
use tokio::net::TcpStream;
use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout, timeout_at};

use super::request::Mail;
use super::settings::{Security, Settings};

/// Longest for TCP alone: a dead server is told early, while one that makes strangers wait for
/// its greeting (Postfix: postscreen, six seconds) has the account's timeout.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

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
}

/// A connection that has greeted, and logged in where needed.
pub(crate) struct Conversation {
    connection: AsyncSmtpConnection,
    /// The last mail was refused half-way: the server still holds its envelope.
    needs_reset: bool,
}

impl Conversation {
    pub(crate) async fn open(settings: &Settings, deadline: Instant) -> Result<Self, Trouble> {
        let mut connection = step(Phase::Connect, deadline, connect(settings)).await?;
        if let Some(credentials) = &settings.credentials {
            let auth = connection.auth(DEFAULT_MECHANISMS, credentials);
            step(Phase::Auth, deadline, auth).await?;
        }
        Ok(Self {
            connection,
            needs_reset: false,
        })
    }

    /// Puts one mail.
    pub(crate) async fn deliver(&mut self, mail: &Mail, deadline: Instant) -> Result<(), Trouble> {
        let options = self.options(mail)?;
        let connection = &mut self.connection;
        if std::mem::replace(&mut self.needs_reset, true) {
            step(Phase::Sender, deadline, connection.command(Rset)).await?;
        }
        let from = MailFrom::new(Some(mail.from.clone()), options);
        step(Phase::Sender, deadline, connection.command(from)).await?;
        let to = Rcpt::new(mail.to.clone(), Vec::new());
        step(Phase::Recipient, deadline, connection.command(to)).await?;
        let ready = step(Phase::Data, deadline, connection.command(Data)).await?;
        // lettre takes 2yz for success here; only 354 invites the text.
        if !ready.has_code(354) {
            let words = format!("{} instead of 354", ready.code());
            return Err(broken(Phase::Data, words));
        }
        let stored = step(Phase::Text, deadline, connection.command(&mail.wire)).await?;
        if u16::from(stored.code()) / 100 != 2 {
            let words = format!("{} instead of 250", stored.code());
            return Err(broken(Phase::Text, words));
        }
        self.needs_reset = false;
        Ok(())
    }

    /// Whether the server still answers.
    pub(crate) async fn noop(&mut self, deadline: Instant) -> Result<(), Trouble> {
        let noop = self.connection.command(Noop);
        step(Phase::Connect, deadline, noop).await.map(drop)
    }

    /// RFC 6531: an address beyond ASCII needs a server that takes it.
    fn options(&self, mail: &Mail) -> Result<Vec<MailParameter>, Trouble> {
        let addresses: [&str; 2] = [mail.from.as_ref(), mail.to.as_ref()];
        if addresses.iter().all(|address| address.is_ascii()) && mail.wire.is_ascii() {
            return Ok(Vec::new());
        }
        let info = self.connection.server_info();
        if info.supports_feature(Extension::SmtpUtfEight) {
            return Ok(vec![MailParameter::SmtpUtfEight]);
        }
        let words = "the server does not take addresses beyond ASCII (SMTPUTF8)".to_owned();
        Err(Trouble {
            phase: Phase::Sender,
            cause: Cause::Lacks(words),
        })
    }
}

/// Connects, secures, greets. We greet with the sender's domain: a name of this machine that the
/// world could look up is not known.
async fn connect(settings: &Settings) -> Result<AsyncSmtpConnection, Opening> {
    let hello = ClientId::Domain(settings.from.email.domain().to_owned());
    let server = (settings.host.as_str(), settings.port);
    if let Security::Implicit(tls) = &settings.security {
        let tls = Some(tls.clone());
        let limit = Some(CONNECT_TIMEOUT);
        let opened = AsyncSmtpConnection::connect_tokio1(server, limit, &hello, tls, None);
        return Ok(opened.await?);
    }
    let stream = timeout(CONNECT_TIMEOUT, TcpStream::connect(server)).await??;
    stream.set_nodelay(true)?;
    let opened = AsyncSmtpConnection::connect_with_transport(Box::new(stream), &hello);
    let mut connection = opened.await?;
    if let Security::Starttls(tls) = &settings.security {
        connection.starttls(tls.clone(), &hello).await?;
    }
    Ok(connection)
}

/// Why a connection did not open.
#[derive(Debug, thiserror::Error)]
enum Opening {
    #[error(transparent)]
    Network(#[from] std::io::Error),
    #[error("the connection timed out")]
    Timeout(#[from] Elapsed),
    #[error(transparent)]
    Protocol(#[from] Error),
}

impl From<Opening> for Cause {
    fn from(opening: Opening) -> Self {
        match opening {
            Opening::Protocol(error) => error.into(),
            other => Self::Broken(other.to_string()),
        }
    }
}

impl From<Error> for Cause {
    fn from(error: Error) -> Self {
        if let Some(code) = error.status() {
            let words = error.source().map(ToString::to_string).unwrap_or_default();
            let code = u16::from(code);
            return Self::Said { code, words };
        }
        match error.is_client() {
            true => Self::Lacks(error.to_string()),
            false => Self::Broken(error.to_string()),
        }
    }
}

/// One step within the deadline.
async fn step<T, E: Into<Cause>>(
    phase: Phase,
    deadline: Instant,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, Trouble> {
    match timeout_at(deadline, work).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => Err(Trouble {
            phase,
            cause: error.into(),
        }),
        Err(_elapsed) => Err(broken(phase, "no reply within the timeout".to_owned())),
    }
}

fn broken(phase: Phase, words: String) -> Trouble {
    Trouble {
        phase,
        cause: Cause::Broken(words),
    }
}
