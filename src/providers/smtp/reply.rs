//! How a server's refusal, or its silence, reads.

use std::time::Duration;

use super::refusal;
use super::trouble::{Phase, SmtpCause, SmtpTransportError};
use super::words;
use crate::domain::address::with_unicode_domain;
use crate::domain::{Class, Reason, Reply};
use crate::providers::http::ReplyContext;
use crate::providers::scrub::scrub;
use crate::providers::verdict::ResponseClass;

/// Longest that an account is left alone after a refusal that passes by itself (RFC 5321, 3.8: 421).
const BUSY: Duration = Duration::from_secs(15);

/// The reply that the trouble makes.
pub(crate) fn read(trouble: &SmtpTransportError, seen: ReplyContext<'_>) -> Reply {
    let detail = scrub(&trouble.to_string(), seen.address);
    let (verdict, code) = match &trouble.cause {
        SmtpCause::Said { code, words } => {
            let words = ours(words, seen.address);
            let verdict = refusal::verdict(trouble.phase, *code, &words);
            (verdict, code.to_string())
        }
        SmtpCause::Lacks(_) => (lacks(trouble.phase), String::new()),
        SmtpCause::Untrusted(_) => (ResponseClass::SETTINGS, String::new()),
        SmtpCause::TooLarge(_) => (
            ResponseClass::permanent(Reason::MessageTooLarge),
            String::new(),
        ),
        SmtpCause::Broken(_) => (broken(trouble.phase), String::new()),
        SmtpCause::TooLate => (ResponseClass::THROTTLED, String::new()),
        SmtpCause::OurLack(_) => (ResponseClass::OUR_OWN_LACK, String::new()),
    };
    let reply = verdict.reply(code, Some(detail));
    Reply {
        code: reply.code.filter(|code| !code.is_empty()),
        retry_after: wait(verdict, &trouble.cause),
        ..reply
    }
}

/// The words without the address and its domain: a stranger may have chosen them, and a verdict is not
/// to follow from that.
fn ours(words: &str, address: &str) -> String {
    let domain = |address: &str| match address.rsplit_once('@') {
        Some((_, domain)) => domain.to_owned(),
        None => String::new(),
    };
    let unicode = with_unicode_domain(address).map_or(String::new(), |address| domain(&address));
    let words = scrub(words, address);
    scrub(&scrub(&words, &domain(address)), &unicode)
}

fn wait(verdict: ResponseClass, cause: &SmtpCause) -> Option<Duration> {
    match cause {
        SmtpCause::Said { words, .. } if verdict == ResponseClass::TOO_EARLY => {
            Some(words::wait(words))
        }
        SmtpCause::Said { code: ..500, .. } if verdict.class == Class::AccountRefused => Some(BUSY),
        _ => None,
    }
}

/// What the settings need is missing for every mail; what a mail needs, for this one.
const fn lacks(phase: Phase) -> ResponseClass {
    match phase {
        Phase::Connect | Phase::Auth => ResponseClass::SETTINGS,
        _ => ResponseClass::NOT_BY_ACCOUNT,
    }
}

/// Before the text nothing can have been sent; with its last reply lost nobody knows.
const fn broken(phase: Phase) -> ResponseClass {
    match phase {
        Phase::Text => ResponseClass::UNKNOWN,
        _ => ResponseClass::TRANSIENT,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::providers::testing::seen;

    fn reply(phase: Phase, code: u16, words: &str) -> Reply {
        let cause = SmtpCause::Said {
            code,
            words: words.to_owned(),
        };
        read(&SmtpTransportError { phase, cause }, seen())
    }

    #[test]
    fn a_refusal_that_passes_by_itself_takes_the_account_out_for_a_moment() {
        assert_eq!(reply(Phase::Connect, 421, "busy").retry_after, Some(BUSY));
        assert_eq!(reply(Phase::Connect, 554, "no").retry_after, None);
    }

    #[test]
    fn early_attempt_is_told_how_long_to_wait() {
        let reply = reply(Phase::Recipient, 450, "4.2.0 try again in 20 minutes");
        assert_eq!(reply.retry_after, Some(Duration::from_secs(1_200)));
    }

    #[test]
    fn a_domain_that_a_stranger_chose_decides_nothing() {
        let trouble = |words: &str| SmtpTransportError {
            phase: Phase::Recipient,
            cause: SmtpCause::Said {
                code: 550,
                words: words.to_owned(),
            },
        };
        let address = "eve@relay.throttled.Spamhaus.example";
        let seen = ReplyContext { address, ..seen() };
        let words = "5.1.2 host relay.throttled.spamhaus.example not found";
        let reply = read(&trouble(words), seen);
        assert_eq!(reply.reason, Some(Reason::InvalidRecipient));
        let reply = read(
            &trouble("no such user at relay.throttled.spamhaus.example"),
            seen,
        );
        assert_eq!(reply.reason, Some(Reason::InvalidRecipient));
    }

    #[test]
    fn missing_server_feature_is_the_accounts_fault_or_a_permanent_failure() {
        let lacks = |phase| {
            let cause = SmtpCause::Lacks("no".to_owned());
            read(&SmtpTransportError { phase, cause }, seen()).class
        };
        assert_eq!(lacks(Phase::Connect), Class::AccountRefused);
        assert_eq!(lacks(Phase::Auth), Class::AccountRefused);
        assert_eq!(lacks(Phase::Sender), Class::NotByAccount);
    }

    #[test]
    fn silence_is_unknown_only_after_the_text() {
        use Phase::{Auth, Connect, Data, Recipient, Sender, Text};
        for phase in [Connect, Auth, Sender, Recipient, Data, Text] {
            let cause = SmtpCause::Broken("reset".to_owned());
            let reply = read(&SmtpTransportError { phase, cause }, seen());
            let expected = match phase {
                Text => Class::Unknown,
                _ => Class::Transient,
            };
            assert_eq!((reply.class, reply.code), (expected, None));
        }
    }

    #[test]
    fn details_tell_the_step_and_not_the_person() {
        let reply = reply(Phase::Recipient, 550, "5.1.1 <Ana@example.com> unknown");
        insta::assert_snapshot!(reply.detail.unwrap(), @"RCPT TO: 550 5.1.1 <<address>> unknown");
    }

    proptest! {
        #[test]
        fn no_words_make_it_accepted_or_a_4yz_permanent(code in 0..1000_u16, words in ".*") {
            let reply = reply(Phase::Recipient, code, &words);
            prop_assert!(reply.class != Class::Accepted);
            let is_not_now = matches!(reply.class, Class::Transient | Class::Throttled);
            prop_assert!((500..600).contains(&code) || is_not_now);
        }
    }
}
