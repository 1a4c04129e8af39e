//! How a server's refusal, or its silence, reads.

use std::time::Duration;

use super::enhanced::Enhanced;
use super::trouble::{Cause, Phase, Trouble};
use crate::domain::{Class, Reason, Reply};
use crate::providers::http::Seen;
use crate::providers::scrub::scrub;
use crate::providers::verdict::Verdict;

/// Longest that an account is left alone after a refusal that passes by itself (RFC 5321, 3.8: 421).
const BUSY: Duration = Duration::from_secs(15);

/// The reply that the trouble makes.
pub(crate) fn read(trouble: &Trouble, seen: Seen<'_>) -> Reply {
    let detail = scrub(&trouble.to_string(), seen.address);
    let (verdict, code) = match &trouble.cause {
        Cause::Said { code, words } => {
            let words = scrub(words, seen.address);
            (said(trouble.phase, *code, &words), code.to_string())
        }
        Cause::Lacks(_) => (lacks(trouble.phase), String::new()),
        Cause::Untrusted(_) => (Verdict::SETTINGS, String::new()),
        Cause::TooLarge(_) => (Verdict::permanent(Reason::MessageTooLarge), String::new()),
        Cause::Broken(_) => (broken(trouble.phase), String::new()),
        Cause::TooLate => (Verdict::THROTTLED, String::new()),
        Cause::OurLack(_) => (Verdict::OUR_OWN_LACK, String::new()),
    };
    let reply = verdict.reply(code, Some(detail));
    let passes = matches!(trouble.cause, Cause::Said { code: ..500, .. });
    let retry_after = (reply.class == Class::AccountRefused && passes).then_some(BUSY);
    Reply {
        code: reply.code.filter(|code| !code.is_empty()),
        retry_after,
        ..reply
    }
}

/// What the settings need is missing for every mail; what a mail needs, for this one.
const fn lacks(phase: Phase) -> Verdict {
    match phase {
        Phase::Connect | Phase::Auth => Verdict::SETTINGS,
        _ => Verdict::NOT_BY_ACCOUNT,
    }
}

/// Before the text nothing can have been sent; with its last reply lost nobody knows.
const fn broken(phase: Phase) -> Verdict {
    match phase {
        Phase::Text => Verdict::UNKNOWN,
        _ => Verdict::TRANSIENT,
    }
}

/// RFC 5321, 4.2.1: 4yz is transient, 5yz permanent; what it is about is in the enhanced code,
/// else in the phase and the code; those of AUTH are RFC 4954's, 6.
fn said(phase: Phase, code: u16, words: &str) -> Verdict {
    let enhanced = Enhanced::of(words);
    match (code, phase) {
        (530 | 534 | 535 | 538, _) | (500..=599, Phase::Auth) => Verdict::CREDENTIALS,
        (500..=599, _) if enhanced.is_some_and(Enhanced::is_of_login) => Verdict::CREDENTIALS,
        // The server does not want us at all, or not now; another account's may.
        (400..=599, Phase::Connect | Phase::Auth) => Verdict::SETTINGS,
        (500..=599, _) if is_about_us(phase, code, enhanced, words) => Verdict::SETTINGS,
        (500..=599, _) => match enhanced {
            Some(enhanced) => by_enhanced(phase, enhanced),
            None => by_code(phase, code),
        },
        // RFC 5321, 4.2.3: 450 is the mailbox's.
        (421, _) => Verdict::TRANSIENT,
        (450..=459, Phase::Recipient) => match enhanced.map(|code| code.subject) {
            // Full or moving (RFC 3463, 3.2 and 3.3), greylisted (RFC 6647, 5).
            Some(1 | 2 | 7) => Verdict::ADDRESS_BUSY,
            None if code == 450 => Verdict::ADDRESS_BUSY,
            _ => Verdict::TRANSIENT,
        },
        _ => Verdict::TRANSIENT,
    }
}

/// Whether a refusal is of our sender or our network, in whatever phase it is told: Postfix, for one,
/// puts off everything until RCPT. A list of blocked hosts has no code of its own.
fn is_about_us(phase: Phase, code: u16, enhanced: Option<Enhanced>, words: &str) -> bool {
    let words = words.to_ascii_lowercase();
    let blocked = || ["client host", "blocked using", "spamhaus"].map(|one| words.contains(one));
    if phase != Phase::Text && blocked().contains(&true) {
        return true;
    }
    match enhanced.map(|code| (code.subject, code.detail)) {
        // RFC 3463, 3.2: the sender's address. RFC 7372: DKIM, SPF, reverse DNS, DMARC.
        Some((1, 7 | 8) | (7, 20..=27)) => true,
        Some((1, 0 | 1)) if words.contains("sender address rejected") => true,
        // At MAIL FROM, all but the mail's size and what the mail needs.
        Some((2 | 3, 3 | 4) | (5, 4) | (6, _)) => false,
        None if matches!(code, 552 | 555) => false,
        Some(_) | None => phase == Phase::Sender,
    }
}

/// RFC 3463, 3 and RFC 5248: the subject of an enhanced code, of a refusal that is not about us.
const fn by_enhanced(phase: Phase, code: Enhanced) -> Verdict {
    match (code.subject, code.detail) {
        // Only where the recipient has been named can the address that does not exist be theirs.
        (1, 1) => match phase {
            Phase::Recipient | Phase::Text => Verdict::dead(Reason::InvalidRecipient),
            _ => Verdict::UNLISTED,
        },
        (1, 2..=6 | 9 | 10) | (2, 1) => Verdict::permanent(Reason::InvalidRecipient),
        (2, 2) => Verdict::permanent(Reason::ProviderRefused),
        (2, 3) | (3, 4) => Verdict::permanent(Reason::MessageTooLarge),
        // The server lacks what this mail needs.
        (3, 3) | (5, 4) | (6, 7..=9) => Verdict::NOT_BY_ACCOUNT,
        // Its own state, though it says that it lasts.
        (3, 0..=2) => Verdict::TRANSIENT,
        (6, _) => Verdict::permanent(Reason::ContentRefused),
        (7, _) => policy(phase),
        _ => Verdict::UNLISTED,
    }
}

/// A refusal by policy: of the mail when the server has seen it, else of relaying for us to there.
const fn policy(phase: Phase) -> Verdict {
    match phase {
        Phase::Text => Verdict::permanent(Reason::ContentRefused),
        _ => Verdict::NOT_BY_ACCOUNT,
    }
}

/// RFC 5321, 4.2.3.
const fn by_code(phase: Phase, code: u16) -> Verdict {
    match (code, phase) {
        (552, _) => Verdict::permanent(Reason::MessageTooLarge),
        // A parameter that this mail needs.
        (555, _) => Verdict::NOT_BY_ACCOUNT,
        (550 | 551 | 553, Phase::Recipient) => Verdict::permanent(Reason::InvalidRecipient),
        (550 | 554, Phase::Text) => Verdict::permanent(Reason::ContentRefused),
        _ => Verdict::UNLISTED,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::providers::testing::seen;

    fn reply(phase: Phase, code: u16, words: &str) -> Reply {
        let cause = Cause::Said {
            code,
            words: words.to_owned(),
        };
        read(&Trouble { phase, cause }, seen())
    }

    #[test]
    fn refusals_read_by_code_and_phase() {
        use Phase::{Auth, Connect, Data, Recipient, Sender, Text};
        let dead = Verdict::dead(Reason::InvalidRecipient);
        let person = Verdict::permanent(Reason::InvalidRecipient);
        let content = Verdict::permanent(Reason::ContentRefused);
        let large = Verdict::permanent(Reason::MessageTooLarge);
        let (ours, later) = (Verdict::SETTINGS, Verdict::TRANSIENT);
        let (busy, unlisted) = (Verdict::ADDRESS_BUSY, Verdict::UNLISTED);
        let (login, other) = (Verdict::CREDENTIALS, Verdict::NOT_BY_ACCOUNT);
        for (phase, code, words, expected) in [
            (Connect, 554, "go away", ours),
            (Connect, 554, "5.7.1 Client host blocked using a list", ours),
            (Connect, 421, "busy", ours),
            (Auth, 535, "5.7.8 bad password", login),
            (Auth, 504, "5.5.4 no such mechanism", login),
            (Auth, 454, "4.7.0 later", ours),
            (Sender, 553, "5.1.8 bad sender", ours),
            (Sender, 550, "5.1.1 sender unknown", ours),
            (Sender, 550, "5.7.1 not allowed to send as", ours),
            (Sender, 550, "not you", ours),
            (Sender, 501, "what?", ours),
            (Sender, 552, "5.3.4 too big", large),
            (Sender, 552, "too big", large),
            (Sender, 555, "no such parameter", other),
            (
                Sender,
                550,
                "5.6.7 non-ASCII addresses not permitted",
                other,
            ),
            (Sender, 530, "5.7.0 must authenticate", login),
            (Sender, 530, "must authenticate", login),
            (Sender, 550, "5.7.8 must authenticate", login),
            (Sender, 421, "4.3.2 closing", later),
            (Sender, 451, "4.3.0 try later", later),
            (Recipient, 550, "5.1.1 no such user", dead),
            (
                Recipient,
                550,
                "5.1.0 <h@example.com>: Sender address rejected: unknown",
                ours,
            ),
            (
                Recipient,
                550,
                "5.1.1 <h@example.com>: Sender address rejected: unknown",
                ours,
            ),
            (Recipient, 550, "5.1.0 no", unlisted),
            (Recipient, 550, "5.1.2 no such host", person),
            (Recipient, 556, "5.1.10 null MX", person),
            (Recipient, 550, "5.2.1 disabled", person),
            (Recipient, 550, "no such user", person),
            (Recipient, 550, "5.1.7 bad sender", ours),
            (Recipient, 554, "5.7.1 relay access denied", other),
            (
                Recipient,
                554,
                "5.7.1 Client host [192.0.2.1] blocked using zen.spamhaus.org",
                ours,
            ),
            (Recipient, 550, "5.7.26 DMARC", ours),
            (
                Recipient,
                552,
                "5.2.2 full",
                Verdict::permanent(Reason::ProviderRefused),
            ),
            (Recipient, 501, "5.5.2 syntax", unlisted),
            (Recipient, 599, "?", unlisted),
            (Recipient, 450, "4.2.0 greylisted", busy),
            (Recipient, 450, "4.2.1 busy", busy),
            (Recipient, 452, "4.2.2 full", busy),
            (Recipient, 451, "4.7.1 greylisted", busy),
            (Recipient, 450, "busy", busy),
            (Recipient, 451, "local error", later),
            (Recipient, 452, "4.3.1 disk full", later),
            (Recipient, 421, "4.7.0 bye", later),
            (Data, 554, "5.5.1 no valid recipients", unlisted),
            (Data, 451, "4.3.0 later", later),
            (Text, 550, "5.1.1 no such user", dead),
            (Text, 554, "5.7.1 looks like spam", content),
            (Text, 550, "5.7.26 DMARC", ours),
            (Text, 554, "5.6.0 malformed", content),
            (Text, 554, "no", content),
            (Text, 552, "too big", large),
            (Text, 552, "5.2.3 too big", large),
            (Text, 554, "5.3.3 feature not supported", other),
            (Text, 554, "5.3.2 not accepting", later),
            (Text, 550, "5.4.4 unable to route", unlisted),
            (Text, 451, "4.3.0 try later", later),
        ] {
            let reply = reply(phase, code, words);
            let read = (
                reply.class,
                reply.subject,
                reply.reason,
                reply.fault,
                reply.dead_address,
            );
            let Verdict {
                class,
                subject,
                reason,
                fault,
                dead_address,
            } = expected;
            let expected = (class, subject, reason, fault, dead_address);
            assert_eq!(read, expected, "{phase:?} {code} {words}");
            assert_eq!(reply.code, Some(code.to_string()));
        }
    }

    #[test]
    fn a_refusal_that_passes_by_itself_takes_the_account_out_for_a_moment() {
        assert_eq!(reply(Phase::Connect, 421, "busy").retry_after, Some(BUSY));
        assert_eq!(reply(Phase::Connect, 554, "no").retry_after, None);
    }

    #[test]
    fn what_is_missing_is_the_accounts_fault_or_too_much_for_it() {
        let lacks = |phase| {
            let cause = Cause::Lacks("no".to_owned());
            read(&Trouble { phase, cause }, seen()).class
        };
        assert_eq!(lacks(Phase::Connect), Class::AccountRefused);
        assert_eq!(lacks(Phase::Auth), Class::AccountRefused);
        assert_eq!(lacks(Phase::Sender), Class::NotByAccount);
    }

    #[test]
    fn silence_is_unknown_only_after_the_text() {
        use Phase::{Auth, Connect, Data, Recipient, Sender, Text};
        for phase in [Connect, Auth, Sender, Recipient, Data, Text] {
            let cause = Cause::Broken("reset".to_owned());
            let reply = read(&Trouble { phase, cause }, seen());
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
            prop_assert!((500..600).contains(&code) || reply.class == Class::Transient);
        }
    }
}
