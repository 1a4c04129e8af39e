//! What a provider said, classified before anything is decided on it.

use std::time::Duration;

use uuid::Uuid;

use super::Reason;
use super::vocabulary::vocabulary;

vocabulary! {
    /// What kind of answer a provider gave. Classified first, decided on afterwards.
    Class {
        /// The provider took the message.
        Accepted = "accepted",
        /// Refused for good, whoever sends it: bad address, refused content.
        Permanent = "permanent",
        /// Refused for good by this account only (sender, region, plan): another may do it.
        Misconfigured = "misconfigured",
        /// Definitely not sent, may work later: connection refused, 5xx that says so.
        Transient = "transient",
        /// Definitely not sent, the account is too fast: 429.
        Throttled = "throttled",
        /// The account's credentials were refused.
        Credentials = "credentials",
        /// The request was written and no usable answer came: it may have been delivered.
        Unknown = "unknown",
    }
}

/// A classified answer of a provider to one message for one address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// What kind of answer.
    pub class: Class,
    /// Why, for [`Class::Permanent`] and [`Class::Misconfigured`]; a failed reason.
    pub reason: Option<Reason>,
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
            reason: None,
            code: code.map(|code| clean(&code, 64)),
            detail: detail.map(|detail| clean(&detail, super::limits::DETAIL_BYTES)),
            message_id: None,
            retry_after: None,
            dead_address: false,
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
fn clean(text: &str, max_bytes: usize) -> String {
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
    fn foreign_text_is_cut_on_a_character_and_freed_of_control_characters() {
        assert_eq!(clean("a\0b\nc", 10), "a b c");
        assert_eq!(clean("ééé", 5), "éé");
    }
}
