//! What providers tell later, by calls of their own: whether a call is the provider's, and what it says. Pure.
//!
//! Nothing is parsed of what is not signed. A call whose signature is right is never refused for what is in it:
//! what cannot be read is an event as well.

use super::{sendgrid, smtp, twilio};
use crate::domain::{Account, EventRefusal, HeardEvent, ProviderKind};

pub use super::heard::EventHead;

/// Whether the body of a call is worth reading.
///
/// # Errors
/// The account takes no events, or the head says that the call is not its provider's.
pub fn admit(account: &Account, head: &EventHead<'_>) -> Result<(), EventRefusal> {
    match account.kind {
        ProviderKind::Sendgrid => sendgrid::events::admit(account, head),
        ProviderKind::Twilio => twilio::events::admit(account, head),
        ProviderKind::Smtp => smtp::events::admit(account),
        ProviderKind::Fcm | ProviderKind::Slack | ProviderKind::Sandbox => Err(EventRefusal::NoKey),
    }
}

/// Whether the account has what its provider's calls are proven with.
#[must_use]
pub fn are_proven(account: &Account) -> bool {
    let head = EventHead {
        url: None,
        query: "",
        headers: vec![],
        now: jiff::Timestamp::UNIX_EPOCH,
    };
    admit(account, &head) != Err(EventRefusal::NoKey)
}

/// Whether the calls of two accounts are proven by the same key: whoever has it may speak of both.
#[must_use]
pub fn are_proven_alike(one: &Account, other: &Account) -> bool {
    one.kind == other.kind
        && match one.kind {
            ProviderKind::Sendgrid => sendgrid::events::are_proven_alike(one, other),
            ProviderKind::Twilio => twilio::events::are_proven_alike(one, other),
            // Their return paths say which account it was.
            ProviderKind::Smtp
            | ProviderKind::Fcm
            | ProviderKind::Slack
            | ProviderKind::Sandbox => false,
        }
}

/// What a call tells.
///
/// # Errors
/// The call is not the provider's.
pub fn read(
    account: &Account,
    head: &EventHead<'_>,
    body: &[u8],
) -> Result<Vec<HeardEvent>, EventRefusal> {
    admit(account, head)?;
    match account.kind {
        ProviderKind::Sendgrid => sendgrid::events::read(account, head, body),
        ProviderKind::Twilio => twilio::events::read(account, head, body),
        ProviderKind::Smtp => smtp::events::read(account, head, body),
        ProviderKind::Fcm | ProviderKind::Slack | ProviderKind::Sandbox => Err(EventRefusal::NoKey),
    }
}
