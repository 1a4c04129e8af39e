//! What servers are known to say, by public reports of what was lost by it.

use super::*;
use Phase::{Auth, Connect, Data, Recipient, Sender, Text};

#[test]
fn refusals_read_by_code_and_step() {
    let dead = ResponseClass::dead(Reason::InvalidRecipient);
    let person = ResponseClass::permanent(Reason::InvalidRecipient);
    let content = ResponseClass::permanent(Reason::ContentRefused);
    let large = ResponseClass::permanent(Reason::MessageTooLarge);
    let (ours, later) = (ResponseClass::SETTINGS, ResponseClass::TRANSIENT);
    let (busy, early) = (ResponseClass::ADDRESS_BUSY, ResponseClass::TOO_EARLY);
    let presumed = words::PRESUMED;
    let (unlisted, suspect) = (ResponseClass::UNLISTED, SUSPECT);
    let (login, other) = (ResponseClass::CREDENTIALS, ResponseClass::NOT_BY_ACCOUNT);
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
            suspect,
        ),
        (
            Recipient,
            550,
            "5.1.1 <h@example.com>: Sender address rejected: unknown",
            suspect,
        ),
        (Recipient, 550, "5.1.0 no", presumed),
        (Recipient, 550, "5.1.2 no such host", person),
        (Recipient, 556, "5.1.10 null MX", dead),
        (Recipient, 550, "5.2.1 disabled", person),
        (
            Recipient,
            550,
            "5.2.1 The user you are trying to contact is receiving mail at a rate that",
            busy,
        ),
        (Recipient, 550, "no such user", person),
        (Recipient, 550, "5.1.7 bad sender", ours),
        (Recipient, 554, "5.7.1 relay access denied", suspect),
        (
            Recipient,
            554,
            "5.7.1 Client host [192.0.2.1] blocked using zen.spamhaus.org",
            suspect,
        ),
        (Recipient, 550, "5.7.26 DMARC", suspect),
        (
            Recipient,
            552,
            "5.2.2 full",
            ResponseClass::permanent(Reason::ProviderRefused),
        ),
        (Recipient, 501, "5.5.2 syntax", unlisted),
        (Recipient, 599, "?", unlisted),
        (Recipient, 450, "4.2.0 greylisted", early),
        (Recipient, 450, "4.2.1 busy", early),
        (Recipient, 452, "4.2.2 full", busy),
        (Recipient, 451, "4.7.1 greylisted", early),
        (Recipient, 450, "busy", early),
        (Recipient, 451, "local error", later),
        (Recipient, 452, "4.3.1 disk full", later),
        (Recipient, 421, "4.7.0 bye", later),
        (Data, 554, "5.5.1 no valid recipients", unlisted),
        (Data, 451, "4.3.0 later", later),
        (Text, 550, "5.1.1 no such user", dead),
        (Text, 554, "5.7.1 looks like spam", content),
        (Text, 550, "5.7.26 DMARC", suspect),
        (Text, 554, "5.6.0 malformed", content),
        (Text, 554, "no", unlisted),
        (Text, 552, "too big", large),
        (Text, 552, "5.2.3 too big", large),
        (Text, 554, "5.3.3 feature not supported", other),
        (Text, 554, "5.3.2 not accepting", later),
        (Text, 550, "5.4.4 unable to route", unlisted),
        (Text, 451, "4.3.0 try later", later),
    ] {
        let read = verdict(phase, code, words);
        assert_eq!(read, expected, "{phase:?} {code} {words}");
    }
}

#[test]
fn a_limit_of_the_account_ends_no_message() {
    let limit = ResponseClass::ADDRESS_THROTTLED.suspecting(AccountFault::Exhausted);
    let (out, slower) = (ResponseClass::EXHAUSTED, ResponseClass::THROTTLED);
    let several = ResponseClass::ADDRESS_THROTTLED;
    for (phase, code, words, expected) in [
        (Text, 550, "5.4.5 Daily user sending limit exceeded.", out),
        (
            Text,
            554,
            "5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException",
            limit,
        ),
        (
            Recipient,
            550,
            "User me@site.com has exceeded its 24-hour sending limit",
            limit,
        ),
        (
            Recipient,
            550,
            "Domain x has exceeded the max emails per hour (123/100) allowed",
            limit,
        ),
        (
            Text,
            550,
            "Domain x has exceeded the max emails per hour (123/100) allowed",
            limit,
        ),
        (
            Data,
            550,
            "5.7.1 <DATA>: Data command rejected: only 10 messages per day",
            limit,
        ),
        (Sender, 550, "5.7.1 daily limit reached", out),
        (
            Text,
            454,
            "Throttling failure: Maximum sending rate exceeded",
            several,
        ),
        (
            Sender,
            450,
            "4.7.1 Error: too much mail from 192.0.2.1",
            slower,
        ),
        (
            Text,
            432,
            "4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded",
            slower,
        ),
        (
            Text,
            432,
            "4.3.2 Concurrent connections limit exceeded",
            slower,
        ),
        (Recipient, 421, "4.7.28 unusual rate of mail", slower),
        (Text, 550, "5.7.28 unusual rate of unsolicited mail", slower),
        (
            Text,
            421,
            "4.4.2 too many messages in this session",
            several,
        ),
        (
            Text,
            550,
            "5.7.1 [192.0.2.1] Our system has detected an unusual rate of unsolicited mail \
             originating from your IP address.",
            limit,
        ),
        // A mailbox has a quota, too.
        (
            Recipient,
            552,
            "5.2.2 mailbox exceeded its quota",
            ResponseClass::permanent(Reason::ProviderRefused),
        ),
        (
            Text,
            552,
            "message size limit exceeded",
            ResponseClass::permanent(Reason::MessageTooLarge),
        ),
    ] {
        let read = verdict(phase, code, words);
        assert_eq!(read, expected, "{phase:?} {code} {words}");
    }
}

#[test]
fn refusal_of_our_account_does_not_blame_the_recipient() {
    for (phase, code, words) in [
        (Recipient, 550, "relay not permitted"),
        (Recipient, 550, "smtp auth required"),
        (
            Recipient,
            550,
            "Verification failed for <hello@ours> No Such User Here Sender verify failed",
        ),
        (
            Recipient,
            550,
            "Requested action not taken: mailbox unavailable Failure sending mail. Try again later",
        ),
        (Recipient, 554, "5.7.1 <x>: Relay access denied"),
        (
            Recipient,
            550,
            "5.7.1 Unfortunately, messages from [192.0.2.1] weren't sent. Please contact your \
             Internet service provider since part of their network is on our block list (S3150).",
        ),
        (Recipient, 550, "5.7.606 Access denied, banned sending IP"),
        (Recipient, 550, "5.7.1 go away"),
        (Recipient, 550, "5.2.0 no"),
        (Recipient, 550, "Your server is not welcome"),
        (Recipient, 550, "Administrative prohibition"),
        (Recipient, 550, "rejected by policy"),
        (Recipient, 553, "Sender is not known here"),
        (Recipient, 550, "Temporary failure"),
        (Recipient, 554, ""),
        (
            Recipient,
            550,
            "5.1.1 <x>: Recipient address rejected: undeliverable address: host mx said: \
             554 5.7.1 Client host [192.0.2.1] blocked using zen.spamhaus.org",
        ),
    ] {
        let read = verdict(phase, code, words);
        assert_eq!(read, SUSPECT, "{phase:?} {code} {words}");
    }
}

/// The code counts, in any language, and without words.
#[test]
fn a_recipient_that_is_refused_by_its_code_alone_is_presumed_not_to_be_there() {
    for (code, words) in [
        (550, ""),
        (550, "Unbekannter Empf\u{fffd}nger"),
        (550, "5.0.0"),
        (550, "5.0.0 x"),
        (550, "5.4.1 Recipient address rejected: Access denied"),
        (550, "Recipient address rejected"),
        (550, "go away"),
        (551, "5.0.0 no"),
        (553, ""),
        (553, "Requested action not taken: mailbox name not allowed"),
    ] {
        let read = verdict(Recipient, code, words);
        assert_eq!(read, words::PRESUMED, "{code} {words}");
        assert!(!read.dead_address, "nobody is buried");
        // At another step it is not about them.
        assert_ne!(
            verdict(Text, code, words),
            words::PRESUMED,
            "{code} {words}"
        );
        assert_ne!(
            verdict(Sender, code, words),
            words::PRESUMED,
            "{code} {words}"
        );
    }
    for moved in ["", "User not local; please try <x@y>"] {
        let read = verdict(Recipient, 551, moved);
        assert_eq!(read, NO_SUCH_ADDRESS, "{moved}");
    }
}

#[test]
fn refusal_of_one_mail_does_not_take_the_account_out() {
    let content = ResponseClass::permanent(Reason::ContentRefused);
    for (phase, code, words, expected) in [
        (
            Text,
            554,
            "5.7.9 Message not accepted for policy reasons",
            content,
        ),
        (
            Recipient,
            550,
            "5.1.2 <address>... Host unknown (Name server: <address>: host not found)",
            ResponseClass::permanent(Reason::InvalidRecipient),
        ),
        (
            Recipient,
            550,
            "5.1.1 User unknown in relay recipient table",
            ResponseClass::dead(Reason::InvalidRecipient),
        ),
        (Text, 550, "5.7.8 authenticate", SUSPECT_LOGIN),
        (
            Recipient,
            530,
            "5.7.0 authentication required",
            SUSPECT_LOGIN,
        ),
    ] {
        let read = verdict(phase, code, words);
        assert_eq!(read, expected, "{phase:?} {code} {words}");
    }
}

#[test]
fn greylisted_recipient_waits_and_the_account_goes_on() {
    for (phase, code, words) in [
        (Recipient, 450, "4.2.0 Greylisted, try again in 300 seconds"),
        (Recipient, 451, "4.7.1 Greylisting in action"),
        (Recipient, 451, "greylisted"),
        (Text, 451, "4.7.1 Try again later"),
        (Text, 450, "later"),
        (Text, 421, "4.3.0 Greylisted"),
    ] {
        let read = verdict(phase, code, words);
        assert_eq!(read, ResponseClass::TOO_EARLY, "{phase:?} {code} {words}");
    }
}

mod random {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::Class;

    proptest! {
        /// Without a code that says it, no words end a message but as one of two kinds, and once the
        /// recipient is named none takes an account out.
        #[test]
        fn words_alone_decide_little(code in 400..600_u16, words in "[a-z ]*") {
            for phase in [Recipient, Data, Text] {
                let read = verdict(phase, code, &words);
                prop_assert!(read.class != Class::AccountRefused);
                prop_assert!(!read.dead_address);
                prop_assert!(code >= 500 || read.class != Class::Permanent);
            }
        }
    }
}
