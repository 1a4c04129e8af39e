//! The last help where a code does not say whom a refusal is about: what servers are known to write.
//!
//! Words are the server's, or of another server that it quotes, in any language or none. They never end a
//! message that the code leaves open but as an address that is not there or a content that is refused, and
//! they never take an account out: that needs several that are told the same. What refuses a recipient
//! with the code for it, and says nothing of us, is about the recipient.

use std::time::Duration;

use super::trouble::Phase;
use crate::domain::{AccountFault, Class, Reason};
use crate::providers::verdict::ResponseClass;

/// Perhaps about how we are set up, or who we are.
pub(super) const SUSPECT: ResponseClass = ResponseClass::suspect(AccountFault::Settings);

/// Of the address, by its step and code alone (RFC 5321, 4.2.3 and 4.3.2): final for the message, and too
/// little to bury the address.
pub(super) const PRESUMED: ResponseClass =
    ResponseClass::permanent(Reason::InvalidRecipient).suspecting(AccountFault::Settings);

/// Perhaps what the account may send, told for one mail.
const LIMIT: ResponseClass = ResponseClass::ADDRESS_THROTTLED.suspecting(AccountFault::Exhausted);

const LIMITS: &[&str] = &[
    "throttl",
    "too many",
    "too much mail",
    "rate exceeded",
    "rate limit",
    "sending rate",
    "sending limit",
    "sending quota",
    "submissionquota",
    "unusual rate",
    "thread limit",
    "concurrent",
    "per minute",
    "per hour",
    "per day",
    "24-hour",
    "daily",
    "exceeded the max",
    "exceeded its",
    "limit exceeded",
];
const OURS: &[&str] = &[
    "relay",
    "sender verif",
    "sender address",
    "sender rejected",
    "verification failed",
    "auth required",
    "authentication required",
    "authentication is required",
    "authenticate",
    "client host",
    "blocked using",
    "block list",
    "blocklist",
    "blacklist",
    "black list",
    "spamhaus",
    "banned",
    "your ip",
    "sending ip",
    "ip address",
    "reputation",
    "reverse dns",
    "ptr record",
];
/// Says that it lasts, and that it does not.
const LATER: &[&str] = &["try again", "try later", "temporar"];
const NOBODY: &[&str] = &[
    "no such",
    "unknown user",
    "user unknown",
    "unknown recipient",
    "recipient unknown",
    "not exist",
    "n't exist",
    "not found",
    "no mailbox",
    "mailbox unavailable",
    "invalid recipient",
    "invalid mailbox",
    "not a valid",
    "disabled",
];
/// Besides [`OURS`]: says enough that a refusal without an enhanced code is not the recipient's.
const NOT_THEIRS: &[&str] = &[
    "sender",
    "policy",
    "block",
    "spam",
    "prohibit",
    "permitted",
    "authori",
    "helo",
    "ehlo",
    "dns",
    "your ",
];
const REFUSED: &[&str] = &["spam", "virus", "malware", "content", "message re"];
/// Google, with `5.2.1`: a mailbox that is there, and gets too much from everybody.
const RECEIVES_TOO_MUCH: &[&str] = &[
    "receiving mail at a rate",
    "receiving mail too quickly",
    "receivingrate",
];
const GREYLISTED: &[&str] = &["greylist", "graylist", "grey-list", "gray-list", "postgrey"];

fn says(words: &str, any: &[&str]) -> bool {
    any.iter().any(|one| words.contains(one))
}

/// 4yz from MAIL FROM on.
pub(super) fn for_now(listed: ResponseClass, phase: Phase, words: &str) -> ResponseClass {
    let words = words.to_ascii_lowercase();
    if says(&words, GREYLISTED) {
        return ResponseClass::TOO_EARLY;
    }
    match (listed, phase) {
        (ResponseClass::THROTTLED | ResponseClass::ADDRESS_BUSY, _) => listed,
        (_, Phase::Sender) if says(&words, LIMITS) => ResponseClass::THROTTLED,
        // Several at once are the account's rate.
        (_, _) if says(&words, LIMITS) => ResponseClass::ADDRESS_THROTTLED,
        _ => listed,
    }
}

/// 5yz to MAIL FROM.
pub(super) fn of_sender(listed: ResponseClass, words: &str) -> ResponseClass {
    let is_settings = listed == ResponseClass::SETTINGS;
    match is_settings && says(&words.to_ascii_lowercase(), LIMITS) {
        true => ResponseClass::EXHAUSTED,
        false => listed,
    }
}

/// 5yz once the recipient is named.
pub(super) fn of_mail(
    listed: ResponseClass,
    phase: Phase,
    (code, at): (u16, Option<(u16, u16)>),
    words: &str,
) -> ResponseClass {
    let words = words.to_ascii_lowercase();
    if at == Some((2, 1)) && says(&words, RECEIVES_TOO_MUCH) {
        return ResponseClass::ADDRESS_BUSY;
    }
    let is_clear = matches!(listed.class, Class::AccountRefused | Class::Throttled);
    if is_clear || listed.reason == Some(Reason::MessageTooLarge) {
        return listed;
    }
    // Who is not there is not there however much more is said, if it is said of them.
    if says(&words, OURS) && (is_open(listed) || !is_of_mailbox(at) || is_of_us(&words)) {
        return match (says(&words, LIMITS), is_open(listed)) {
            (true, _) => LIMIT,
            (false, true) => listed,
            (false, false) => SUSPECT,
        };
    }
    if says(&words, LIMITS) && !is_of_mailbox(at) {
        return LIMIT;
    }
    if !is_open(listed) || says(&words, LATER) {
        return listed;
    }
    match (phase, code, at) {
        (Phase::Recipient, 550 | 553 | 554, None) if says(&words, NOBODY) => {
            ResponseClass::permanent(Reason::InvalidRecipient)
        }
        (Phase::Recipient, 550 | 551 | 553, at) if is_silent(at) && !says(&words, NOT_THEIRS) => {
            PRESUMED
        }
        (Phase::Text, 550 | 554, None) if says(&words, REFUSED) => {
            ResponseClass::permanent(Reason::ContentRefused)
        }
        _ => listed,
    }
}

/// Whether they speak of us, or of what we may send.
pub(super) fn are_of_us(words: &str) -> bool {
    let words = words.to_ascii_lowercase();
    says(&words, OURS) || says(&words, LIMITS)
}

/// Whether they speak of the mail.
pub(super) fn are_of_content(words: &str) -> bool {
    says(&words.to_ascii_lowercase(), REFUSED)
}

/// Whether they say enough that a refusal without a code is not the recipient's.
pub(super) fn are_not_theirs(words: &str) -> bool {
    says(&words.to_ascii_lowercase(), NOT_THEIRS)
}

/// Whether the enhanced code leaves open what the refusal is about, or is missing. Exchange Online has
/// `5.4.1` for an address that its domain does not know.
const fn is_silent(at: Option<(u16, u16)>) -> bool {
    matches!(at, None | Some((0 | 1, 0) | (4, 1)))
}

/// Whether it is said of our sender, whatever the code.
fn is_of_us(words: &str) -> bool {
    says(
        words,
        &[
            "sender address",
            "sender verif",
            "sender rejected",
            "client host",
        ],
    )
}

fn is_open(listed: ResponseClass) -> bool {
    listed.suspicion.is_some()
}

/// Whether the code speaks of the recipient's address or mailbox: it may well be over its quota. `5.2.0`
/// says too little (Exchange Online has it for our own).
const fn is_of_mailbox(at: Option<(u16, u16)>) -> bool {
    matches!(at, Some((1, _) | (2, 1..)))
}

/// How long a mail that came too early is to wait, where nothing is said: what postgrey waits for.
const USUAL: Duration = Duration::from_secs(300);
const SHORTEST: Duration = Duration::from_secs(10);
const LONGEST: Duration = Duration::from_secs(3_600);

/// How long a mail that came too early is to wait: `try again in 300 seconds`, `retry in 5 minutes`.
pub(super) fn wait(words: &str) -> Duration {
    let words = words.to_ascii_lowercase();
    let tokens: Vec<&str> = words
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|token| !token.is_empty())
        .collect();
    let named = tokens.windows(2).find_map(|pair| match pair {
        [number, unit] => number.parse::<u64>().ok()?.checked_mul(seconds(unit)?),
        _ => None,
    });
    let wait = named.map_or(USUAL, Duration::from_secs);
    wait.clamp(SHORTEST, LONGEST)
}

fn seconds(unit: &str) -> Option<u64> {
    match unit {
        "s" | "sec" | "secs" | "second" | "seconds" => Some(1),
        "m" | "min" | "mins" | "minute" | "minutes" => Some(60),
        "h" | "hour" | "hours" => Some(3_600),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_is_read_where_it_is_named() {
        for (words, expected) in [
            ("4.7.1 Greylisted, try again in 300 seconds", 300),
            ("4.2.0 greylisted for 5 minutes", 300),
            ("4.7.1 retry in 1 hour", 3_600),
            ("4.7.1 retry in 9 hours", 3_600),
            ("4.7.1 retry in 1s", 300),
            ("4.7.1 in 0 seconds", 10),
            ("4.7.1 in 99999999999999999999 minutes", 300),
            ("4.7.1 in 9999999999999999999 hours", 300),
            ("4.7.1 greylisted", 300),
        ] {
            assert_eq!(wait(words).as_secs(), expected, "{words}");
        }
    }
}
