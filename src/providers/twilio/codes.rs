//! Twilio's error codes, as data. Twilio splits and adds codes and asks not to hard-wire them:
//! what is not here is read by its HTTP status.
//!
//! Codes from 30000 come in status callbacks rather than in an answer; they are one dictionary.

use crate::domain::Reason;
use crate::providers::verdict::Verdict;

const BAD_NUMBER: Verdict = Verdict::dead(Reason::InvalidRecipient);
const BAD_CONTENT: Verdict = Verdict::permanent(Reason::ContentRefused);
const REFUSED: Verdict = Verdict::permanent(Reason::ProviderRefused);

/// Code and verdict, ascending. Twilio: error and warning dictionary.
const TABLE: &[(u32, Verdict)] = &[
    (14107, Verdict::THROTTLED),      // send rate exceeded
    (20003, Verdict::CREDENTIALS),    // authentication failed
    (20005, Verdict::CREDENTIALS),    // account not active
    (20006, Verdict::SETTINGS),       // access denied
    (20008, Verdict::SETTINGS),       // test credentials
    (20010, Verdict::CREDENTIALS),    // action disabled for the account
    (20151, Verdict::CREDENTIALS),    // authentication failed
    (20403, Verdict::CREDENTIALS),    // forbidden
    (20404, Verdict::SETTINGS),       // wrong SID in the path
    (20429, Verdict::THROTTLED),      // too many concurrent requests; never processed
    (20500, Verdict::TRANSIENT),      // internal error
    (20503, Verdict::TRANSIENT),      // unavailable
    (21211, BAD_NUMBER),              // invalid To
    (21212, Verdict::SETTINGS),       // invalid From
    (21217, BAD_NUMBER),              // number appears invalid
    (21408, Verdict::NOT_BY_ACCOUNT), // region not enabled
    (21421, BAD_NUMBER),              // number invalid
    (21472, Verdict::CREDENTIALS),    // account not active
    (21602, BAD_CONTENT),             // no body
    (21603, Verdict::SETTINGS),       // no From
    (21604, Verdict::permanent(Reason::InvalidRecipient)), // no To
    (21606, Verdict::NOT_BY_ACCOUNT), // From is not a sender for this destination
    (21608, Verdict::NOT_BY_ACCOUNT), // trial account, unverified number
    (21609, Verdict::SETTINGS),       // StatusCallback, which is ours
    (21610, Verdict::dead(Reason::OptedOut)), // the person sent STOP
    (21611, Verdict::THROTTLED),      // the sender's queue is full
    (21612, Verdict::NOT_BY_ACCOUNT), // not reachable from this sender
    (21614, BAD_NUMBER),              // not a mobile number
    (21617, Verdict::permanent(Reason::MessageTooLarge)), // over 1600 characters
    (21618, BAD_CONTENT),             // the body cannot be sent
    (21620, BAD_CONTENT),             // bad media URL
    (21623, BAD_CONTENT),             // too many media
    (21659, Verdict::SETTINGS),       // From is not ours
    (21660, Verdict::SETTINGS),       // From belongs to another account
    (21661, Verdict::SETTINGS),       // From cannot send texts
    (21701, Verdict::SETTINGS),       // no such messaging service
    (21702, Verdict::SETTINGS),       // service not available
    (21703, Verdict::SETTINGS),       // service has no number free
    (21704, Verdict::SETTINGS),       // service has no number
    (21705, Verdict::SETTINGS),       // service invalid
    (30001, Verdict::THROTTLED),      // queue overflow
    (30002, Verdict::CREDENTIALS),    // account suspended
    (30003, Verdict::ADDRESS_BUSY),   // handset off or out of reach
    (30004, REFUSED),                 // blocked
    (30005, BAD_NUMBER),              // unknown handset
    (30006, BAD_NUMBER),              // landline
    (30007, BAD_CONTENT),             // filtered as spam
    (30008, Verdict::UNLISTED),       // unknown
    (30017, Verdict::ADDRESS_BUSY),   // carrier congestion
    (30022, Verdict::THROTTLED),      // 10DLC rate
    (30023, Verdict::EXHAUSTED),      // daily cap
    (30027, Verdict::EXHAUSTED),      // daily cap of a carrier
    (30032, Verdict::SETTINGS),       // toll-free number not verified
    (30033, Verdict::SETTINGS),       // campaign suspended
    (30034, Verdict::SETTINGS),       // unregistered sender
    (30035, Verdict::SETTINGS),       // sender still being configured
    (30036, REFUSED),                 // validity period passed
    (30410, Verdict::ADDRESS_BUSY),   // carrier timeout
    (30450, Verdict::ADDRESS_BUSY),   // SMS pumping block, clears in half an hour
    (63017, Verdict::THROTTLED),      // account-wide rate
    (63018, Verdict::THROTTLED),      // channel rate
    (63038, Verdict::EXHAUSTED),      // the account's limit of the day
];

/// What a code means, if it is known.
pub(crate) fn verdict(code: u32) -> Option<Verdict> {
    let at = TABLE
        .binary_search_by_key(&code, |(known, _)| *known)
        .ok()?;
    TABLE.get(at).map(|(_, verdict)| *verdict)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Class;

    #[test]
    fn codes_ascend_so_that_they_are_found() {
        assert!(TABLE.is_sorted_by(|a, b| a.0 < b.0));
        for (code, expected) in TABLE {
            assert_eq!(verdict(*code), Some(*expected));
        }
        assert_eq!(verdict(0), None);
        assert_eq!(verdict(99999), None);
    }

    #[test]
    fn only_an_answer_about_the_number_makes_it_dead() {
        let dead: Vec<u32> = TABLE
            .iter()
            .filter(|(_, verdict)| verdict.dead_address)
            .map(|(code, _)| *code)
            .collect();
        assert_eq!(dead, [21211, 21217, 21421, 21610, 21614, 30005, 30006]);
    }

    #[test]
    fn a_permanent_verdict_has_a_reason() {
        for (code, verdict) in TABLE {
            let needs = verdict.class == Class::Permanent;
            assert_eq!(verdict.reason.is_some(), needs, "{code}");
        }
    }
}
