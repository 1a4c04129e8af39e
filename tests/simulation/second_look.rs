//! Who has waited at an account is decided on again: as `pipeline::provider::second_look` does it.

use herald::domain::Reason;
use herald::policy::{Decision, Quota};

use crate::engine::Job;
use crate::world::{Run, World};

impl World {
    /// The second look: who has waited is decided on again.
    pub(crate) fn look_again(&mut self, run: Run, account: usize, number: u64) {
        let worker = self.worker(run, account, number);
        let mut job = worker.job.take().unwrap();
        self.read_person(&mut job);
        let decision = self.decide_at(account, &job, Quota::Unasked);
        match decision {
            Decision::Reserve(counters) => {
                self.reserve_later(run, job, counters, Some((account, number)));
            }
            decision => self.judged(run, account, number, job, decision),
        }
    }

    pub(crate) fn judged(
        &mut self,
        run: Run,
        account: usize,
        number: u64,
        mut job: Job,
        decision: Decision,
    ) {
        let clock = self.clock();
        self.tell(Some(job.number), || format!("second look: {decision:?}"));
        // What others were asked in this pass was an attempt.
        let asked = u16::from(!job.replies.is_empty());
        if let Decision::Deliver {
            targets,
            good_until,
            ..
        } = decision
        {
            job.good_until = good_until;
            if job.replies.is_empty() {
                job.targets = targets;
            } else {
                job.targets.retain(|target| targets.contains(target));
            }
            let nothing_left = job.targets.is_empty();
            self.worker(run, account, number).job = Some(job);
            if nothing_left {
                let job = self.dismiss(run, account, number);
                return self.conclude(run, account, job, &[]);
            }
            return self.work(run, account, number);
        }
        *self.watch.broken_off.entry(job.number).or_default() += asked;
        let worker = self.worker(run, account, number);
        let token = worker.token;
        job.notification.attempt_count += asked;
        worker.job = Some(job);
        self.desk(run, account).tokens.put_back(token);
        let job = self.dismiss(run, account, number);
        let outcome = match decision {
            Decision::Defer { reason, until } => job.defer(reason, until, clock),
            Decision::Cancel(reason) | Decision::Fail(reason) => job.end(reason),
            Decision::Reserve(_) | Decision::Deliver { .. } => {
                job.defer(Reason::Retry, clock, clock)
            }
        };
        self.store_later(run, outcome);
    }
}
