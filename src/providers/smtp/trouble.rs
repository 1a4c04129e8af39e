//! How far a conversation got, and why it ended there.

use std::fmt;

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
pub(crate) struct SmtpTransportError {
    pub(crate) phase: Phase,
    pub(crate) cause: SmtpCause,
}

/// What happened in that phase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SmtpCause {
    /// The server said no.
    Said {
        /// Reply code, 400 to 599.
        code: u16,
        /// Its words, the enhanced code included.
        words: String,
    },
    /// The server does not offer what the settings or the mail need.
    Lacks(String),
    /// The server cannot show that it is the one that the settings name.
    Untrusted(String),
    /// The mail is larger than the server takes.
    TooLarge(String),
    /// No usable reply: timeout, reset, garbage.
    Broken(String),
    /// This machine could not connect to anybody.
    OurLack(String),
    /// This node may not send it any more.
    TooLate,
}

impl fmt::Display for SmtpTransportError {
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
            SmtpCause::Said { code, words } => write!(f, "{phase}: {code} {words}"),
            SmtpCause::Lacks(words)
            | SmtpCause::Untrusted(words)
            | SmtpCause::Broken(words)
            | SmtpCause::OurLack(words) => write!(f, "{phase}: {words}"),
            SmtpCause::TooLarge(words) => f.write_str(words),
            SmtpCause::TooLate => f.write_str("not sent: its turn came too late"),
        }
    }
}

impl SmtpTransportError {
    /// Whether the server takes no further connection now (RFC 5321, 3.8).
    pub(crate) const fn is_want_of_places(&self) -> bool {
        matches!(
            (self.phase, &self.cause),
            (
                Phase::Connect,
                SmtpCause::Said {
                    code: 400..=499,
                    ..
                }
            )
        )
    }

    /// Whether this is what a kept connection shows that the server has closed meanwhile: nothing
    /// was sent, a new one may do.
    pub(crate) fn is_stale_connection(&self) -> bool {
        let closed = matches!(
            self.cause,
            SmtpCause::Broken(_) | SmtpCause::Said { code: 421, .. }
        );
        self.phase == Phase::Sender && closed
    }

    /// Whether the connection can take another mail: the server spoke, and did not say goodbye.
    pub(crate) fn leaves_connection(&self) -> bool {
        match self.cause {
            SmtpCause::Said { code, .. } => code != 421 && self.phase != Phase::Connect,
            SmtpCause::Lacks(_) | SmtpCause::TooLarge(_) | SmtpCause::TooLate => true,
            SmtpCause::Untrusted(_) | SmtpCause::Broken(_) | SmtpCause::OurLack(_) => false,
        }
    }

    pub(super) fn lacks(phase: Phase, words: &str) -> Self {
        let cause = SmtpCause::Lacks(words.to_owned());
        Self { phase, cause }
    }

    pub(super) fn broken(phase: Phase, why: impl ToString) -> Self {
        let cause = SmtpCause::Broken(why.to_string());
        Self { phase, cause }
    }

    pub(super) const fn too_late(phase: Phase) -> Self {
        let cause = SmtpCause::TooLate;
        Self { phase, cause }
    }
}
