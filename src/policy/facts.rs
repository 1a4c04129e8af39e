//! What a decision rests on, and what comes of it.

use jiff::Timestamp;
use serde::Serialize;

use super::routing::AccountFacts;
use crate::domain::{
    Counted, Counter, GlobalPolicy, Notification, Reason, Recipient, Target, TenantRules,
};

/// All that a decision may rest on.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// What is to be sent.
    pub notification: &'a Notification,
    /// To whom.
    pub recipient: &'a Recipient,
    /// What the tenant says for all its people.
    pub rules: &'a TenantRules,
    /// What the operator says for everybody.
    pub global: &'a GlobalPolicy,
    /// The accounts of the channel, in any order; with those that are there and not in use.
    pub accounts: &'a [AccountFacts<'a>],
    /// Those of this notification's addresses that are on the suppression list, as
    /// [`Suppression::address`](crate::domain::Suppression::address) spells them.
    pub suppressed: &'a [String],
    /// What is known of the daily caps.
    pub quota: Quota<'a>,
    /// The time of the decision.
    pub now: Timestamp,
    /// A number in `[0, 1)` that spreads accounts of equal priority, and releases.
    pub jitter: f64,
}

/// What is known of the daily caps that a notification is under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quota<'a> {
    /// Nobody has asked.
    Unasked,
    /// These counters hold a place for this notification. On another day they are not enough.
    Reserved(&'a [Counter]),
    /// What the counters hold. One at least has no room, if they were asked in order to send.
    Counted(&'a [Counted]),
}

/// What is to become of a notification now.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Send it.
    Deliver {
        /// Positions in [`Facts::accounts`], first choice first; empty for the in-app channel,
        /// which has no provider, and when nobody is left to be asked.
        route: Vec<usize>,
        /// Whether an account that may carry it is left out of the route, since it is out or another
        /// has to be asked first.
        left_out: bool,
        /// The account which should have been asked first, for it may have delivered it already, and
        /// which is not there any more.
        gone: Option<String>,
        /// Where to; those that accepted in an earlier pass are left out. None: it is sent.
        targets: Vec<Target>,
        /// Who has not sent it by then decides again: silence may have begun.
        #[serde(rename = "good_until")]
        valid_until: Timestamp,
    },
    /// Send it if all these counters have room: reserve a place in each, then decide again.
    Reserve(Vec<Counter>),
    /// Not yet.
    Defer {
        /// Why; a pending reason.
        reason: Reason,
        /// Until when.
        until: Timestamp,
    },
    /// Never: against the person's preference, or too late. A cancelled reason.
    Cancel(Reason),
    /// It cannot be sent. A failed reason.
    Fail(Reason),
}
