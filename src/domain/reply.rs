//! What a provider said, classified before anything is decided on it.

use std::time::Duration;

use uuid::Uuid;

use super::Reason;
use super::vocabulary::vocabulary;

vocabulary! {
    /// What kind of answer a provider gave. Classified first, decided on afterwards.
    ///
    /// Each kind answers whether the message may have been [sent](Class::certainty); about whom it is
    /// says [`Reply::subject`], and for how long [`Reply::retry_after`].
    Class {
        /// The provider took the message.
        Accepted = "accepted",
        /// Refused for good, whoever sends it: bad address, refused content.
        Permanent = "permanent",
        /// This account cannot send this message (region, not in the channel): another may.
        NotByAccount = "not_by_account",
        /// The account is refused, whatever it sends: credentials, address of the service, sender, plan.
        AccountRefused = "account_refused",
        /// Definitely not sent, may work later: connection refused, 500, 503.
        Transient = "transient",
        /// Definitely not sent, asked too often: 429.
        Throttled = "throttled",
        /// The request was written and no usable answer came: it may have been delivered.
        Unknown = "unknown",
    }
}

/// The code of a reply that Herald gave itself, without asking the provider.
pub const NOT_ASKED: &str = "not_asked";
/// Code of an answer that nobody gave: leave to send had ended before the request could be written.
pub const CALLED_OFF: &str = "called_off";

/// Code of an acceptance that the account told later, by an event: its answer was lost.
pub const TOLD_LATER: &str = "told_later";

/// Whether a message may have been delivered, as far as one answer tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certainty {
    /// It is the provider's now.
    Sent,
    /// Surely not sent.
    NotSent,
    /// Nobody knows.
    Unknown,
}

/// About whom an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// The account or the way to it: the next message will be told the same.
    Account,
    /// The address: the next message for it will be told the same, one for another will not.
    Address,
    /// This message alone.
    Message,
    /// This node, which lacks what it needs to ask anybody: it has learnt nothing of the account.
    Node,
}

/// Why a provider refuses an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AccountFault {
    /// Its credentials, or the account behind them.
    Credentials,
    /// How it is set up: address of the service, sender, reputation, permission to use the service.
    Settings,
    /// What it may send in a day or by its plan is used up.
    Exhausted,
}

impl Class {
    /// Whether the message may have been delivered.
    #[must_use]
    pub const fn certainty(self) -> Certainty {
        match self {
            Self::Accepted => Certainty::Sent,
            Self::Unknown => Certainty::Unknown,
            Self::Permanent
            | Self::NotByAccount
            | Self::AccountRefused
            | Self::Transient
            | Self::Throttled => Certainty::NotSent,
        }
    }

    /// About whom such an answer is when nothing else is known of it.
    #[must_use]
    pub const fn subject(self) -> Subject {
        match self {
            Self::Accepted | Self::Permanent | Self::NotByAccount => Subject::Message,
            Self::AccountRefused | Self::Transient | Self::Throttled | Self::Unknown => {
                Subject::Account
            }
        }
    }
}

/// A classified answer of a provider to one message for one address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// What kind of answer.
    pub class: Class,
    /// About whom.
    pub subject: Subject,
    /// Why, for [`Class::Permanent`]; a failed reason.
    pub reason: Option<Reason>,
    /// Why, for [`Class::AccountRefused`].
    pub fault: Option<AccountFault>,
    /// The provider's own code: an HTTP status, a Twilio or FCM error code, an SMTP reply code.
    pub code: Option<String>,
    /// The provider's words, cut to [`super::limits::DETAIL_BYTES`], never the person's address.
    pub detail: Option<String>,
    /// The provider's id for the message.
    pub message_id: Option<String>,
    /// How long the provider asked to wait.
    pub retry_after: Option<Duration>,
    /// The answer says that this very address is dead: retire the device or suppress the address.
    pub dead_address: bool,
    /// The account's fault, should several different addresses in a row be told the same: one such
    /// answer does not say whom it is about. A permanent one is about the address, unless the account
    /// says so of too many.
    pub suspicion: Option<AccountFault>,
}

impl Reply {
    /// The provider took the message.
    #[must_use]
    pub fn accepted(code: impl Into<String>, message_id: Option<String>) -> Self {
        Self {
            message_id,
            ..Self::of(Class::Accepted, Some(code.into()), None)
        }
    }

    /// Refused for good.
    #[must_use]
    pub fn permanent(reason: Reason, code: impl Into<String>, detail: impl Into<String>) -> Self {
        let base = Self::of(Class::Permanent, Some(code.into()), Some(detail.into()));
        Self {
            reason: Some(reason),
            ..base
        }
    }

    /// An answer of this class with the provider's code and words; the words are cut to size.
    #[must_use]
    pub fn of(class: Class, code: Option<String>, detail: Option<String>) -> Self {
        Self {
            class,
            subject: class.subject(),
            reason: None,
            fault: None,
            code: code.map(|code| clean(&code, 64)),
            detail: detail.map(|detail| clean(&detail, super::limits::DETAIL_BYTES)),
            message_id: None,
            retry_after: None,
            dead_address: false,
            suspicion: None,
        }
    }

    /// The same answer, about this subject.
    #[must_use]
    pub fn about(self, subject: Subject) -> Self {
        Self { subject, ..self }
    }

    /// Whether only its code says that it is about the address.
    #[must_use]
    pub fn is_presumed(&self) -> bool {
        self.class == Class::Permanent && self.suspicion.is_some()
    }

    /// The same answer, no longer taken to be about the address: the message is tried again.
    #[must_use]
    pub fn doubted(self) -> Self {
        Self {
            class: Class::Transient,
            subject: Subject::Message,
            reason: None,
            dead_address: false,
            ..self
        }
    }

    /// The same answer with the wait that the provider asked for.
    #[must_use]
    pub fn with_retry_after(self, retry_after: Option<Duration>) -> Self {
        Self {
            retry_after,
            ..self
        }
    }

    /// The same answer, known to be about the account: it is refused, for that fault.
    #[must_use]
    pub fn of_account(self, fault: AccountFault) -> Self {
        Self {
            class: Class::AccountRefused,
            subject: Subject::Account,
            reason: None,
            fault: Some(fault),
            dead_address: false,
            suspicion: None,
            ..self
        }
    }

    /// The same answer, saying that the address is dead.
    #[must_use]
    pub fn with_dead_address(self) -> Self {
        Self {
            dead_address: true,
            ..self
        }
    }
}

/// Cuts foreign text to a size and drops control characters: PostgreSQL cannot hold NUL, and a
/// log line should stay one.
#[must_use]
pub fn clean(text: &str, max_bytes: usize) -> String {
    let mut out = String::with_capacity(text.len().min(max_bytes));
    for c in text.chars().map(|c| if c.is_control() { ' ' } else { c }) {
        if out.len() + c.len_utf8() > max_bytes {
            break;
        }
        out.push(c);
    }
    out
}

/// What becomes of one address of a notification in one pass over the route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetReply {
    /// The device, when the address is its token.
    pub device_id: Option<Uuid>,
    /// What the provider said.
    pub reply: Reply,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_acceptance_is_sent_and_only_silence_leaves_it_open() {
        let (sent, not_sent) = (Certainty::Sent, Certainty::NotSent);
        let table = Class::ALL.iter().map(|class| (*class, class.certainty()));
        assert_eq!(
            table.collect::<Vec<_>>(),
            [
                (Class::Accepted, sent),
                (Class::Permanent, not_sent),
                (Class::NotByAccount, not_sent),
                (Class::AccountRefused, not_sent),
                (Class::Transient, not_sent),
                (Class::Throttled, not_sent),
                (Class::Unknown, Certainty::Unknown),
            ]
        );
    }

    #[test]
    fn foreign_text_is_cut_on_a_character_and_freed_of_control_characters() {
        assert_eq!(clean("a\0b\nc", 10), "a b c");
        assert_eq!(clean("ééé", 5), "éé");
    }
}
