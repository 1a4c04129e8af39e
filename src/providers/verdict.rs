//! What an answer means, before the provider's words are put to it: the cells of the code tables.

use std::borrow::Cow;

use crate::domain::{Class, Content, Reason, Reply};

/// The code of a reply that Herald gave itself, without asking the provider.
pub(crate) const NOT_ASKED: &str = "not_asked";

/// One cell of a code table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) class: Class,
    pub(crate) reason: Option<Reason>,
    pub(crate) dead_address: bool,
}

impl Verdict {
    pub(crate) const TRANSIENT: Self = Self::plain(Class::Transient);
    pub(crate) const THROTTLED: Self = Self::plain(Class::Throttled);
    pub(crate) const CREDENTIALS: Self = Self::plain(Class::Credentials);
    pub(crate) const UNKNOWN: Self = Self::plain(Class::Unknown);
    /// Our settings at this provider are wrong; another account may do it.
    pub(crate) const MISCONFIGURED: Self = Self {
        class: Class::Misconfigured,
        reason: Some(Reason::ProviderMisconfigured),
        dead_address: false,
    };

    const fn plain(class: Class) -> Self {
        Self {
            class,
            reason: None,
            dead_address: false,
        }
    }

    /// Refused for good, whoever sends it.
    pub(crate) const fn permanent(reason: Reason) -> Self {
        Self {
            class: Class::Permanent,
            reason: Some(reason),
            dead_address: false,
        }
    }

    /// Refused for good because this very address is dead.
    pub(crate) const fn dead(reason: Reason) -> Self {
        Self {
            class: Class::Permanent,
            reason: Some(reason),
            dead_address: true,
        }
    }

    /// What an HTTP status other than 2xx means when the body says nothing better.
    ///
    /// 3xx is no answer to a notification: redirects are not followed, so the base URL is wrong.
    /// Any 5xx that was received counts as "not sent" (contract, section 2): what may have been
    /// sent is only what nobody answered for.
    pub(crate) const fn of_status(status: u16) -> Self {
        match status {
            401 | 403 => Self::CREDENTIALS,
            // 408: the request did not arrive whole; 421 and 425: ask again elsewhere or later.
            408 | 421 | 425 | 500..=599 => Self::TRANSIENT,
            413 => Self::permanent(Reason::MessageTooLarge),
            429 => Self::THROTTLED,
            300..=399 | 404 | 405 | 406 | 410 | 415 | 451 => Self::MISCONFIGURED,
            400..=499 => Self::permanent(Reason::ProviderRefused),
            _ => Self::UNKNOWN,
        }
    }

    /// The reply with the provider's code and (scrubbed) words.
    pub(crate) fn reply(self, code: impl Into<String>, detail: Option<String>) -> Reply {
        Reply {
            reason: self.reason,
            dead_address: self.dead_address,
            ..Reply::of(self.class, Some(code.into()), detail)
        }
    }
}

/// The reply to a message that cannot be put to the provider at all; nothing was sent.
pub(crate) fn refuse(reason: Reason, detail: &str) -> Reply {
    Reply::permanent(reason, NOT_ASKED, detail)
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

/// A text that is worth sending: providers refuse an empty one.
pub(crate) fn filled(text: Option<&String>) -> Option<&str> {
    text.map(String::as_str)
        .filter(|text| !text.trim().is_empty())
}

/// The subject of an e-mail, as one line: mail programs do not expect another in it. A mail
/// without a subject is refused here, since SendGrid refuses it (errors page) and a mail must not
/// depend on which account sends it.
pub(crate) fn subject(content: &Content) -> Result<Cow<'_, str>, Reply> {
    let subject = filled(content.subject.as_ref())
        .ok_or_else(|| refuse(Reason::ContentRefused, "an e-mail needs a subject"))?;
    match subject.contains(char::is_control) {
        true => Ok(Cow::Owned(subject.replace(char::is_control, " "))),
        false => Ok(Cow::Borrowed(subject)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_read_as_the_contract_says() {
        let class = |status| Verdict::of_status(status).class;
        for status in 500..=599 {
            assert_eq!(class(status), Class::Transient, "{status}");
        }
        for (status, expected) in [
            (301, Class::Misconfigured),
            (400, Class::Permanent),
            (401, Class::Credentials),
            (403, Class::Credentials),
            (404, Class::Misconfigured),
            (408, Class::Transient),
            (413, Class::Permanent),
            (422, Class::Permanent),
            (429, Class::Throttled),
            (999, Class::Unknown),
        ] {
            assert_eq!(class(status), expected, "{status}");
        }
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
