//! Twilio's error codes, as data. Twilio splits and adds codes and asks not to hard-wire them:
//! what is not here is read by its HTTP status.
//!
//! Codes from 30000 come in status callbacks rather than in an answer; they are one dictionary.

use crate::domain::Reason;
use crate::providers::verdict::ResponseClass;

const BAD_NUMBER: ResponseClass = ResponseClass::dead(Reason::InvalidRecipient);
const BAD_CONTENT: ResponseClass = ResponseClass::permanent(Reason::ContentRefused);
const REFUSED: ResponseClass = ResponseClass::permanent(Reason::ProviderRefused);

/// Code and verdict, ascending. Twilio: error and warning dictionary.
const TABLE: &[(u32, ResponseClass)] = &[
    (14107, ResponseClass::THROTTLED),      // send rate exceeded
    (20003, ResponseClass::CREDENTIALS),    // authentication failed
    (20005, ResponseClass::CREDENTIALS),    // account not active
    (20006, ResponseClass::SETTINGS),       // access denied
    (20008, ResponseClass::SETTINGS),       // test credentials
    (20010, ResponseClass::CREDENTIALS),    // action disabled for the account
    (20151, ResponseClass::CREDENTIALS),    // authentication failed
    (20403, ResponseClass::CREDENTIALS),    // forbidden
    (20404, ResponseClass::SETTINGS),       // wrong SID in the path
    (20429, ResponseClass::THROTTLED),      // too many concurrent requests; never processed
    (20500, ResponseClass::TRANSIENT),      // internal error
    (20503, ResponseClass::TRANSIENT),      // unavailable
    (21211, BAD_NUMBER),                    // invalid To
    (21212, ResponseClass::SETTINGS),       // invalid From
    (21217, BAD_NUMBER),                    // number appears invalid
    (21408, ResponseClass::NOT_BY_ACCOUNT), // region not enabled
    (21421, BAD_NUMBER),                    // number invalid
    (21472, ResponseClass::CREDENTIALS),    // account not active
    (21602, BAD_CONTENT),                   // no body
    (21603, ResponseClass::SETTINGS),       // no From
    (21604, ResponseClass::permanent(Reason::InvalidRecipient)), // no To
    (21606, ResponseClass::NOT_BY_ACCOUNT), // From is not a sender for this destination
    (21608, ResponseClass::NOT_BY_ACCOUNT), // trial account, unverified number
    (21609, ResponseClass::SETTINGS),       // StatusCallback, which is ours
    (21610, ResponseClass::dead(Reason::OptedOut)), // the person sent STOP
    (21611, ResponseClass::THROTTLED),      // the sender's queue is full
    (21612, ResponseClass::NOT_BY_ACCOUNT), // not reachable from this sender
    (21614, BAD_NUMBER),                    // not a mobile number
    (21617, ResponseClass::permanent(Reason::MessageTooLarge)), // over 1600 characters
    (21618, BAD_CONTENT),                   // the body cannot be sent
    (21620, BAD_CONTENT),                   // bad media URL
    (21623, BAD_CONTENT),                   // too many media
    (21659, ResponseClass::SETTINGS),       // From is not ours
    (21660, ResponseClass::SETTINGS),       // From belongs to another account
    (21661, ResponseClass::SETTINGS),       // From cannot send texts
    (21701, ResponseClass::SETTINGS),       // no such messaging service
    (21702, ResponseClass::SETTINGS),       // service not available
    (21703, ResponseClass::SETTINGS),       // service has no number free
    (21704, ResponseClass::SETTINGS),       // service has no number
    (21705, ResponseClass::SETTINGS),       // service invalid
    (30001, ResponseClass::THROTTLED),      // queue overflow
    (30002, ResponseClass::CREDENTIALS),    // account suspended
    (30003, ResponseClass::ADDRESS_BUSY),   // handset off or out of reach
    (30004, REFUSED),                       // blocked
    (30005, BAD_NUMBER),                    // unknown handset
    (30006, BAD_NUMBER),                    // landline
    (30007, BAD_CONTENT),                   // filtered as spam
    (30008, ResponseClass::UNLISTED),       // unknown
    (30017, ResponseClass::ADDRESS_BUSY),   // carrier congestion
    (30022, ResponseClass::THROTTLED),      // 10DLC rate
    (30023, ResponseClass::EXHAUSTED),      // daily cap
    (30027, ResponseClass::EXHAUSTED),      // daily cap of a carrier
    (30032, ResponseClass::SETTINGS),       // toll-free number not verified
    (30033, ResponseClass::SETTINGS),       // campaign suspended
    (30034, ResponseClass::SETTINGS),       // unregistered sender
    (30035, ResponseClass::SETTINGS),       // sender still being configured
    (30036, REFUSED),                       // validity period passed
    (30410, ResponseClass::ADDRESS_BUSY),   // carrier timeout
    (30450, ResponseClass::ADDRESS_BUSY),   // SMS pumping block, clears in half an hour
    (63017, ResponseClass::THROTTLED),      // account-wide rate
    (63018, ResponseClass::THROTTLED),      // channel rate
    (63038, ResponseClass::EXHAUSTED),      // the account's limit of the day
];

/// What a code means, if it is known.
pub(crate) fn verdict(code: u32) -> Option<ResponseClass> {
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
