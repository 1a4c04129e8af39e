//! A job that has waited at an account is judged again before it is sent.

use super::AccountContext;
use super::exits::leave;
use crate::machine::delivery;
use crate::work::job::Job;

/// Decides again on a job that has waited: the recipient may have changed their mind, and their night
/// or day may have begun. `None` when it is not to be sent now; it is on its way then.
pub(super) async fn recheck(context: &AccountContext, job: Job) -> Option<Job> {
    recheck_many(context, vec![job]).await.pop()
}

/// The same for several, with as few questions to the database as for one.
pub(super) async fn recheck_many(context: &AccountContext, jobs: Vec<Job>) -> Vec<Job> {
    let judged = context
        .node
        .eligibility
        .reevaluate(jobs, &[context.facts()])
        .await;
    let kept = judged.into_iter().filter_map(|(mut job, reevaluation)| {
        match delivery::rechecked(&mut job, reevaluation, &context.context()) {
            None => Some(job),
            Some(exit) => {
                leave(context, job, exit);
                None
            }
        }
    });
    kept.collect()
}
