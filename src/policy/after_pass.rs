//! What the answers of a provider lead to: the next provider, a retry, or an end.

use std::time::Duration;

use jiff::Timestamp;

use crate::domain::{Class, Notification, Reason, Reply, Step, Target};
use crate::resilience::backoff::Backoff;

/// What the answers of a provider lead to.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// These addresses have not been served: ask the next provider of the route.
    NextProvider(Vec<Target>),
    /// Every address has its final answer and one accepted, now or in an earlier pass.
    Sent,
    /// It ends without acceptance: every address is refused, the retries are used up, or another
    /// one would come too late. The reason's status says which.
    Ended(Reason),
    /// Another pass over the route at this time; `attempt_used` tells whether this one counts.
    Retry {
        /// `retry` or `waiting_for_provider`.
        reason: Reason,
        /// Not before.
        due_at: Timestamp,
        /// Whether the pass was one of `max_retries`.
        attempt_used: bool,
    },
}

/// What is known at the end of one provider's turn.
#[derive(Debug, Clone, Copy)]
pub struct Pass<'a> {
    /// The notification, with what happened before this pass.
    pub notification: &'a Notification,
    /// Every answer of this pass so far, over all providers asked, oldest first.
    pub replies: &'a [(Target, Reply)],
    /// The addresses that the provider was just asked for.
    pub asked: &'a [Target],
    /// Whether the route has a further provider.
    pub has_next: bool,
    /// Whether an unknown outcome is worth another provider (else wait and ask the same again).
    pub fail_over_unknown: bool,
    /// The channel's back-off.
    pub backoff: Backoff,
    /// The longest minimum wait of the providers asked.
    pub minimum_delay: Duration,
    /// Time since the first attempt after which the provider wants no further retry.
    pub retry_window: Option<Duration>,
    /// The time of the decision.
    pub now: Timestamp,
    /// A number in `[0, 1)` for the jitter.
    pub dice: f64,
}

/// Decides what follows a provider's answers.
#[must_use]
pub fn after_pass(pass: &Pass<'_>) -> Verdict {
    let movable: Vec<Target> = pass
        .asked
        .iter()
        .filter(|target| may_move(pass, target))
        .cloned()
        .collect();
    if pass.has_next && !movable.is_empty() {
        return Verdict::NextProvider(movable);
    }
    if unanswered(pass).next().is_none() {
        finished(pass)
    } else {
        again(pass)
    }
}

fn last<'a>(pass: &'a Pass<'_>, target: &Target) -> Option<&'a Reply> {
    pass.replies
        .iter()
        .rev()
        .find(|(asked, _)| asked == target)
        .map(|(_, reply)| reply)
}

/// Whether another provider may be asked without the risk of sending twice.
fn may_move(pass: &Pass<'_>, target: &Target) -> bool {
    match last(pass, target).map(|reply| reply.class) {
        Some(Class::Unknown) => pass.fail_over_unknown,
        Some(Class::Accepted | Class::Permanent) => false,
        _ => true,
    }
}

/// The last answers of the addresses that have no final one, over the whole pass.
fn unanswered<'a>(pass: &'a Pass<'_>) -> impl Iterator<Item = &'a Reply> {
    pass.replies.iter().filter_map(move |(target, reply)| {
        let is_last = last(pass, target).is_some_and(|l| std::ptr::eq(l, reply));
        (is_last && !is_final(reply)).then_some(reply)
    })
}

/// An account that may not send this for anybody is final once nobody else is left to ask.
const fn is_final(reply: &Reply) -> bool {
    matches!(
        reply.class,
        Class::Accepted | Class::Permanent | Class::Misconfigured
    )
}

fn finished(pass: &Pass<'_>) -> Verdict {
    if accepted_any(pass) {
        return Verdict::Sent;
    }
    let refused = pass
        .replies
        .iter()
        .rev()
        .find(|(_, reply)| reply.class == Class::Permanent);
    let refused = refused.or_else(|| pass.replies.last());
    Verdict::Ended(
        refused
            .and_then(|(_, r)| r.reason)
            .unwrap_or(Reason::ProviderRefused),
    )
}

fn accepted_any(pass: &Pass<'_>) -> bool {
    pass.notification.is_partly_accepted()
        || pass
            .replies
            .iter()
            .any(|(_, reply)| reply.class == Class::Accepted)
}

fn again(pass: &Pass<'_>) -> Verdict {
    if was_no_attempt(pass) {
        let due_at = super::routing::wait(pass.now, None);
        return bounded(pass, Reason::WaitingForProvider, due_at, false);
    }
    let passes = pass.notification.attempt_count.saturating_add(1);
    if passes > pass.notification.max_retries {
        return exhausted(pass);
    }
    let asked_for = unanswered(pass).filter_map(|reply| reply.retry_after).max();
    let floor = asked_for.unwrap_or_default().max(pass.minimum_delay);
    let delay = pass.backoff.delay(u32::from(passes) - 1, pass.dice, floor);
    let due_at = pass.now.saturating_add(delay).unwrap_or(Timestamp::MAX);
    if last_retry(pass).is_some_and(|last| due_at > last) {
        return exhausted(pass);
    }
    bounded(pass, Reason::Retry, due_at, true)
}

/// Whether nobody was asked who could have sent what is unanswered: credentials were refused, and
/// nothing else went wrong at any account of the pass.
fn was_no_attempt(pass: &Pass<'_>) -> bool {
    let is_unanswered = |target| last(pass, target).is_some_and(|last| !is_final(last));
    let no_attempt = [Class::Credentials, Class::Misconfigured];
    pass.replies
        .iter()
        .filter(|(target, _)| is_unanswered(target))
        .all(|(_, reply)| no_attempt.contains(&reply.class))
}

/// No further retry.
fn exhausted(pass: &Pass<'_>) -> Verdict {
    if accepted_any(pass) {
        Verdict::Sent
    } else {
        Verdict::Ended(Reason::RetriesExhausted)
    }
}

/// The latest time at which the provider still wants a retry; the timeline holds the first attempt.
fn last_retry(pass: &Pass<'_>) -> Option<Timestamp> {
    let window = pass.retry_window?;
    let mut records = pass.notification.attempts.iter();
    let attempt = records.find(|record| matches!(record.step, Step::Attempt { .. }));
    let first = attempt.map_or(pass.now, |record| record.at);
    first.saturating_add(window).ok()
}

/// A retry that would come too late is no retry.
fn bounded(pass: &Pass<'_>, reason: Reason, due_at: Timestamp, attempt_used: bool) -> Verdict {
    match super::expiry::expired(pass.notification, due_at) {
        Some(_) if accepted_any(pass) => Verdict::Sent,
        Some(expired) => Verdict::Ended(expired),
        None => Verdict::Retry {
            reason,
            due_at,
            attempt_used,
        },
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
