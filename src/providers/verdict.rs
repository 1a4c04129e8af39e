//! What an answer means, before the provider's words are put to it: the cells of the code tables.

use std::borrow::Cow;

pub use crate::domain::reply::{CALLED_OFF, NOT_ASKED};
use crate::domain::{AccountFault, Channel, Class, Content, Reason, Reply, Subject, carriage};

/// RFC 3834, 5: nobody's absence is to be told to a machine.
pub(crate) const AUTO_SUBMITTED: &str = "auto-generated";

/// Exchange and Outlook ask this header who is to be told of an absence: nobody, and what else machines answer. `NDR` is
/// not among them, nor `All`: that a mail did not arrive must come back.
pub(crate) const AUTO_RESPONSE_SUPPRESS: &str = "DR, RN, NRN, OOF, AutoReply";

/// RFC 8058, 3.1: what a mail client posts to the address of `List-Unsubscribe`.
pub(crate) const ONE_CLICK: &str = "List-Unsubscribe=One-Click";

/// One cell of a code table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ResponseClass {
    pub(crate) class: Class,
    pub(crate) subject: Subject,
    pub(crate) reason: Option<Reason>,
    pub(crate) fault: Option<AccountFault>,
    pub(crate) dead_address: bool,
    pub(crate) suspicion: Option<AccountFault>,
}

impl ResponseClass {
    pub(crate) const TRANSIENT: Self = Self::plain(Class::Transient);
    /// Not sent for now, because of this address: full, greylisted, out of reach.
    pub(crate) const ADDRESS_BUSY: Self = Self::TRANSIENT.about(Subject::Address);
    /// Refused in words that no table knows. Not the end of a message, for nobody here can say what
    /// they mean: it is tried again, as often as it may be.
    pub(crate) const UNLISTED: Self = Self::suspect(AccountFault::Settings);
    /// Not asked, because this machine could not.
    pub(crate) const OUR_OWN_LACK: Self = Self::TRANSIENT.about(Subject::Node);
    pub(crate) const THROTTLED: Self = Self::plain(Class::Throttled);
    /// Asked too early for this message alone: it is to wait, which is no attempt.
    pub(crate) const TOO_EARLY: Self = Self::THROTTLED.about(Subject::Message);
    /// Asked too often for this address, while the account has room.
    pub(crate) const ADDRESS_THROTTLED: Self = Self::THROTTLED.about(Subject::Address);
    pub(crate) const CREDENTIALS: Self = Self::refused(AccountFault::Credentials);
    /// What is set up at this provider is wrong, whatever is sent.
    pub(crate) const SETTINGS: Self = Self::refused(AccountFault::Settings);
    /// What the account may send in a day, or by its plan, is used up.
    pub(crate) const EXHAUSTED: Self = Self::refused(AccountFault::Exhausted);
    pub(crate) const UNKNOWN: Self = Self::plain(Class::Unknown);
    /// This account cannot send this message; another may.
    pub(crate) const NOT_BY_ACCOUNT: Self = Self::plain(Class::NotByAccount);

    const fn plain(class: Class) -> Self {
        Self {
            class,
            subject: class.subject(),
            reason: None,
            fault: None,
            dead_address: false,
            suspicion: None,
        }
    }

    /// Not sent, and perhaps because of the account: several different addresses that are told so in
    /// a row are the proof.
    pub(crate) const fn suspect(fault: AccountFault) -> Self {
        Self::TRANSIENT.about(Subject::Message).suspecting(fault)
    }

    pub(crate) const fn suspecting(mut self, fault: AccountFault) -> Self {
        self.suspicion = Some(fault);
        self
    }

    const fn refused(fault: AccountFault) -> Self {
        let mut verdict = Self::plain(Class::AccountRefused);
        verdict.fault = Some(fault);
        verdict
    }

    pub(crate) const fn by_fault(mut self, fault: AccountFault) -> Self {
        self.fault = Some(fault);
        self
    }

    /// Whether it is about our login or our plan, whatever is asked for.
    pub(crate) const fn is_of_login_or_plan(self) -> bool {
        matches!(
            self.fault,
            Some(AccountFault::Credentials | AccountFault::Exhausted)
        )
    }

    const fn about(mut self, subject: Subject) -> Self {
        self.subject = subject;
        self
    }

    /// Refused for good, whoever sends it.
    pub(crate) const fn permanent(reason: Reason) -> Self {
        let mut verdict = Self::plain(Class::Permanent);
        verdict.reason = Some(reason);
        verdict
    }

    /// Refused for good because this very address is dead.
    pub(crate) const fn dead(reason: Reason) -> Self {
        let mut verdict = Self::permanent(reason).about(Subject::Address);
        verdict.dead_address = true;
        verdict
    }

    /// What an HTTP status other than 2xx means when the body says nothing better (RFC 9110, 15).
    ///
    /// The URL is ours, so that what says "not here" says it of the account: 3xx (redirects are not
    /// followed), 404, 405, 410, and what refuses every request of our form. 500 and 503 are the
    /// provider's own word that it did nothing. 502, 504 and 52x (Cloudflare: 5xx errors) are a
    /// gateway's, which knows nothing of what stands behind it.
    pub(crate) const fn of_status(status: u16) -> Self {
        match status {
            401 | 403 | 407 => Self::CREDENTIALS,
            402 => Self::EXHAUSTED,
            // 408: the request did not arrive whole; 421 and 425: ask again elsewhere or later.
            408 | 421 | 425 => Self::TRANSIENT,
            413 => Self::permanent(Reason::MessageTooLarge),
            429 => Self::THROTTLED,
            300..=399 | 404 | 405 | 406 | 410 | 415 | 451 => Self::SETTINGS,
            400..=499 => Self::UNLISTED,
            502 | 504 | 520..=527 | 598 | 599 => Self::UNKNOWN,
            500..=597 => Self::TRANSIENT,
            _ => Self::UNKNOWN,
        }
    }

    /// The reply with the provider's code and (scrubbed) words.
    pub(crate) fn reply(self, code: impl Into<String>, detail: Option<String>) -> Reply {
        Reply {
            subject: self.subject,
            reason: self.reason,
            fault: self.fault,
            dead_address: self.dead_address,
            suspicion: self.suspicion,
            ..Reply::of(self.class, Some(code.into()), detail)
        }
    }
}

/// The reply to a message that cannot be put to the provider at all; nothing was sent.
pub(crate) fn refuse(reason: Reason, detail: &str) -> Reply {
    Reply::permanent(reason, NOT_ASKED, detail)
}

/// Nothing was sent, and nobody is to blame: what it leads to is decided anew.
pub(crate) fn not_asked(code: &str, words: &str) -> Reply {
    Reply::of(
        Class::Throttled,
        Some(code.to_owned()),
        Some(words.to_owned()),
    )
}

/// Refuses an address that is absent or would break out of its line (header injection). Whether
/// it exists is for the provider to say.
pub(crate) fn usable_address(address: &str) -> Result<&str, Reply> {
    if address.trim().is_empty() {
        return Err(refuse(Reason::NoAddress, "the address is empty"));
    }
    if address.chars().any(char::is_control) {
        return Err(refuse(
            Reason::InvalidRecipient,
            "the address contains control characters",
        ));
    }
    Ok(address)
}

/// Refuses a content that the channel cannot carry, whichever provider does.
pub(crate) fn fit(channel: Channel, content: &Content) -> Result<(), Reply> {
    carriage::check(channel, content).map_err(|unfit| refuse(unfit.reason, &unfit.words))
}

/// A text that is worth sending: providers refuse an empty one.
pub(crate) fn filled(text: Option<&String>) -> Option<&str> {
    text.map(String::as_str)
        .filter(|text| !text.trim().is_empty())
}

/// The subject of an e-mail, as one line: mail programs do not expect another in it. Whether there is
/// one was checked before.
pub(crate) fn subject(content: &Content) -> Cow<'_, str> {
    let breaks = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    let subject = content.subject.as_deref().unwrap_or_default();
    match subject.contains(breaks) {
        true => {
            let folded = subject.replace("\r\n", "\n").replace(breaks, " ");
            Cow::Owned(folded.trim().to_owned())
        }
        false => Cow::Borrowed(subject),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_is_read_by_whom_it_is_about_and_what_is_known() {
        let groups: [(&[u16], ResponseClass); 10] = [
            (&[401, 403, 407], ResponseClass::CREDENTIALS),
            (&[402], ResponseClass::EXHAUSTED),
            (
                &[301, 302, 307, 308, 404, 405, 406, 410, 415, 451],
                ResponseClass::SETTINGS,
            ),
            (&[408, 421, 425], ResponseClass::TRANSIENT),
            (&[413], ResponseClass::permanent(Reason::MessageTooLarge)),
            (&[429], ResponseClass::THROTTLED),
            (
                &[
                    400, 409, 411, 412, 414, 417, 418, 422, 423, 424, 426, 428, 431, 499,
                ],
                ResponseClass::UNLISTED,
            ),
            (
                &[500, 501, 503, 505, 506, 507, 508, 510, 511, 530],
                ResponseClass::TRANSIENT,
            ),
            (
                &[502, 504, 520, 521, 522, 523, 524, 525, 526, 527, 598, 599],
                ResponseClass::UNKNOWN,
            ),
            (&[100, 600, 999], ResponseClass::UNKNOWN),
        ];
        for (statuses, expected) in groups {
            for status in statuses {
                assert_eq!(ResponseClass::of_status(*status), expected, "{status}");
            }
        }
    }

    #[test]
    fn no_status_ends_a_message_but_the_one_about_its_size() {
        let ending = (100..=999)
            .filter(|status| ResponseClass::of_status(*status).class == Class::Permanent);
        assert_eq!(ending.collect::<Vec<_>>(), [413]);
    }

    #[test]
    fn an_address_may_not_open_a_new_line() {
        let reply = usable_address("a@example.com\r\nBcc: b@example.com").unwrap_err();
        assert_eq!(reply.reason, Some(Reason::InvalidRecipient));
        assert!(!reply.dead_address);
        assert_eq!(
            usable_address(" ").unwrap_err().reason,
            Some(Reason::NoAddress)
        );
    }
}
