//! What providers answer.

use herald::domain::limits::DETAIL_BYTES;
use herald::domain::{Class, ProviderKind, Reply};
use herald::providers::fuzzing::{self, ADDRESS};

pub(crate) fn sendgrid(bytes: &[u8]) {
    http(ProviderKind::Sendgrid, bytes);
}

pub(crate) fn twilio(bytes: &[u8]) {
    http(ProviderKind::Twilio, bytes);
}

pub(crate) fn fcm(bytes: &[u8]) {
    http(ProviderKind::Fcm, bytes);
}

pub(crate) fn slack(bytes: &[u8]) {
    http(ProviderKind::Slack, bytes);
}

/// The first byte says where the socket's reads are split.
pub(crate) fn smtp(bytes: &[u8]) {
    let Some((split, said)) = bytes.split_first() else {
        return;
    };
    for reply in fuzzing::smtp_replies(said, usize::from(*split)) {
        check(&reply);
    }
}

fn http(kind: ProviderKind, bytes: &[u8]) {
    if let Some(reply) = fuzzing::reply(kind, bytes) {
        check(&reply);
    }
}

/// What holds of every reply: it never names the person, it is short, and what ends a message for good
/// says why.
fn check(reply: &Reply) {
    if let Some(detail) = &reply.detail {
        assert!(detail.len() <= DETAIL_BYTES, "{} bytes", detail.len());
        assert!(!detail.contains(ADDRESS), "{detail}");
    }
    let is_final = reply.class == Class::Permanent;
    assert_eq!(is_final, reply.reason.is_some(), "{reply:?}");
    assert!(!reply.dead_address || is_final, "{reply:?}");
    let is_refused = reply.class == Class::AccountRefused;
    assert_eq!(is_refused, reply.fault.is_some(), "{reply:?}");
}
