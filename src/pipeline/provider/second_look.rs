//! A job that has waited at an account is judged again before it is sent.

use super::super::jobs::Job;
use super::Desk;
use super::exits::leave;
use crate::machine::delivery;

/// Decides again on a job that has waited: the person may have changed their mind, and their night
/// or day may have begun. `None` when it is not to be sent now; it is on its way then.
pub(super) async fn reconsider(desk: &Desk, job: Job) -> Option<Job> {
    reconsider_many(desk, vec![job]).await.pop()
}

/// The same for several, with as few questions to the database as for one.
pub(super) async fn reconsider_many(desk: &Desk, jobs: Vec<Job>) -> Vec<Job> {
    let judged = desk.judge.again(jobs, desk.facts()).await;
    let kept = judged.into_iter().filter_map(|(mut job, judgement)| {
        match delivery::rechecked(&mut job, judgement, &desk.context()) {
            None => Some(job),
            Some(exit) => {
                leave(desk, job, exit);
                None
            }
        }
    });
    kept.collect()
}
