//! The dispatcher and what it decides with: as `pipeline::dispatcher`, `judge` and `jobs` do it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use herald::domain::{
    AttemptRecord, CircuitState, Counter, Notification, Reason, Recipient, Reply, Status,
    Step as Line, Target,
};
use herald::policy::refund::{self, Ending};
use herald::policy::{AccountFacts, Decision, Facts, Quota, decide};
use herald::store::settle::{DeadAddress, Origin};
use jiff::{SignedDuration, Timestamp};

use crate::world::{Run, Step, World};

#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub(crate) number: usize,
    pub(crate) notification: Notification,
    pub(crate) origin: Origin,
    pub(crate) recipient: Option<Arc<Recipient>>,
    pub(crate) suppressed: Vec<String>,
    pub(crate) reserved: bool,
    pub(crate) good_until: Timestamp,
    pub(crate) targets: Vec<Target>,
    /// Numbers of accounts.
    pub(crate) route: VecDeque<usize>,
    /// Whether an account that may carry it is not asked in this pass.
    pub(crate) left_out: bool,
    pub(crate) replies: Vec<(Target, Reply)>,
    pub(crate) dead: Vec<DeadAddress>,
    pub(crate) minimum_delay: Duration,
}

#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) number: usize,
    pub(crate) notification: Notification,
    pub(crate) origin: Origin,
    pub(crate) status: Status,
    pub(crate) reason: Option<Reason>,
    pub(crate) due_at: Option<Timestamp>,
    pub(crate) refund: bool,
    pub(crate) dead: Vec<DeadAddress>,
}

impl Job {
    pub(crate) const fn new(number: usize, notification: Notification, origin: Origin) -> Self {
        Self {
            number,
            notification,
            origin,
            recipient: None,
            suppressed: vec![],
            reserved: false,
            good_until: Timestamp::MIN,
            targets: vec![],
            route: VecDeque::new(),
            left_out: false,
            replies: vec![],
            dead: vec![],
            minimum_delay: Duration::ZERO,
        }
    }

    pub(crate) fn end(self, reason: Reason) -> Outcome {
        self.outcome(reason.status(), Some(reason), None)
    }

    pub(crate) fn sent(self) -> Outcome {
        self.outcome(Status::Sent, None, None)
    }

    pub(crate) fn defer(mut self, reason: Reason, until: Timestamp, now: Timestamp) -> Outcome {
        let step = Line::Deferred { reason, until };
        if !self.notification.waits_on(reason, until) {
            self.notification
                .attempts
                .push(AttemptRecord { at: now, step });
        }
        self.outcome(Status::Pending, Some(reason), Some(until))
    }

    fn outcome(self, status: Status, reason: Option<Reason>, due_at: Option<Timestamp>) -> Outcome {
        let refund = refund::is_due(&Ending {
            status,
            reserved: self.reserved,
            attempts: &self.notification.attempts,
        });
        Outcome {
            number: self.number,
            origin: self.origin,
            status,
            reason,
            due_at,
            refund,
            dead: self.dead,
            notification: self.notification,
        }
    }
}

impl World {
    pub(crate) fn store_later(&mut self, run: Run, outcome: Outcome) {
        let wait = self.database_takes();
        self.after(wait, run, Step::Settle(Box::new(outcome)));
    }

    /// Reads who it is for, as they are now.
    pub(crate) fn read_person(&self, job: &mut Job) {
        let person = self.tables.person(job.notification.user_id);
        job.suppressed = self
            .tables
            .suppressed_of(&person, job.notification.lane.channel);
        job.recipient = Some(person);
    }

    pub(crate) fn decide(
        &mut self,
        job: &Job,
        facts: &[AccountFacts<'_>],
        quota: Quota<'_>,
    ) -> Decision {
        let dice = self.dice.share();
        decide(&Facts {
            notification: &job.notification,
            recipient: job.recipient.as_ref().unwrap(),
            rules: self.plan.rules_of(&job.notification),
            house: &self.plan.house,
            accounts: facts,
            suppressed: &job.suppressed,
            quota,
            now: self.clock(),
            dice,
        })
    }

    pub(crate) fn dispatch(&mut self, run: Run, mut job: Job) {
        self.read_person(&mut job);
        let decision = self.decide_for_channel(run, &job, Quota::Unasked);
        self.follow_decision(run, job, decision);
    }

    fn decide_for_channel(&mut self, run: Run, job: &Job, quota: Quota<'_>) -> Decision {
        let plan = Arc::clone(&self.plan);
        let of = plan.accounts_of(job.notification.lane.channel);
        let facts: Vec<AccountFacts<'_>> = of
            .map(|(number, account)| {
                let refused = self.nodes[run.node].desks[number]
                    .health
                    .refused_for(self.now);
                AccountFacts {
                    available_at: refused
                        .map(|wait| self.clock() + SignedDuration::try_from(wait).unwrap()),
                    ..facts(&account.name, account.priority, account.weight)
                }
            })
            .collect();
        let mut decision = self.decide(job, &facts, quota);
        // Positions among the channel's accounts become numbers among all.
        if let Decision::Deliver { route, .. } = &mut decision {
            let numbers: Vec<usize> = plan
                .accounts_of(job.notification.lane.channel)
                .map(|(n, _)| n)
                .collect();
            route.iter_mut().for_each(|at| *at = numbers[*at]);
        }
        decision
    }

    fn follow_decision(&mut self, run: Run, mut job: Job, decision: Decision) {
        let number = job.number;
        self.tell(Some(number), || format!("{decision:?}"));
        match decision {
            Decision::Deliver {
                route,
                left_out,
                gone,
                targets,
                good_until,
            } => {
                if gone.is_some() {
                    self.broken(number, "an account was missed, and none has gone");
                }
                job.left_out = left_out;
                (job.targets, job.good_until) = (targets, good_until);
                job.route = route.into();
                if job.targets.is_empty() {
                    return self.store_later(run, job.sent());
                }
                let first = job.route.pop_front().unwrap();
                self.queue(run, first, job);
            }
            Decision::Reserve(counters) => self.reserve_later(run, job, counters, None),
            Decision::Defer { reason, until } => {
                let now = self.clock();
                self.store_later(run, job.defer(reason, until, now));
            }
            Decision::Cancel(reason) | Decision::Fail(reason) => {
                self.store_later(run, job.end(reason));
            }
        }
    }

    pub(crate) fn reserve_later(
        &mut self,
        run: Run,
        job: Job,
        counters: Vec<Counter>,
        worker: Option<(usize, u64)>,
    ) {
        // Shorter than a stall: how old a wish may be when it counts is known then.
        let wait = self.dice.millis(1, 200);
        self.after(wait, run, Step::Reserve(Box::new(job), counters, worker));
    }

    pub(crate) fn reserve(
        &mut self,
        run: Run,
        mut job: Job,
        counters: Vec<Counter>,
        worker: Option<(usize, u64)>,
    ) {
        let full = self.tables.reserve(&job.notification, counters.clone());
        job.reserved |= full.is_none();
        let quota = full
            .as_ref()
            .map_or(Quota::Reserved(&counters), |full| Quota::Counted(full));
        match worker {
            None => {
                let decision = self.decide_for_channel(run, &job, quota);
                self.follow_decision(run, job, decision);
            }
            Some((account, worker)) => {
                let decision = self.decide_at(account, &job, quota);
                self.judged(run, account, worker, job, decision);
            }
        }
    }

    /// Decides on a job that is at an account already: whether that may be asked is for the worker
    /// to find out.
    pub(crate) fn decide_at(&mut self, account: usize, job: &Job, quota: Quota<'_>) -> Decision {
        let plan = Arc::clone(&self.plan);
        let account = &plan.accounts[account];
        let facts = [facts(&account.name, account.priority, account.weight)];
        self.decide(job, &facts, quota)
    }
}

const fn facts(name: &str, priority: i32, weight: u32) -> AccountFacts<'_> {
    AccountFacts {
        name,
        priority,
        weight,
        available_at: None,
        circuit: CircuitState::Closed,
        rate_limit: None,
        needs_address: true,
    }
}
