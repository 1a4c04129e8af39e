//! What the answers of an account lead to.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{AccountTerms, DeliveryContext, Exit};
use crate::domain::reply::CALLED_OFF;
use crate::domain::{AttemptRecord, Class, DeadAddress, Reason, Reply, SuppressionReason, Target};
use crate::machine::eligibility;
use crate::machine::job::{Disposition, Guard, Job};
use crate::policy::after_pass::{Pass, PassResult, after_pass};

/// What is known after asking for one address.
#[derive(Debug)]
pub struct CallResult {
    /// The answer.
    pub reply: Reply,
    /// How long the provider took; `None` when it was not asked.
    pub elapsed: Option<Duration>,
}

/// Whether nobody was asked, and that because leave to send had ended when the request could have left.
#[must_use]
pub fn came_too_late(results: &[CallResult]) -> bool {
    let is_called_off = |result: &CallResult| result.reply.code.as_deref() == Some(CALLED_OFF);
    results.iter().all(|result| result.elapsed.is_none()) && results.iter().any(is_called_off)
}

/// The account was asked for a job.
pub fn asked<G>(job: &mut Job<G>, account: &AccountTerms, at: Timestamp) {
    job.last_asked = Some((account.name.to_string(), at));
    job.minimum_delay = job.minimum_delay.max(account.minimum_delay);
}

/// Notes what an account said of one address. `is_believed` says whether its word that an address is
/// dead is believed.
pub fn note<G: Guard>(
    job: &mut Job<G>,
    (target, result): (&Target, CallResult),
    account: &AccountTerms,
    is_believed: impl FnOnce() -> bool,
    now: Timestamp,
) {
    let CallResult { reply, elapsed } = result;
    let elapsed = elapsed.unwrap_or_default();
    let elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
    let (name, device) = (&account.name, target.device_id);
    job.record(AttemptRecord::of_reply(
        now, name, device, &reply, elapsed_ms,
    ));
    if let Some(dead) = dead(job, target, &reply, account, now)
        && (reply.reason == Some(Reason::OptedOut) || is_believed())
    {
        job.dead_addresses.push(dead);
    }
    job.replies.push((target.clone(), reply));
}

/// The address, when the answer says that it is dead: the device is retired, anything else goes on
/// the suppression list; who has opted out has told this sender.
fn dead<G>(
    job: &Job<G>,
    target: &Target,
    reply: &Reply,
    account: &AccountTerms,
    asked_at: Timestamp,
) -> Option<DeadAddress> {
    if !reply.dead_address || reply.class == Class::Accepted {
        return None;
    }
    if let Some(id) = target.device_id {
        return Some(DeadAddress::Device { id, asked_at });
    }
    let (reason, account) = match reply.reason {
        Some(Reason::OptedOut) => (SuppressionReason::Stop, Some(account.id)),
        _ => (SuppressionReason::HardBounce, None),
    };
    Some(DeadAddress::Suppress {
        channel: job.notification.lane.channel,
        address: target.address.clone(),
        reason,
        account,
    })
}

/// All answers for `asked` have come, and are noted: decides on those of the whole pass. `has_next` says
/// whether its route has a further account.
#[must_use]
pub fn answered<G: Guard>(
    job: &mut Job<G>,
    asked: &[Target],
    has_next: bool,
    context: &DeliveryContext<'_>,
) -> Exit {
    let verdict = after_pass(&Pass {
        notification: &job.notification,
        replies: &job.replies,
        asked,
        has_next,
        left_out: job.left_out,
        fail_over_unknown: eligibility::fails_over(job, context.global),
        retry_window: context.account.retry_window,
        backoff: context.account.backoff,
        minimum_delay: job.minimum_delay,
        now: context.now,
        jitter: context.jitter,
    });
    follow(job, verdict)
}

/// The answers could not be decided on, since that panicked: an acceptance is still an acceptance.
#[must_use]
pub fn undecided<G: Guard>(job: &mut Job<G>, now: Timestamp) -> Exit {
    let mut replies = job.replies.iter();
    let verdict = match replies.any(|(_, reply)| reply.class == Class::Accepted) {
        true => PassResult::Sent,
        false => PassResult::Retry {
            reason: Reason::Retry,
            due_at: now + SignedDuration::from_secs(60),
            attempt_used: true,
        },
    };
    follow(job, verdict)
}

fn follow<G: Guard>(job: &mut Job<G>, verdict: PassResult) -> Exit {
    let disposition = match verdict {
        PassResult::NextProvider(targets) => {
            job.targets = targets;
            return Exit::PassOn;
        }
        PassResult::Sent => {
            job.use_attempts(1);
            Disposition::Sent
        }
        PassResult::Ended(reason) => {
            job.use_attempts(1);
            Disposition::Ended(reason)
        }
        PassResult::Retry {
            reason,
            due_at,
            attempt_used,
        } => {
            job.use_attempts(u16::from(attempt_used));
            Disposition::Deferred {
                reason,
                until: due_at,
            }
        }
    };
    Exit::Store(disposition)
}
