//! Before a notification goes out once more that an account may have: whether the account has told so meanwhile.

use jiff::Timestamp;

use super::ChannelContext;
use crate::domain::AttemptRecord;
use crate::machine::job::Disposition;
use crate::policy::told_before::acceptance;
use crate::runtime::clock;
use crate::store::provider_events;
use crate::work::job::{Job, Outcome};
use crate::work::retry::retry_until_ok;

/// Stores as sent what an account is known to have; returns the others. All return to where they came from when there
/// is no more time.
pub(super) async fn sent_before(context: &ChannelContext, jobs: Vec<Job>) -> Vec<Job> {
    let node = &context.node;
    let ids: Vec<_> = jobs.iter().map(|job| job.notification.id).collect();
    let ask = || provider_events::told_before(&node.database, context.channel, ids.clone());
    let told = retry_until_ok("asking what accounts told", &node.phases.giving_up, ask).await;
    let Some(told) = told else {
        return vec![];
    };
    let mut left = vec![];
    for job in jobs {
        match acceptance(&job.notification, &told) {
            Some(acceptance) => node.settle_queue.push(sent(job, acceptance)),
            None => left.push(job),
        }
    }
    left
}

fn sent(mut job: Job, (account, at): (&str, Timestamp)) -> Outcome {
    let to = job.notification.payload.to.as_deref();
    let targets = job.recipient.targets(job.notification.lane.channel, to);
    job.record(AttemptRecord::told_later(at, account));
    let mut outcome = job.settle(Disposition::Sent, clock::now());
    let recipient = &mut outcome.settlement.recipient;
    *recipient = recipient
        .take()
        .or_else(|| Some(targets.first()?.address.clone()));
    outcome
}
