//! A job that has waited at an account is decided on again before it is sent: the recipient may have
//! changed their mind, and their night or day may have begun.

use jiff::Timestamp;

use super::{DeliveryContext, Exit, answered, too_late};
use crate::domain::Reason;
use crate::machine::eligibility::Reevaluation;
use crate::machine::job::{Disposition, Guard, Job};
use crate::policy::after_pass::attempts_used;
use crate::policy::{Decision, expiry, unreadable};

/// Person and rules were looked up again, and policy was asked. `None` when it is to be sent: what holds
/// now is looked at again.
#[must_use]
pub fn rechecked<G: Guard>(
    job: &mut Job<G>,
    reevaluation: Reevaluation,
    context: &DeliveryContext<'_>,
) -> Option<Exit> {
    let now = context.now;
    let decision = match reevaluation {
        Reevaluation::Decided(decision) => decision,
        Reevaluation::RecipientGone => return Some(Exit::Store(Disposition::RecipientGone)),
        Reevaluation::Unreadable => Decision::Defer {
            reason: Reason::Retry,
            until: unreadable::wait(&job.notification, now, context.jitter),
        },
    };
    // What others have tried in this pass was an attempt.
    let asked = attempts_used(&job.notification, &job.replies, now);
    let passes = job.notification.attempt_count.saturating_add(asked);
    Some(Exit::Store(match decision {
        Decision::Deliver {
            targets,
            valid_until,
            ..
        } => {
            job.valid_until = valid_until;
            if job.replies.is_empty() {
                job.targets = targets;
            } else {
                job.targets.retain(|target| targets.contains(target));
            }
            if !job.targets.is_empty() {
                return None;
            }
            // Every device that is left has accepted in an earlier pass.
            return Some(answered(job, &[], false, context));
        }
        Decision::Defer { .. } if asked > 0 && passes > job.notification.max_retries => {
            job.use_attempts(asked);
            too_late(job, Reason::RetriesExhausted)
        }
        Decision::Defer { reason, until } => {
            job.use_attempts(asked);
            Disposition::Deferred { reason, until }
        }
        Decision::Cancel(reason) | Decision::Fail(reason) => {
            job.use_attempts(asked);
            Disposition::Ended(reason)
        }
        // Asked and not answered: it comes again.
        Decision::Reserve(_) => Disposition::Deferred {
            reason: Reason::Retry,
            until: now,
        },
    }))
}

/// What becomes of a job that nobody was asked for, when what its recipient wants cannot be read.
#[must_use]
pub fn unread<G: Guard>(job: &Job<G>, now: Timestamp, jitter: f64) -> Disposition {
    match expiry::expired(&job.notification, now) {
        Some(expired) => too_late(job, expired),
        None => Disposition::Deferred {
            reason: Reason::Retry,
            until: unreadable::wait(&job.notification, now, jitter),
        },
    }
}
