//! What follows from what a provider tells later.
//!
//! An event is judged by itself: whether it came twice, late or before others is the matter of who keeps them.

use std::iter;

use jiff::{SignedDuration, Timestamp};

use super::expiry;
use crate::domain::{
    AttemptRecord, Channel, Class, EventBlame, EventMatch, GlobalPolicy, Notification,
    ProviderEvent, Status, Step, SuppressionReason,
};

/// How long after a message was accepted another account may still be asked for it.
const FRESH: SignedDuration = SignedDuration::from_hours(24);

/// What is known of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventFacts<'a> {
    /// The account's channel.
    pub channel: Channel,
    /// What happened.
    pub event: ProviderEvent,
    /// Whom a failure is about.
    pub blame: Option<EventBlame>,
    /// By what it is known which notification it is about; `None`: it is not known.
    pub matched_by: Option<EventMatch>,
    /// That notification's category.
    pub category: Option<&'a str>,
    /// Whether a person may switch that off.
    pub may_disable: bool,
}

/// What follows from one event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Consequence {
    /// Nothing more is sent to the address.
    pub suppress: Option<EventSuppression>,
    /// What STOP or unsubscribing brought on the list is taken off it.
    pub lift: Option<WishScope>,
    /// It counts as a soft bounce.
    pub counts: bool,
    /// If nobody knew whether it was sent through the account, it was.
    pub accepts: bool,
    /// Another account may be asked.
    pub hands_back: bool,
}

/// What is put on the suppression list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventSuppression {
    /// Why.
    pub reason: SuppressionReason,
    /// For which messages.
    pub scope: WishScope,
}

/// Which messages a wish is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WishScope {
    /// All of the channel that a person may switch off; by STOP, all.
    Channel,
    /// Those of a category.
    Category(String),
}

/// What follows from an event.
#[must_use]
pub fn follows(facts: &EventFacts<'_>) -> Consequence {
    let is_certain = facts.is_certain();
    Consequence {
        suppress: suppression(facts),
        // Who wants what nobody may switch off has ended nothing by that.
        lift: facts
            .wish()
            .filter(|_| facts.event == ProviderEvent::Resubscribe),
        counts: facts.event == ProviderEvent::SoftBounce,
        accepts: is_certain && facts.event.proves_acceptance(),
        hands_back: is_certain && facts.blame == Some(EventBlame::Way),
    }
}

fn suppression(facts: &EventFacts<'_>) -> Option<EventSuppression> {
    use EventBlame::{Complained, Dead, Stopped, Unsubscribed};
    let whole = |reason| {
        Some(EventSuppression {
            reason,
            scope: WishScope::Channel,
        })
    };
    match (facts.event, facts.blame) {
        (ProviderEvent::Complaint, _) | (_, Some(Complained)) => {
            whole(SuppressionReason::Complaint)
        }
        (_, Some(Stopped)) => whole(SuppressionReason::Stop),
        (ProviderEvent::Unsubscribe, _) if facts.channel == Channel::Sms => {
            whole(SuppressionReason::Stop)
        }
        (ProviderEvent::Unsubscribe, _) | (_, Some(Unsubscribed)) => {
            facts.wish().map(|scope| EventSuppression {
                reason: SuppressionReason::Unsubscribe,
                scope,
            })
        }
        (_, Some(Dead)) => whole(SuppressionReason::HardBounce),
        _ => None,
    }
}

impl EventFacts<'_> {
    /// Whether it is about the notification for sure.
    fn is_certain(&self) -> bool {
        self.matched_by.is_some_and(|by| by != EventMatch::Address)
    }

    /// Which messages somebody means who unsubscribes, or subscribes again: those of the category, where that is
    /// known. `None`: of one that nobody may switch off.
    fn wish(&self) -> Option<WishScope> {
        match self.category.filter(|_| self.is_certain()) {
            Some(_) if self.channel == Channel::Sms => Some(WishScope::Channel),
            Some(category) if self.may_disable => Some(WishScope::Category(category.to_owned())),
            Some(_) => None,
            None => Some(WishScope::Channel),
        }
    }
}

/// Whether a notification is sent, now that an account tells of it: its answer was lost, it said that it had not,
/// or the node died that asked it. What it had told late that it did not arrive is sent if it has arrived.
#[must_use]
pub fn is_settled_by(
    notification: &Notification,
    status: Status,
    (account, event): (&str, ProviderEvent),
) -> bool {
    let may_be_theirs = |record: &AttemptRecord| match &record.step {
        Step::Attempt {
            provider,
            class: Class::Unknown | Class::Transient,
            ..
        } => provider == account,
        Step::NodeDied { .. } => true,
        _ => false,
    };
    let mut theirs_no_more = notification.handed_back_by().iter();
    matches!(status, Status::Pending | Status::Failed)
        && match theirs_no_more.any(|name| name == account) {
            true => event.proves_arrival(),
            false => event.proves_acceptance() && notification.attempts.iter().any(may_be_theirs),
        }
}

/// The account by which a notification is sent, now that one tells of it which may speak for others; see
/// [`is_settled_by`].
#[must_use]
pub fn settled_by<'a>(
    notification: &Notification,
    status: Status,
    (teller, speaks_for): (&'a str, &'a [String]),
    event: ProviderEvent,
) -> Option<&'a str> {
    let others = speaks_for.iter().map(String::as_str);
    let mut accounts = iter::once(teller).chain(others);
    accounts.find(|account| is_settled_by(notification, status, (account, event)))
}

/// What is known when an account tells late that a message did not arrive.
#[derive(Debug, Clone, Copy)]
pub struct LateFailure<'a> {
    /// The notification.
    pub notification: &'a Notification,
    /// Where it stands.
    pub status: Status,
    /// The account that was asked last.
    pub sent_by: Option<&'a str>,
    /// The account that tells it.
    pub account: &'a str,
    /// The accounts in use of the channel.
    pub accounts: &'a [String],
    /// When it failed, as the account tells.
    pub failed_at: Timestamp,
    /// When it arrived, if the account has told that.
    pub arrived_at: Option<Timestamp>,
    /// The time.
    pub now: Timestamp,
}

/// The accounts that the notification is not theirs any more, if another one is to be asked for it: each at most
/// once, and nobody for what is too late, or goes through one account alone.
#[must_use]
pub fn handed_back_by(failure: &LateFailure<'_>, global: &GlobalPolicy) -> Option<Vec<String>> {
    let notification = failure.notification;
    let mut tried = notification.handed_back_by().to_vec();
    let is_theirs = failure.status == Status::Sent && failure.sent_by == Some(failure.account);
    let is_wanted = global
        .fail_over_undelivered
        .contains(&notification.lane.channel);
    let mut attempts = notification.attempts.iter().rev();
    let accepted = attempts.find(|record| record.is_accepted());
    let accepted_at = accepted.map_or(notification.created_at, |record| record.at);
    let is_fresh = failure.now.duration_since(accepted_at) <= FRESH
        && expiry::expired(notification, failure.now).is_none();
    // What arrives as a text stays; a mail may come back from the server that took it.
    let has_arrived = failure
        .arrived_at
        .is_some_and(|at| notification.lane.channel == Channel::Sms || at >= failure.failed_at);
    if has_arrived
        || !is_theirs
        || !is_wanted
        || !is_fresh
        || notification.payload.provider.is_some()
    {
        return None;
    }
    let is_new = |name: &&String| name.as_str() != failure.account && !tried.contains(name);
    failure.accounts.iter().find(is_new)?;
    if !tried.iter().any(|name| name == failure.account) {
        tried.push(failure.account.to_owned());
    }
    Some(tried)
}

#[cfg(test)]
mod tests;
