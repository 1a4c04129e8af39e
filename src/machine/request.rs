//! The requests for one job: one for each of its addresses.

use std::time::Duration;

use jiff::Timestamp;

use super::account::{AccountState, CallPermit, RateToken};
use super::delivery::{Conditions, leaves};
use super::job::{Guard, Job};
use crate::domain::reply::NOT_ASKED;
use crate::domain::{Class, Reply, Subject};

/// The answer for an address that the provider wants left alone, if it does: it is not asked.
#[must_use]
pub fn is_left_alone(account: &AccountState, address: &str, at: Duration) -> Option<Reply> {
    let wait = account.address_paused_for(address, at)?;
    let words = "not asked: the provider wants this address left alone for a while";
    Some(not_asked(Subject::Address, words).with_retry_after(Some(wait)))
}

/// How long a further address of a job may wait for a token of its own: no longer than the decision to
/// send holds.
#[must_use]
pub fn patience<G>(job: &Job<G>, queue_wait: Duration, now: Timestamp) -> Duration {
    let holds = job.valid_until.duration_since(now);
    queue_wait.min(holds.try_into().unwrap_or_default())
}

/// Leave for a further address of a job, with a token of its own, or its answer: the provider is not
/// asked, and that address has a retry, before which all is decided anew. No attempt is used up.
///
/// # Errors
/// The answer.
pub fn admit_another<G: Guard>(
    job: &Job<G>,
    (account, at): (&mut AccountState, Duration),
    token: RateToken,
    conditions: Conditions,
    now: Timestamp,
) -> Result<CallPermit, Reply> {
    // The wait may have outlived the decision, or the lease.
    let may_go =
        token.is_valid(at) && job.is_decided(now) && leaves(job, conditions, now).is_none();
    let permit = may_go.then(|| account.admit(1, at)).flatten();
    permit.ok_or_else(|| {
        account.put_back(token);
        let words =
            "not asked: the account is slowed down or left alone, or its turn came too late";
        not_asked(Subject::Account, words)
    })
}

fn not_asked(subject: Subject, words: &str) -> Reply {
    let code = Some(NOT_ASKED.to_owned());
    Reply::of(Class::Throttled, code, Some(words.to_owned())).about(subject)
}
