//! How a server's refusal, or its silence, reads.

use super::conversation::{Cause, Phase, Trouble};
use super::enhanced::Enhanced;
use crate::domain::{Reason, Reply};
use crate::providers::http::Seen;
use crate::providers::scrub::scrub;
use crate::providers::verdict::Verdict;

/// The reply that the trouble makes.
pub(crate) fn read(trouble: &Trouble, seen: Seen<'_>) -> Reply {
    let (verdict, code) = match &trouble.cause {
        Cause::Said { code, words } => (said(trouble.phase, *code, words), code.to_string()),
        Cause::Lacks(_) => (Verdict::MISCONFIGURED, String::new()),
        Cause::Broken(_) => (broken(trouble.phase), String::new()),
    };
    let detail = scrub(&trouble.to_string(), seen.address);
    let reply = verdict.reply(code, Some(detail));
    Reply {
        code: reply.code.filter(|code| !code.is_empty()),
        ..reply
    }
}

/// Before the text nothing can have been sent; with its last reply lost nobody knows.
fn broken(phase: Phase) -> Verdict {
    match phase {
        Phase::Text => Verdict::UNKNOWN,
        _ => Verdict::TRANSIENT,
    }
}

/// RFC 5321, 4.2.1: 4yz is transient, 5yz permanent; what it is about is in the enhanced code,
/// else in the phase and the code; those of AUTH are RFC 4954's, 6.
fn said(phase: Phase, code: u16, words: &str) -> Verdict {
    match (code, phase) {
        (500..=599, Phase::Auth) | (530 | 534 | 535 | 538, _) => Verdict::CREDENTIALS,
        // The server does not want us at all; another account's may.
        (500..=599, Phase::Connect) => Verdict::MISCONFIGURED,
        (500..=599, _) => match Enhanced::of(words) {
            Some(enhanced) => by_enhanced(phase, enhanced),
            None => by_code(phase, code),
        },
        // 4yz, 421 (closing) and whatever else is not success.
        _ => Verdict::TRANSIENT,
    }
}

/// RFC 3463, 3: the subject of an enhanced code.
fn by_enhanced(phase: Phase, code: Enhanced) -> Verdict {
    match (code.subject, code.detail) {
        (1, 1) => Verdict::dead(Reason::InvalidRecipient),
        // Of the sender's address: ours.
        (1, 7 | 8) => Verdict::MISCONFIGURED,
        (1, _) | (2, 1) => Verdict::permanent(Reason::InvalidRecipient),
        (2 | 3, 3 | 4) => Verdict::permanent(Reason::MessageTooLarge),
        (6, _) => Verdict::permanent(Reason::ContentRefused),
        (7, 8 | 9) => Verdict::CREDENTIALS,
        (7, _) => policy(phase),
        _ => Verdict::permanent(Reason::ProviderRefused),
    }
}

/// A refusal by policy: of the mail when the server has seen it, else of us (relaying denied).
fn policy(phase: Phase) -> Verdict {
    match phase {
        Phase::Text => Verdict::permanent(Reason::ContentRefused),
        _ => Verdict::MISCONFIGURED,
    }
}

/// RFC 5321, 4.2.3.
fn by_code(phase: Phase, code: u16) -> Verdict {
    match (code, phase) {
        (552, _) => Verdict::permanent(Reason::MessageTooLarge),
        (_, Phase::Sender) => Verdict::MISCONFIGURED,
        (550 | 551 | 553, Phase::Recipient) => Verdict::permanent(Reason::InvalidRecipient),
        (550 | 554, Phase::Text) => Verdict::permanent(Reason::ContentRefused),
        _ => Verdict::permanent(Reason::ProviderRefused),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::Class;
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
        use Class::{Credentials, Misconfigured, Permanent, Transient};
        use Phase::{Auth, Connect, Recipient, Sender, Text};
        let ours = Some(Reason::ProviderMisconfigured);
        let person = Some(Reason::InvalidRecipient);
        let content = Some(Reason::ContentRefused);
        let large = Some(Reason::MessageTooLarge);
        for (phase, code, words, class, reason, dead) in [
            (
                Recipient,
                550,
                "5.1.1 no such user",
                Permanent,
                person,
                true,
            ),
            (
                Recipient,
                550,
                "5.1.2 no such host",
                Permanent,
                person,
                false,
            ),
            (Recipient, 550, "5.2.1 disabled", Permanent, person, false),
            (Recipient, 550, "no such user", Permanent, person, false),
            (
                Recipient,
                554,
                "5.7.1 relay access denied",
                Misconfigured,
                ours,
                false,
            ),
            (
                Recipient,
                552,
                "5.2.2 full",
                Permanent,
                Some(Reason::ProviderRefused),
                false,
            ),
            (Recipient, 450, "4.2.1 greylisted", Transient, None, false),
            (Recipient, 452, "4.2.2 full", Transient, None, false),
            (Sender, 553, "5.1.8 bad sender", Misconfigured, ours, false),
            (Sender, 550, "not you", Misconfigured, ours, false),
            (Sender, 552, "5.3.4 too big", Permanent, large, false),
            (
                Sender,
                530,
                "5.7.0 must authenticate",
                Credentials,
                None,
                false,
            ),
            (Sender, 530, "must authenticate", Credentials, None, false),
            (Sender, 421, "4.3.2 closing", Transient, None, false),
            (
                Text,
                554,
                "5.7.1 looks like spam",
                Permanent,
                content,
                false,
            ),
            (Text, 554, "no", Permanent, content, false),
            (Text, 552, "too big", Permanent, large, false),
            (Text, 451, "4.3.0 try later", Transient, None, false),
            (Auth, 535, "5.7.8 bad password", Credentials, None, false),
            (Auth, 454, "4.7.0 later", Transient, None, false),
            (Connect, 554, "go away", Misconfigured, ours, false),
            (Connect, 421, "busy", Transient, None, false),
        ] {
            let reply = reply(phase, code, words);
            let read = (reply.class, reply.reason, reply.dead_address);
            assert_eq!(read, (class, reason, dead), "{phase:?} {code} {words}");
            assert_eq!(reply.code, Some(code.to_string()));
        }
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
