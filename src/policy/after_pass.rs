//! What the answers of a provider lead to: the next provider, a retry, or an end.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::expiry;
use crate::domain::{
    AttemptRecord, Certainty, Class, Notification, Reason, Reply, Step, Subject, Target,
};
use crate::resilience::backoff::Backoff;

/// How long an address or a mail may be put off without an attempt: greylisting ends within minutes or
/// hours, and what is put off for longer is refused.
const PATIENCE: SignedDuration = SignedDuration::from_hours(24);

/// What the answers of a provider lead to.
#[derive(Debug, Clone, PartialEq)]
pub enum PassResult {
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
    /// Whether an account that may carry it is left out of this pass: it is out (circuit, pause,
    /// credentials), or another has to be asked first.
    pub left_out: bool,
    /// Whether an unknown outcome is worth another provider (else wait and ask the same again).
    pub fail_over_unknown: bool,
    /// The channel's back-off.
    pub backoff: Backoff,
    /// The longest minimum wait of the providers asked.
    pub minimum_delay: Duration,
    /// Time since the first failure after which the provider wants no further retry.
    pub retry_window: Option<Duration>,
    /// The time of the decision.
    pub now: Timestamp,
    /// A number in `[0, 1)` for the jitter.
    pub jitter: f64,
}

/// What the answers of a pass say of one address, all of them together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AddressFate {
    /// A provider took it.
    Served,
    /// It is refused for good.
    Refused(Option<Reason>),
    /// Every account that may carry it has said that it cannot.
    ByNobody,
    /// Anything else.
    Open,
}

/// Decides what follows a provider's answers.
///
/// All answers of a pass count, in whatever order they came, and so do the accounts that were not
/// asked: a message ends when each of its addresses has a definite answer, or its retries are used up.
#[must_use]
pub fn after_pass(pass: &Pass<'_>) -> PassResult {
    let may_move = |target: &&Target| may_move(pass, target);
    let movable: Vec<Target> = pass.asked.iter().filter(may_move).cloned().collect();
    if pass.has_next && !movable.is_empty() {
        return PassResult::NextProvider(movable);
    }
    let is_open = |target: &Target| fate(pass, target) == AddressFate::Open;
    let answered = pass.replies.iter().map(|(target, _)| target);
    if answered.chain(pass.asked).any(is_open) {
        again(pass)
    } else {
        finished(pass)
    }
}

fn replies<'a>(pass: &'a Pass<'_>, target: &Target) -> impl Iterator<Item = &'a Reply> {
    let of_target = move |(asked, reply): &'a (Target, Reply)| (asked == target).then_some(reply);
    pass.replies.iter().filter_map(of_target)
}

fn fate(pass: &Pass<'_>, target: &Target) -> AddressFate {
    let said = |class| replies(pass, target).find(move |reply| reply.class == class);
    if said(Class::Accepted).is_some() {
        return AddressFate::Served;
    }
    if let Some(refused) = said(Class::Permanent) {
        return AddressFate::Refused(refused.reason);
    }
    let mut all = replies(pass, target).peekable();
    let is_answered = all.peek().is_some();
    let by_nobody = is_answered && all.all(|reply| reply.class == Class::NotByAccount);
    match by_nobody && !pass.left_out && !may_have_been_sent(pass, target) {
        true => AddressFate::ByNobody,
        false => AddressFate::Open,
    }
}

/// Whether another provider may be asked for this address.
fn may_move(pass: &Pass<'_>, target: &Target) -> bool {
    match fate(pass, target) {
        AddressFate::Served | AddressFate::Refused(_) => false,
        AddressFate::ByNobody | AddressFate::Open => pass.fail_over_unknown || !is_unresolved(pass),
    }
}

/// Whether any address of it may have been served by an account that must be asked again. All the
/// others stay with that account as well: one notification has one account to ask.
fn is_unresolved(pass: &Pass<'_>) -> bool {
    let is_lost = |(target, reply): &(Target, Reply)| {
        reply.class.certainty() == Certainty::Unknown && fate(pass, target) == AddressFate::Open
    };
    pass.replies.iter().any(is_lost) || pass.notification.pinned_by_unknown().is_some()
}

/// Whether it may have been delivered, in this pass or an earlier one.
fn may_have_been_sent(pass: &Pass<'_>, target: &Target) -> bool {
    let notification = pass.notification;
    replies(pass, target).any(|reply| reply.class.certainty() == Certainty::Unknown)
        || notification.unresolved_account(target.device_id).is_some()
}

fn finished(pass: &Pass<'_>) -> PassResult {
    if accepted_any(pass) {
        return PassResult::Sent;
    }
    let mut answered = pass.replies.iter().rev().map(|(target, _)| target);
    let refused = answered.find_map(|target| match fate(pass, target) {
        AddressFate::Refused(reason) => Some(reason.unwrap_or(Reason::ProviderRefused)),
        _ => None,
    });
    PassResult::Ended(refused.unwrap_or(Reason::ProviderMisconfigured))
}

fn accepted_any(pass: &Pass<'_>) -> bool {
    pass.notification.is_partly_accepted()
        || pass
            .replies
            .iter()
            .any(|(_, reply)| reply.class == Class::Accepted)
}

fn again(pass: &Pass<'_>) -> PassResult {
    let used = attempts_used(pass.notification, pass.replies, pass.now);
    let was_tried = used > 0;
    let was_throttled = open(pass.replies).any(|reply| reply.class == Class::Throttled);
    if !was_tried && !was_throttled {
        let due_at = super::routing::wait(pass.notification, pass.now, None);
        return bounded(pass, Reason::WaitingForProvider, due_at, false);
    }
    let passes = pass.notification.attempt_count.saturating_add(used);
    if passes > pass.notification.max_retries && was_tried {
        return exhausted(pass);
    }
    let retries = u32::from(passes.saturating_sub(used)) + throttled_before(pass);
    let floor = asked_to_wait(pass).max(pass.minimum_delay);
    let delay = pass.backoff.delay(retries, pass.jitter, floor);
    let due_at = pass.now.saturating_add(delay).unwrap_or(Timestamp::MAX);
    if was_tried && last_retry(pass).is_some_and(|last| due_at > last) {
        return exhausted(pass);
    }
    bounded(pass, Reason::Retry, due_at, was_tried)
}

/// The answers for those who have none that is final.
fn open(replies: &[(Target, Reply)]) -> impl Iterator<Item = &Reply> {
    let is_final = |class| matches!(class, Class::Accepted | Class::Permanent);
    let is_open = move |target: &Target| {
        let mut own = replies.iter().filter(move |(asked, _)| asked == target);
        !own.any(|(_, reply)| is_final(reply.class))
    };
    let open = replies.iter().filter(move |(target, _)| is_open(target));
    open.map(|(_, reply)| reply)
}

/// How many of `max_retries` these answers of a pass use up. Who was asked too often, who is refused and
/// who cannot carry it has not tried; but nobody is put off for ever because of their own address.
#[must_use]
pub fn attempts_used(
    notification: &Notification,
    replies: &[(Target, Reply)],
    now: Timestamp,
) -> u16 {
    let is_tried = |reply: &Reply| match (reply.class, reply.subject) {
        // Where this machine itself could not ask, nobody has tried.
        (_, Subject::Node) => false,
        (Class::Transient | Class::Unknown, _) => true,
        (Class::Throttled, Subject::Address | Subject::Message) => {
            put_off_for(notification, now) > PATIENCE
        }
        _ => false,
    };
    u16::from(open(replies).any(is_tried))
}

/// How long it has been put off without an attempt by now.
fn put_off_for(notification: &Notification, now: Timestamp) -> SignedDuration {
    let mut since = now;
    for record in notification.present_attempts().rev() {
        match record.step {
            Step::Attempt {
                class: Class::Throttled,
                ..
            } => since = record.at,
            Step::Attempt { .. } | Step::Replayed { .. } => break,
            _ => {}
        }
    }
    now.duration_since(since)
}

/// The longest wait that was asked for in the whole pass. What a refused account wants is a matter of
/// its own health.
fn asked_to_wait(pass: &Pass<'_>) -> Duration {
    let replies = pass.replies.iter().map(|(_, reply)| reply);
    let of_message = replies.filter(|reply| reply.class != Class::AccountRefused);
    let asked_for = of_message.filter_map(|reply| reply.retry_after);
    asked_for.max().unwrap_or_default()
}

/// How often it was put off in vain without an attempt, so that these waits grow as well.
fn throttled_before(pass: &Pass<'_>) -> u32 {
    let is_throttled = |record: &&AttemptRecord| {
        let Step::Attempt { class, .. } = record.step else {
            return false;
        };
        class == Class::Throttled
    };
    let all = pass.notification.present_attempts().filter(is_throttled);
    u32::try_from(all.count()).unwrap_or(u32::MAX)
}

/// No further retry.
fn exhausted(pass: &Pass<'_>) -> PassResult {
    if accepted_any(pass) {
        PassResult::Sent
    } else {
        PassResult::Ended(Reason::RetriesExhausted)
    }
}

/// The latest time at which the provider still wants a retry. It counts from the first failure since
/// the notification was last put off for any other reason: after a night of quiet hours, or when it is
/// replayed, the sending begins anew.
fn last_retry(pass: &Pass<'_>) -> Option<Timestamp> {
    let window = pass.retry_window?;
    let mut first = pass.now;
    for record in pass.notification.present_attempts().rev() {
        match &record.step {
            Step::Deferred { reason, .. } if *reason != Reason::Retry => break,
            Step::Attempt {
                class: Class::Transient | Class::Unknown,
                ..
            } => first = record.at,
            _ => {}
        }
    }
    first.saturating_add(window).ok()
}

/// A retry that would come too late is no retry; an account that is waited for may be back before.
fn bounded(pass: &Pass<'_>, reason: Reason, due_at: Timestamp, attempt_used: bool) -> PassResult {
    let put_off = |due_at| PassResult::Retry {
        reason,
        due_at,
        attempt_used,
    };
    if reason == Reason::WaitingForProvider {
        return put_off(expiry::wait(pass.notification, due_at));
    }
    match expiry::expired(pass.notification, due_at) {
        Some(_) if accepted_any(pass) => PassResult::Sent,
        Some(expired) => PassResult::Ended(expired),
        None => put_off(due_at),
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
