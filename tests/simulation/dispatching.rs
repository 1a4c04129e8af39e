//! From the claim to the first account: what is asked of whom, and how long that takes. What follows is
//! the engine's own `machine` to say.

use std::sync::Arc;

use herald::domain::{CircuitState, Counter};
use herald::machine::eligibility::{self, CapAnswer, DispatchAction, EligibilityContext};
use herald::machine::job::Disposition;
use herald::policy::{AccountFacts, Decision, Quota};

use crate::account::{Job, Outcome};
use crate::run::Run;
use crate::world::{Step, World};

impl World {
    pub(crate) fn store_later(&mut self, run: Run, outcome: Outcome) {
        let wait = self.database_takes();
        self.after(wait, run, Step::Settle(Box::new(outcome)));
    }

    pub(crate) fn store(&mut self, run: Run, job: Job, disposition: Disposition) {
        let now = self.clock();
        self.store_later(run, job.settle(disposition, now));
    }

    /// Reads who it is for, as they are now.
    pub(crate) fn read_person(&self, job: &mut Job) {
        let person = self.tables.person(job.notification.user_id);
        let channel = job.notification.lane.channel;
        job.suppressed = self.tables.suppressed_of(&person, channel);
        job.recipient = person;
        job.rules = Arc::clone(self.plan.rules_of(&job.notification));
        job.known_at = self.clock();
    }

    pub(crate) fn dispatch(&mut self, run: Run, mut job: Job) {
        self.read_person(&mut job);
        let decision = self.among_all(run, &mut job, |job, context| {
            eligibility::decide(job, Quota::Unasked, context)
        });
        self.dispatched(run, job, decision);
    }

    /// Decides among the accounts of the channel.
    fn among_all(
        &mut self,
        run: Run,
        job: &mut Job,
        decide: impl FnOnce(&mut Job, &EligibilityContext<'_>) -> Decision,
    ) -> Decision {
        let (plan, now, jitter) = (Arc::clone(&self.plan), self.clock(), self.dice.share());
        let of = plan.accounts_of(job.notification.lane.channel);
        let accounts: Vec<AccountFacts<'_>> = of
            .map(|(number, account)| AccountFacts {
                available_at: self.available_at(run, number),
                ..facts(&account.name, account.priority, account.weight)
            })
            .collect();
        let context = EligibilityContext {
            accounts: &accounts,
            global: &plan.global,
            now,
            jitter,
        };
        decide(job, &context)
    }

    fn dispatched(&mut self, run: Run, mut job: Job, decision: Decision) {
        let (plan, now, number) = (Arc::clone(&self.plan), self.clock(), job.claim.number);
        self.tell(Some(number), || format!("{decision:?}"));
        if let Decision::Deliver { gone: Some(_), .. } = &decision {
            self.broken(number, "an account was missed, and none has gone");
        }
        let channel = job.notification.lane.channel;
        let name = |at: usize| {
            let mut accounts = plan.accounts_of(channel);
            accounts
                .nth(at)
                .map(|(_, account)| Arc::clone(&account.name))
        };
        match eligibility::dispatch(&mut job, decision, name, now) {
            DispatchAction::Render => match eligibility::rendered(&job, false) {
                Some(disposition) => self.store(run, job, disposition),
                None => {
                    let first = self.next_of(&mut job).unwrap();
                    self.queue(run, first, job);
                }
            },
            DispatchAction::Reserve(counters) => self.reserve_later(run, job, counters, None),
            DispatchAction::Store(disposition) => self.store(run, job, disposition),
        }
    }

    pub(crate) fn reserve_later(
        &mut self,
        run: Run,
        job: Job,
        counters: Vec<Counter>,
        worker: Option<(usize, u64)>,
    ) {
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
        let answer = full.map_or(CapAnswer::Granted, CapAnswer::Full);
        let decide = |job: &mut Job, context: &EligibilityContext<'_>| {
            eligibility::decide_reserved(job, &counters, &answer, context)
        };
        match worker {
            None => {
                let decision = self.among_all(run, &mut job, decide);
                self.dispatched(run, job, decision);
            }
            Some((account, worker)) => {
                let decision = self.at_one(account, &mut job, decide);
                self.rechecked(run, account, worker, job, decision);
            }
        }
    }

    /// The next of a job's route.
    pub(crate) fn next_of(&self, job: &mut Job) -> Option<usize> {
        let name = job.route.pop_front()?;
        let mut accounts = self.plan.accounts.iter();
        accounts.position(|account| account.name == name)
    }
}

pub(crate) const fn facts(name: &str, priority: i32, weight: u32) -> AccountFacts<'_> {
    AccountFacts {
        name,
        priority,
        weight,
        available_at: None,
        circuit: CircuitState::Closed,
        rate_limit: None,
        needs_address: true,
        is_off: false,
        pause: None,
    }
}
