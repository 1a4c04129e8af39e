//! A job that has waited at an account is judged again before it is sent.

use super::super::jobs::Job;
use super::super::judge::Judgement;
use super::Desk;
use super::worker::{follow, too_late, verdict};
use crate::domain::Reason;
use crate::policy::Decision;
use crate::policy::after_pass::attempts_used;
use crate::runtime::clock;

/// Decides again on a job that has waited: the person may have changed their mind, and their night
/// or day may have begun. `None` when it is not to be sent now; it is on its way then.
pub(super) async fn reconsider(desk: &Desk, job: Job) -> Option<Job> {
    reconsider_many(desk, vec![job]).await.pop()
}

/// The same for several, with as few questions to the database as for one.
pub(super) async fn reconsider_many(desk: &Desk, jobs: Vec<Job>) -> Vec<Job> {
    let judged = desk.judge.again(jobs, desk.facts()).await;
    let kept = judged
        .into_iter()
        .filter_map(|(job, judgement)| follow_judgement(desk, job, judgement));
    kept.collect()
}

fn follow_judgement(desk: &Desk, mut job: Job, judgement: Judgement) -> Option<Job> {
    let now = clock::now();
    // What others have tried in this pass was an attempt.
    let asked = attempts_used(&job.notification, &job.replies, now);
    match judgement {
        Judgement::Decided(Decision::Deliver {
            targets,
            good_until,
            ..
        }) => {
            job.good_until = good_until;
            if job.replies.is_empty() {
                job.targets = targets;
            } else {
                job.targets.retain(|target| targets.contains(target));
            }
            if !job.targets.is_empty() {
                return Some(job);
            }
            // Every device that is left has accepted in an earlier pass.
            let verdict = verdict(desk, &job, &[], now);
            follow(desk, verdict, job, now);
            return None;
        }
        Judgement::Decided(Decision::Defer { .. })
            if asked > 0
                && job.notification.attempt_count + asked > job.notification.max_retries =>
        {
            job.notification.attempt_count = job.notification.attempt_count.saturating_add(asked);
            desk.outbox
                .push(too_late(job, Reason::RetriesExhausted, now));
        }
        Judgement::Decided(Decision::Defer { reason, until }) => {
            job.notification.attempt_count = job.notification.attempt_count.saturating_add(asked);
            desk.outbox.push(job.defer(reason, until, now));
        }
        Judgement::Decided(Decision::Cancel(reason) | Decision::Fail(reason)) => {
            job.notification.attempt_count = job.notification.attempt_count.saturating_add(asked);
            desk.outbox.push(job.end(reason, now));
        }
        // Asked and not answered: it comes again.
        Judgement::Decided(Decision::Reserve(_)) => {
            desk.outbox.push(job.defer(Reason::Retry, now, now))
        }
        Judgement::NobodyThere => desk.outbox.push(job.end_without_person(now)),
    }
    None
}
