//! From rows that this run holds to jobs on their way: their recipients are loaded, and their suppressed addresses.

use std::sync::Arc;

use crate::delivery::NodeContext;
use crate::delivery::account::AccountRoom;
use crate::delivery::eligibility::Addressed;
use crate::domain::{Notification, Recipient};
use crate::runtime::clock;
use crate::work::job::Job;
use crate::work::{ClaimGuard, Dispatchers};

/// Loads the recipients and dispatches; with a room, each gets a place in it. The claim guards give the rows back
/// if that fails.
pub(super) async fn hand_over(
    node: &NodeContext,
    dispatchers: &Dispatchers,
    held: Vec<(Notification, ClaimGuard)>,
    room: Option<&AccountRoom>,
) {
    if held.is_empty() {
        return;
    }
    let recipient_key = held.iter().map(|(one, _)| (one.tenant_id, one.user_id));
    let known = match node.eligibility.recipients.load_now(recipient_key).await {
        Ok(known) => known,
        Err(error) => {
            tracing::warn!(%error, "recipients could not be loaded; due notifications will be retried");
            return;
        }
    };
    let now = clock::now();
    let (mut jobs, mut unreadable) = (Vec::with_capacity(held.len()), vec![]);
    for (notification, mut claim) in held {
        let recipient_key = (notification.tenant_id, notification.user_id);
        if known.unreadable.contains(&recipient_key) {
            let nobody = Arc::new(Recipient::nobody(recipient_key));
            unreadable.push(Job::new(notification, nobody, claim, None));
            continue;
        }
        match known.recipients.get(&recipient_key).cloned() {
            Some(recipient) => {
                claim.place = room.map(AccountRoom::place);
                let mut job = Job::new(notification, recipient, claim, None);
                (job.known_at, job.heard) = (known.at, known.heard);
                job.rules = known.rules_of(recipient_key.0);
                jobs.push(job);
            }
            None => {
                let nobody = Arc::new(Recipient::nobody(recipient_key));
                let job = Job::new(notification, nobody, claim, None);
                node.settle_queue.push(job.end_without_recipient(now));
            }
        }
    }
    node.put_off_unreadable(unreadable);
    dispatch(node, dispatchers, jobs).await;
}

/// Looks for their suppressed addresses, and sends them on their way.
async fn dispatch(node: &NodeContext, dispatchers: &Dispatchers, mut jobs: Vec<Job>) {
    let addressed = jobs.iter().map(Addressed::of);
    let listed = match node.eligibility.suppressed(addressed).await {
        Ok(listed) => listed,
        Err(error) => {
            tracing::warn!(%error, "suppressions could not be loaded; due notifications will be retried");
            return;
        }
    };
    let unread = |job: &mut Job| match listed.of(job.notification.id) {
        Some(suppressed) => {
            job.suppressed = suppressed;
            false
        }
        None => true,
    };
    let unreadable: Vec<Job> = jobs.extract_if(.., unread).collect();
    node.put_off_unreadable(unreadable);
    dispatchers.dispatch(jobs);
}
