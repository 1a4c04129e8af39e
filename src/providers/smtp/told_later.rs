//! What a refusal means that is told when the mail is long on its way: by the same table of codes and words as one
//! that is said to us, as if it answered RCPT TO.

use super::enhanced::Enhanced;
use super::trouble::Phase;
use super::{refusal, words};
use crate::domain::{AccountFault, Class, Reason, Subject};

/// Whom a refusal is about that is told later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LateRefusal {
    /// The address is dead.
    Dead,
    /// The mailbox, and perhaps not for good.
    Mailbox,
    /// The mail.
    Content,
    /// Us, or our way there.
    Way,
    /// Neither its code nor its words say it.
    Unsaid,
}

/// What a server's words mean, with the SMTP code in front if there is one; or a status that stands for them.
pub(crate) fn late_refusal(words: &str, status: Option<Enhanced>) -> LateRefusal {
    let (code, words) = split(words);
    let said = Enhanced::of(words);
    let enhanced = said.or(status);
    let class = enhanced.map_or(5, |it| it.class);
    let code = code.unwrap_or(if class == 4 { 450 } else { 550 });
    let words = match (said, status) {
        (None, Some(it)) => format!("{}.{}.{} {words}", it.class, it.subject, it.detail),
        _ => words.to_owned(),
    };
    let at = enhanced.map(|it| (it.subject, it.detail));
    let read = refusal::verdict(Phase::Recipient, code, &words);
    let is_vague = matches!(at, None | Some((0 | 1, 0)));
    match (read.class, read.reason, read.suspicion) {
        _ if read.dead_address => LateRefusal::Dead,
        _ if at.is_some_and(|(subject, _)| subject == 7) => LateRefusal::Way,
        (_, Some(Reason::ContentRefused | Reason::MessageTooLarge), _) => LateRefusal::Content,
        (Class::AccountRefused | Class::NotByAccount, ..) => LateRefusal::Way,
        (_, _, Some(AccountFault::Credentials | AccountFault::Exhausted)) => LateRefusal::Way,
        (Class::Throttled, ..) if read.subject == Subject::Account => LateRefusal::Way,
        (Class::Permanent, ..) if is_vague => LateRefusal::Unsaid,
        (Class::Transient, _, Some(_)) if words::are_of_us(&words) => LateRefusal::Way,
        (Class::Transient, _, Some(_)) if is_vague && words::are_of_content(&words) => {
            LateRefusal::Content
        }
        (Class::Transient, _, Some(_)) if is_vague && words::are_not_theirs(&words) => {
            LateRefusal::Way
        }
        (Class::Transient, _, Some(_)) if is_vague => LateRefusal::Unsaid,
        _ => LateRefusal::Mailbox,
    }
}

/// The code of SMTP in front: `550 5.1.1 no such user`, `550-5.1.1 no such user`.
fn split(words: &str) -> (Option<u16>, &str) {
    let words = words.trim_start();
    let code = words.split_at_checked(3).and_then(|(code, rest)| {
        let code: u16 = code.parse().ok()?;
        let is_one = (400..600).contains(&code);
        let ends = rest.is_empty() || rest.starts_with([' ', '-', '\n', '\r', '\t']);
        (is_one && ends).then_some((code, rest.trim_start_matches([' ', '-', '\n', '\r', '\t'])))
    });
    code.map_or((None, words), |(code, rest)| (Some(code), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_buried_whom_sending_would_not_bury() {
        use LateRefusal::{Content, Dead, Mailbox, Unsaid, Way};
        for (words, status, expected) in [
            ("550 5.1.1 no such user", None, Dead),
            ("550-5.1.1 no such user", Some("5.0.0"), Dead),
            ("", Some("5.1.1"), Dead),
            ("550 5.1.10 RESOLVER.ADR.RecipientNotFound", None, Dead),
            ("550 5.1.6 moved", None, Dead),
            ("", Some("5.1.2"), Mailbox),
            ("550 5.2.1 disabled", None, Mailbox),
            (
                "550-5.2.1 The user you are trying to contact is receiving mail at a rate that\n 550-5.2.1 prevents",
                Some("5.0.0"),
                Mailbox,
            ),
            ("552 5.2.2 over quota", None, Mailbox),
            ("450 4.2.0 greylisted", Some("5.1.1"), Mailbox),
            ("", Some("4.4.7"), Mailbox),
            ("", Some("5.4.4"), Mailbox),
            ("550 5.7.1 weren't sent (S3150)", None, Way),
            ("", Some("4.7.1"), Way),
            (
                "554 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org",
                None,
                Way,
            ),
            ("550 5.1.1 <x>: Sender address rejected: unknown", None, Way),
            ("550 has exceeded its 24-hour sending limit", None, Way),
            ("550 5.4.5 Daily user sending limit exceeded", None, Way),
            (
                "550 Message rejected as spam by Content Filtering.",
                None,
                Content,
            ),
            ("554 5.6.0 malformed", None, Content),
            ("552 5.3.4 too large", None, Content),
            ("550 rejected by policy", None, Way),
            ("550 no such user here", None, Unsaid),
            (
                "550 Requested action not taken: mailbox unavailable",
                Some("5.0.0"),
                Unsaid,
            ),
            ("", None, Unsaid),
            ("55", None, Unsaid),
            ("é50 x", None, Unsaid),
        ] {
            let status = status.and_then(Enhanced::of);
            assert_eq!(late_refusal(words, status), expected, "{words} {status:?}");
        }
    }
}
