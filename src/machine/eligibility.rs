//! Whether a job may go now, by what is known of its recipient: policy is asked, and its word holds for as
//! long as what it rests on is believed in.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::job::{BELIEVED, Disposition, Guard, Job};
use crate::domain::{AttemptRecord, Counted, Counter, GlobalPolicy, OnUnknown, Step};
use crate::policy::{AccountFacts, Decision, Facts, Quota, decide as ask_policy, routing};

/// How long a decision holds that follows on a look which came too late: for one attempt at once.
pub const AT_ONCE: SignedDuration = SignedDuration::from_millis(200);
/// How long a look may take to come in time: an attempt after it is made within the second for which it is
/// believed.
pub const IN_TIME: SignedDuration = SignedDuration::from_millis(800);

/// What a decision rests on, beside the job.
#[derive(Debug, Clone, Copy)]
pub struct EligibilityContext<'a> {
    /// The accounts of its channel.
    pub accounts: &'a [AccountFacts<'a>],
    /// What the operator says for everybody.
    pub global: &'a GlobalPolicy,
    /// The time.
    pub now: Timestamp,
    /// A number in `[0, 1)` for the jitter.
    pub jitter: f64,
}

/// What a judgement of one that has waited says.
#[derive(Debug)]
pub enum Reevaluation {
    /// By policy.
    Decided(Decision),
    /// The recipient was deleted meanwhile.
    RecipientGone,
    /// What the recipient wants cannot be read: nothing is sent to them.
    Unreadable,
}

/// What came of reserving room under daily caps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CapAnswer {
    /// There is a place in each of its counters.
    Granted,
    /// One at least has no room.
    Full(Vec<Counted>),
    /// Somebody holds its counters: it is to be asked again.
    Held,
}

/// What is to be done with a job at the dispatcher.
#[derive(Debug)]
pub enum DispatchAction {
    /// Render it: it may go.
    Render,
    /// Reserve a place in each of these.
    Reserve(Vec<Counter>),
    /// Store what became of it.
    Store(Disposition),
}

/// Decides on a job by what is known of it. A decision to deliver holds no longer than that is
/// believed in, however long the job waited to be decided on, or for a reservation: whoever sends
/// later asks again.
#[must_use]
pub fn decide<G: Guard>(
    job: &Job<G>,
    quota: Quota<'_>,
    context: &EligibilityContext<'_>,
) -> Decision {
    let mut decision = ask_policy(&Facts {
        notification: &job.notification,
        recipient: &job.recipient,
        rules: &job.rules,
        global: context.global,
        accounts: context.accounts,
        suppressed: &job.suppressed,
        quota,
        now: context.now,
        jitter: context.jitter,
    });
    if let Decision::Deliver { valid_until, .. } = &mut decision {
        let believed = believed_until((job.known_at, job.answered_at), context.now);
        *valid_until = believed.min(*valid_until);
    }
    decision
}

/// Until when facts are believed that were asked for and answered at these moments. Where the database answers
/// in time, for a second from when they were asked for. Where it does not, any look would be outdated when it
/// ends, and nothing would ever be sent: one attempt may follow at once, since nothing fresher can be had.
#[must_use]
pub fn believed_until(
    (known_at, answered_at): (Timestamp, Timestamp),
    now: Timestamp,
) -> Timestamp {
    // The clock was set back since: nobody knows for how long.
    if known_at > now {
        return now;
    }
    let (from, span) = match answered_at.duration_since(known_at) > IN_TIME {
        true => (answered_at, AT_ONCE),
        false => (known_at, BELIEVED),
    };
    from.saturating_add(span).unwrap_or(now)
}

/// Decides on a job for which room was asked for.
#[must_use]
pub fn decide_reserved<G: Guard>(
    job: &mut Job<G>,
    counters: &[Counter],
    answer: &CapAnswer,
    context: &EligibilityContext<'_>,
) -> Decision {
    let quota = match answer {
        CapAnswer::Granted => {
            job.reserved = true;
            Quota::Reserved(counters)
        }
        CapAnswer::Full(full) => Quota::Counted(full),
        // It may be too late by now.
        CapAnswer::Held => Quota::Unasked,
    };
    decide(job, quota, context)
}

/// Whether an unknown outcome of this job is worth another provider.
#[must_use]
pub fn fails_over<G>(job: &Job<G>, global: &GlobalPolicy) -> bool {
    routing::on_unknown(&job.notification, &job.rules, global) == OnUnknown::FailOver
}

/// Follows a decision on a job that has not been sent on yet. `name` is that of the account at a
/// position of those that were decided among.
#[must_use]
pub fn dispatch<G: Guard>(
    job: &mut Job<G>,
    decision: Decision,
    name: impl Fn(usize) -> Option<Arc<str>>,
    now: Timestamp,
) -> DispatchAction {
    match decision {
        Decision::Deliver {
            route,
            left_out,
            gone,
            targets,
            valid_until,
        } => {
            if let Some(provider) = gone {
                let step = Step::AccountGone { provider };
                job.record(AttemptRecord { at: now, step });
            }
            job.left_out = left_out;
            job.route = route.into_iter().filter_map(name).collect();
            (job.targets, job.valid_until) = (targets, valid_until);
            DispatchAction::Render
        }
        Decision::Reserve(counters) => DispatchAction::Reserve(counters),
        Decision::Defer { reason, until } => {
            DispatchAction::Store(Disposition::Deferred { reason, until })
        }
        Decision::Cancel(reason) | Decision::Fail(reason) => {
            DispatchAction::Store(Disposition::Ended(reason))
        }
    }
}

/// How a job ends that is rendered, if it needs no account: in the inbox the row is the delivery; and
/// where no address is left, every device has accepted in an earlier pass.
#[must_use]
pub fn rendered<G>(job: &Job<G>, is_inbox: bool) -> Option<Disposition> {
    (is_inbox || job.targets.is_empty()).then_some(Disposition::Sent)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: i64) -> Timestamp {
        Timestamp::from_millisecond(ms).unwrap()
    }

    #[test]
    fn facts_hold_for_a_second_and_after_a_slow_look_for_one_attempt() {
        let until = |answered: i64, now: i64| {
            believed_until((ms(10_000), ms(answered)), ms(now)).as_millisecond() - 10_000
        };
        assert_eq!(until(10_010, 10_020), 1_000);
        assert_eq!(
            until(10_800, 10_801),
            1_000,
            "in time, and time is left for an attempt"
        );
        assert_eq!(until(10_801, 10_802), 1_001);
        assert_eq!(until(13_000, 13_001), 3_200);
        assert_eq!(
            until(13_000, 13_500),
            3_200,
            "and not for what waits after it"
        );
        let nobody_says = believed_until((ms(10_000), Timestamp::MIN), ms(10_500));
        assert_eq!(nobody_says, ms(11_000));
        assert_eq!(
            until(10_010, 9_000),
            -1_000,
            "the clock was set back: at once again"
        );
    }
}
