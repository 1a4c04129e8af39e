//! What a server's refusal means: one closed table by step, code and enhanced code (RFC 5321, 4.2;
//! RFC 3463; RFC 5248; RFC 7372). Its words are only a last help, see [`super::words`].
//!
//! Once the recipient is named, what does not surely speak of us, of them or of the mail is a
//! suspicion: the message is tried again, and the account is taken out when several are told the same.

use super::enhanced::Enhanced;
use super::trouble::Phase;
use super::words::{self, SUSPECT};
use crate::domain::{AccountFault, Reason};
use crate::providers::verdict::ResponseClass;

/// Perhaps about our login.
const SUSPECT_LOGIN: ResponseClass = ResponseClass::suspect(AccountFault::Credentials);
const NO_SUCH_ADDRESS: ResponseClass = ResponseClass::permanent(Reason::InvalidRecipient);
const DEAD: ResponseClass = ResponseClass::dead(Reason::InvalidRecipient);
const CONTENT: ResponseClass = ResponseClass::permanent(Reason::ContentRefused);
const TOO_LARGE: ResponseClass = ResponseClass::permanent(Reason::MessageTooLarge);

/// What a refusal means. The words have been freed of the recipient's address and domain, which
/// strangers choose.
pub(super) fn verdict(phase: Phase, code: u16, words: &str) -> ResponseClass {
    let enhanced = Enhanced::of(words);
    let at = enhanced.map(|code| (code.subject, code.detail));
    let listed = match (code, phase) {
        (500..=599, Phase::Connect) => ResponseClass::SETTINGS,
        (500..=599, Phase::Auth) => ResponseClass::CREDENTIALS,
        (500..=599, Phase::Sender) => of_sender(code, at),
        (500..=599, _) => of_mail(phase, code, at),
        // The server does not want us now; another account's may.
        (400..=499, Phase::Connect | Phase::Auth) => ResponseClass::SETTINGS,
        (400..=499, Phase::Sender) => sender_for_now(code, at),
        (400..=499, _) => mail_for_now(phase, code, at),
        _ => ResponseClass::TRANSIENT,
    };
    match (phase, code) {
        (Phase::Connect | Phase::Auth, _) => listed,
        (phase, 400..=499) => words::for_now(listed, phase, words),
        (Phase::Sender, _) => words::of_sender(listed, words),
        (phase, _) => words::of_mail(listed, phase, (code, at), words),
    }
}

/// 5yz to MAIL FROM: of us, but for the mail's size and what the mail needs.
const fn of_sender(code: u16, at: Option<(u16, u16)>) -> ResponseClass {
    match (code, at) {
        (530 | 534 | 535 | 538, _) | (_, Some((7, 8 | 9))) => ResponseClass::CREDENTIALS,
        (_, Some((2, 3) | (3, 4))) | (552, None) => TOO_LARGE,
        (_, Some((3, 3) | (5, 4) | (6, 7..=9))) | (555, None) => ResponseClass::NOT_BY_ACCOUNT,
        (_, Some((6, _))) => CONTENT,
        (_, Some((4, 5))) => ResponseClass::EXHAUSTED,
        (_, Some((7, 28))) => ResponseClass::THROTTLED,
        _ => ResponseClass::SETTINGS,
    }
}

/// 5yz once the recipient is named.
const fn of_mail(phase: Phase, code: u16, at: Option<(u16, u16)>) -> ResponseClass {
    match (code, at) {
        (530 | 534 | 535 | 538, _) => SUSPECT_LOGIN,
        (_, Some(at)) => by_enhanced(phase, at),
        (552, None) => TOO_LARGE,
        // RFC 7504 (the domain takes no mail), RFC 5321 (the user is not local).
        (551 | 556, None) => NO_SUCH_ADDRESS,
        // A parameter that this mail needs.
        (555, None) => ResponseClass::NOT_BY_ACCOUNT,
        _ => ResponseClass::UNLISTED,
    }
}

const fn by_enhanced(phase: Phase, at: (u16, u16)) -> ResponseClass {
    match (at, phase) {
        // Nobody of the name; moved; Exchange for nobody, and RFC 7505 for a domain that takes no mail.
        ((1, 1 | 6 | 10), Phase::Recipient | Phase::Text) => DEAD,
        // RFC 3463, 3.2: the sender's address.
        ((1, 7 | 8), _) => ResponseClass::SETTINGS,
        ((1, 2..=6 | 9 | 10) | (2, 1), _) => NO_SUCH_ADDRESS,
        ((2, 2), _) => ResponseClass::permanent(Reason::ProviderRefused),
        ((2, 3) | (3, 4), _) => TOO_LARGE,
        // The server lacks what this mail needs.
        ((3, 3) | (5, 4) | (6, 7..=9), _) => ResponseClass::NOT_BY_ACCOUNT,
        // Its own state, though it says that it lasts.
        ((3, 0..=2), _) => ResponseClass::TRANSIENT,
        // Google: what may be sent in a day. RFC 3463 has congestion here.
        ((4, 5), _) => ResponseClass::EXHAUSTED,
        ((6, _), _) => CONTENT,
        ((7, 8), _) => SUSPECT_LOGIN,
        // Google: too much mail from this network.
        ((7, 28), _) => ResponseClass::THROTTLED,
        // Policy, of the mail that the server has seen (Yahoo: 5.7.9).
        ((7, 0 | 1 | 9), Phase::Text) => CONTENT,
        // Policy of another kind: DKIM, SPF, DMARC (RFC 7372), relaying, our network (Microsoft: 5.7.606).
        ((7, _), _) => SUSPECT,
        _ => ResponseClass::UNLISTED,
    }
}

/// 4yz to MAIL FROM.
const fn sender_for_now(code: u16, at: Option<(u16, u16)>) -> ResponseClass {
    match (code, at) {
        (432, _) | (_, Some((2, 1) | (4, 5) | (7, _))) => ResponseClass::THROTTLED,
        _ => ResponseClass::TRANSIENT,
    }
}

/// 4yz once the recipient is named.
const fn mail_for_now(phase: Phase, code: u16, at: Option<(u16, u16)>) -> ResponseClass {
    match (code, at, phase) {
        // Exchange Online: too many connections at once.
        (432, _, _) | (_, Some((4, 5) | (7, 28)), _) => ResponseClass::THROTTLED,
        (421, _, _) => ResponseClass::TRANSIENT,
        // Full or moving (RFC 3463, 3.2 and 3.3).
        (_, Some((1, _) | (2, 2)), Phase::Recipient) | (_, Some((2, 2)), _) => {
            ResponseClass::ADDRESS_BUSY
        }
        // Greylisted (RFC 6647, 5), or busy with this mailbox: RFC 5321, 4.2.3, 450 is the mailbox's.
        (_, Some((1 | 2 | 7, _)), _) | (450, None, _) => ResponseClass::TOO_EARLY,
        _ => ResponseClass::TRANSIENT,
    }
}

#[cfg(test)]
mod tests;
