//! What a provider tells after it has accepted a message.

use jiff::Timestamp;
use uuid::Uuid;

use super::Account;
use super::vocabulary::vocabulary;

vocabulary! {
    /// What a provider tells after it has accepted a message.
    ProviderEvent {
        /// On its way.
        Processed = "processed",
        /// The receiving side asked to come again later.
        Deferred = "deferred",
        /// Arrived.
        Delivered = "delivered",
        /// It came back: there is no such address.
        Bounce = "bounce",
        /// It came back, and another one may arrive: the mailbox is full.
        SoftBounce = "soft_bounce",
        /// The receiving side refused the sender or the content: the address is not dead.
        Block = "block",
        /// The provider did not send it after all.
        Dropped = "dropped",
        /// Opened.
        Open = "open",
        /// Opened by a machine, which looks at all mail.
        MachineOpen = "machine_open",
        /// A link in it was followed.
        Click = "click",
        /// Called spam.
        Complaint = "complaint",
        /// Unsubscribed with it, or STOP.
        Unsubscribe = "unsubscribe",
        /// Subscribed again, or START.
        Resubscribe = "resubscribe",
        /// A text message that did not arrive.
        Undelivered = "undelivered",
        /// What this version does not know: the provider's own word is with it.
        Other = "other",
        /// What cannot be read: kept as it came.
        Unreadable = "unreadable",
    }
}

vocabulary! {
    /// By what it is known which notification an event is about.
    EventMatch {
        /// Our own id, which the provider hands back.
        Id = "id",
        /// The signed return path.
        ReturnPath = "return_path",
        /// The provider's id of the message.
        MessageId = "message_id",
        /// The address: the last that was sent there through the account.
        Address = "address",
    }
}

vocabulary! {
    /// Why an event is not about the notification whose id it names.
    EventMisnaming {
        /// The account that tells it never had that notification.
        OtherAccount = "other_account",
        /// That notification went to another address.
        OtherAddress = "other_address",
    }
}

vocabulary! {
    /// Whom a failure is about that a provider tells later.
    EventBlame {
        /// The address is dead.
        Dead = "dead",
        /// The person has complained.
        Complained = "complained",
        /// The person has unsubscribed.
        Unsubscribed = "unsubscribed",
        /// The person has said STOP to the sender.
        Stopped = "stopped",
        /// The account, or its way to the address: another account may do better.
        Way = "way",
    }
}

vocabulary! {
    /// Why a call that tells events is not listened to.
    EventRefusal {
        /// There is no such account of this kind.
        UnknownAccount = "unknown_account",
        /// The account has no key to check signatures with.
        NoKey = "no_key",
        /// Nobody said under which URL the provider calls, which is signed with the rest.
        NoPublicUrl = "no_public_url",
        /// There is no signature.
        Unsigned = "unsigned",
        /// The signature is not that of what was sent.
        WrongSignature = "wrong_signature",
        /// It was signed too long ago, or ahead of our clock.
        Stale = "stale",
    }
}

vocabulary! {
    /// How far a message has come, as its provider tells: of all that was told, what ranks highest.
    DeliveryState {
        /// On its way.
        Processed = "processed",
        /// Put off by the receiving side.
        Deferred = "deferred",
        /// It did not arrive.
        Undelivered = "undelivered",
        /// It arrived.
        Delivered = "delivered",
        /// It arrived, or seemed to, and came back.
        Bounced = "bounced",
    }
}

/// An event as a provider told it, before anybody has looked what it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeardEvent {
    /// What happened.
    pub event: ProviderEvent,
    /// What makes a second one of the account a repetition; at most [`Self::ID_BYTES`].
    pub event_id: String,
    /// When, as the provider says.
    pub at: Timestamp,
    /// The notification that it names, and how.
    pub named: Option<(Uuid, EventMatch)>,
    /// The provider's id of the message. It begins with the one that is stored, or is that.
    pub message_id: Option<String>,
    /// The person's address, in the spelling of its channel.
    pub address: Option<String>,
    /// The provider's code: a status of RFC 3463, an error code.
    pub code: Option<String>,
    /// The provider's words, without the address, cut to [`super::limits::DETAIL_BYTES`].
    pub detail: Option<String>,
    /// Whom a failure is about.
    pub blame: Option<EventBlame>,
    /// As it came, as JSON that the database takes.
    pub raw: Option<String>,
    /// Whom a report says that it is about; it may be somebody whom the message was passed on to.
    pub reported: Option<ReportedRecipient>,
}

/// A recipient of whom a report tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportedRecipient {
    /// Their address, and the one that the message was sent to, as the report has them, in their one spelling.
    pub addresses: Vec<String>,
    /// Whether the report speaks of nobody else.
    pub is_alone: bool,
}

/// Who tells events.
#[derive(Debug, Clone, Copy)]
pub struct Teller<'a> {
    /// The account.
    pub account: &'a Account,
    /// The names of other accounts of which it may speak, since their provider's calls are proven by the same key.
    pub speaks_for: &'a [String],
}

/// What an account has told of a notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToldBefore {
    /// The notification.
    pub id: Uuid,
    /// The account.
    pub provider: String,
    /// Other accounts of which it may speak.
    pub speaks_for: Vec<String>,
    /// What happened.
    pub event: ProviderEvent,
    /// When first, as the account says.
    pub at: Timestamp,
    /// When it was last told.
    pub told_at: Timestamp,
}

impl HeardEvent {
    /// Longest [`Self::event_id`], in bytes.
    pub const ID_BYTES: usize = 255;

    /// One of which only its kind is known.
    #[must_use]
    pub const fn bare(event: ProviderEvent, event_id: String, at: Timestamp) -> Self {
        Self {
            event,
            event_id,
            at,
            named: None,
            message_id: None,
            address: None,
            code: None,
            detail: None,
            blame: None,
            raw: None,
            reported: None,
        }
    }
}

impl ProviderEvent {
    /// Whether the provider must have accepted the message to tell this.
    #[must_use]
    pub const fn proves_acceptance(self) -> bool {
        matches!(
            self,
            Self::Processed
                | Self::Deferred
                | Self::Delivered
                | Self::Bounce
                | Self::SoftBounce
                | Self::Block
                | Self::Open
                | Self::MachineOpen
                | Self::Click
                | Self::Complaint
        )
    }

    /// Whether the message has arrived if this is told. A machine that opens it says less.
    #[must_use]
    pub const fn proves_arrival(self) -> bool {
        matches!(
            self,
            Self::Delivered | Self::Open | Self::Click | Self::Complaint
        )
    }

    /// How far a message is that this is told of.
    #[must_use]
    pub const fn state(self) -> Option<DeliveryState> {
        Some(match self {
            Self::Processed => DeliveryState::Processed,
            Self::Deferred => DeliveryState::Deferred,
            Self::SoftBounce | Self::Block | Self::Dropped | Self::Undelivered => {
                DeliveryState::Undelivered
            }
            Self::Delivered
            | Self::Open
            | Self::MachineOpen
            | Self::Click
            | Self::Complaint
            | Self::Unsubscribe => DeliveryState::Delivered,
            Self::Bounce => DeliveryState::Bounced,
            Self::Resubscribe | Self::Other | Self::Unreadable => return None,
        })
    }

    /// The event in words, behind "the provider reported that".
    #[must_use]
    pub const fn says(self) -> &'static str {
        match self {
            Self::Processed => "it is on its way",
            Self::Deferred => "the receiving side asked to come again later",
            Self::Delivered => "it has arrived",
            Self::Bounce => "it came back: there is no such address",
            Self::SoftBounce => "it came back: the mailbox could not take it",
            Self::Block => "the receiving side refused the sender or the content",
            Self::Dropped => "it was not sent after all",
            Self::Open => "it was opened",
            Self::MachineOpen => "it was opened by a machine",
            Self::Click => "a link in it was followed",
            Self::Complaint => "the person called it spam",
            Self::Unsubscribe => "the person unsubscribed",
            Self::Resubscribe => "the person subscribed again",
            Self::Undelivered => "it did not arrive",
            Self::Other => "something happened that this version does not know",
            Self::Unreadable => "something happened that cannot be read",
        }
    }
}

impl EventMisnaming {
    /// What the event names, in words.
    #[must_use]
    pub const fn says(self) -> &'static str {
        match self {
            Self::OtherAccount => "it names another notification, which this account never had",
            Self::OtherAddress => "it names another notification, which went to another address",
        }
    }
}

impl DeliveryState {
    /// How far a message has come of which all this was told, in any order.
    #[must_use]
    pub fn of(events: impl IntoIterator<Item = ProviderEvent>) -> Option<Self> {
        events.into_iter().filter_map(ProviderEvent::state).max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_in_which_events_come_says_nothing() {
        use ProviderEvent::{Bounce, Click, Deferred, Delivered, Other, Processed, Undelivered};
        for (told, state) in [
            (vec![], None),
            (vec![Other], None),
            (
                vec![Deferred, Delivered, Processed],
                Some(DeliveryState::Delivered),
            ),
            (
                vec![Delivered, Undelivered, Deferred],
                Some(DeliveryState::Delivered),
            ),
            (vec![Click, Processed], Some(DeliveryState::Delivered)),
            (vec![Bounce, Delivered], Some(DeliveryState::Bounced)),
            (vec![Undelivered], Some(DeliveryState::Undelivered)),
        ] {
            let reversed: Vec<ProviderEvent> = told.iter().rev().copied().collect();
            assert_eq!(DeliveryState::of(told), state);
            assert_eq!(DeliveryState::of(reversed), state);
        }
    }
}
