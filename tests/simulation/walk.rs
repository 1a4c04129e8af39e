//! The walk of a job, as the engine's own `machine` decides it: here is only what is asked of whom, and
//! how long that takes.

use std::sync::Arc;
use std::time::Duration;

use herald::domain::{CircuitState, Counter, Target};
use herald::machine::account::{CallPermit, Token};
use herald::machine::delivery::{self, CallResult, Conditions, DeliveryContext};
use herald::machine::eligibility::{
    self, CapAnswer, DispatchAction, EligibilityContext, Judgement,
};
use herald::machine::job::Disposition;
use herald::machine::request::{admit_another, is_left_alone, patience};
use herald::machine::{Exit, NextAction};
use herald::policy::{AccountFacts, Decision, Quota};
use jiff::{SignedDuration, Timestamp};

use crate::node::{Job, Outcome, QUEUE_WAIT, Want};
use crate::world::{Run, Step, World};

/// Here a node dies as a whole: a living one holds its lease, and nobody stops or changes an account.
const CALM: Conditions = Conditions {
    holds_lease: true,
    is_stopping: false,
    is_retired: false,
};

/// Somebody at work on a job at an account.
#[derive(Debug)]
pub(crate) struct Worker {
    /// Away while its reservation is under way.
    pub(crate) job: Option<Job>,
    token: Token,
    asked_at: Timestamp,
    /// The addresses that are being asked, with their answers as they come.
    asked: Vec<(Target, Option<CallResult>)>,
    /// The others are asked once the probe has shown that the account works.
    after_probe: bool,
}

impl Worker {
    pub(crate) const fn new(job: Job, token: Token) -> Self {
        Self {
            job: Some(job),
            token,
            asked_at: Timestamp::MIN,
            asked: vec![],
            after_probe: false,
        }
    }
}

/// Until the dispatcher has decided.
impl World {
    pub(crate) fn store_later(&mut self, run: Run, outcome: Outcome) {
        let wait = self.database_takes();
        self.after(wait, run, Step::Settle(Box::new(outcome)));
    }

    fn store(&mut self, run: Run, job: Job, disposition: Disposition) {
        let now = self.clock();
        self.store_later(run, job.settle(disposition, now));
    }

    /// Reads who it is for, as they are now.
    fn read_person(&self, job: &mut Job) {
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
            global: &plan.house,
            now,
            jitter,
        };
        decide(job, &context)
    }

    fn dispatched(&mut self, run: Run, mut job: Job, decision: Decision) {
        let (plan, now, number) = (Arc::clone(&self.plan), self.clock(), job.hold.number);
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

    fn reserve_later(
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
    fn next_of(&self, job: &mut Job) -> Option<usize> {
        let name = job.route.pop_front()?;
        let mut accounts = self.plan.accounts.iter();
        accounts.position(|account| account.name == name)
    }
}

/// At an account.
impl World {
    /// A token has come, or there is no point in waiting for one.
    pub(crate) fn go_on(&mut self, run: Run, account: usize, want: Want, token: Token) {
        if let Some((further, _)) = want.further {
            return self.put_another(run, account, want.worker, further, token);
        }
        self.worker(run, account, want.worker).token = token;
        self.work(run, account, want.worker);
    }

    fn worker(&mut self, run: Run, account: usize, worker: u64) -> &mut Worker {
        self.here(run, account).workers.get_mut(&worker).unwrap()
    }

    fn dismiss(&mut self, run: Run, account: usize, worker: u64) -> Worker {
        let worker = self.here(run, account).workers.remove(&worker).unwrap();
        self.serve_in(run, account, Duration::ZERO);
        worker
    }

    pub(crate) fn work(&mut self, run: Run, account: usize, number: u64) {
        let (now, clock) = (self.now, self.clock());
        let here = self.here(run, account);
        let worker = here.workers.get_mut(&number).unwrap();
        let (job, token) = (worker.job.as_mut().unwrap(), worker.token);
        match delivery::look(job, (&mut here.state, now), token, CALM, clock) {
            NextAction::Call(permit) => self.ask(run, account, number, permit),
            NextAction::AwaitToken => {
                here.wants.push_back(Want {
                    worker: number,
                    further: None,
                });
                self.serve_in(run, account, Duration::ZERO);
            }
            NextAction::Recheck => {
                let wait = self.dice.millis(1, 150);
                let worker = number;
                self.after(wait, run, Step::Recheck { account, worker });
            }
            NextAction::Leave(exit) => self.done(run, account, number, exit),
        }
    }

    /// The worker has nothing more to do.
    fn done(&mut self, run: Run, account: usize, number: u64, exit: Exit) {
        let worker = self.dismiss(run, account, number);
        self.here(run, account).state.put_back(worker.token);
        self.leave(run, account, worker.job.unwrap(), exit);
    }

    /// Who it is for is read again.
    pub(crate) fn recheck(&mut self, run: Run, account: usize, number: u64) {
        let mut job = self.worker(run, account, number).job.take().unwrap();
        self.read_person(&mut job);
        let decision = self.at_one(account, &mut job, |job, context| {
            eligibility::decide(job, Quota::Unasked, context)
        });
        match decision {
            Decision::Reserve(counters) => {
                self.reserve_later(run, job, counters, Some((account, number)));
            }
            decision => self.rechecked(run, account, number, job, decision),
        }
    }

    /// Decides on a job that is at an account already: whether that may be asked is for the worker
    /// to find out.
    fn at_one(
        &mut self,
        account: usize,
        job: &mut Job,
        decide: impl FnOnce(&mut Job, &EligibilityContext<'_>) -> Decision,
    ) -> Decision {
        let (plan, now, jitter) = (Arc::clone(&self.plan), self.clock(), self.dice.share());
        let account = &plan.accounts[account];
        let context = EligibilityContext {
            accounts: &[facts(&account.name, account.priority, account.weight)],
            global: &plan.house,
            now,
            jitter,
        };
        decide(job, &context)
    }

    fn rechecked(
        &mut self,
        run: Run,
        account: usize,
        number: u64,
        mut job: Job,
        decision: Decision,
    ) {
        self.tell(Some(job.hold.number), || format!("recheck: {decision:?}"));
        let judgement = Judgement::Decided(decision);
        let exit = self.with_context(run, account, |context| {
            delivery::rechecked(&mut job, judgement, context)
        });
        self.worker(run, account, number).job = Some(job);
        match exit {
            None => self.work(run, account, number),
            Some(exit) => self.done(run, account, number, exit),
        }
    }

    fn ask(&mut self, run: Run, account: usize, number: u64, permit: CallPermit) {
        let clock = self.clock();
        let worker = self.worker(run, account, number);
        let job = worker.job.as_mut().unwrap();
        let targets = std::mem::take(&mut job.targets);
        worker.asked = targets.into_iter().map(|target| (target, None)).collect();
        (worker.asked_at, worker.after_probe) = (clock, permit.is_probe);
        self.put(run, account, number, 0, permit);
        if !permit.is_probe {
            self.want_the_others(run, account, number);
        }
    }

    fn want_the_others(&mut self, run: Run, account: usize, number: u64) {
        let (now, clock) = (self.now, self.clock());
        let here = self.here(run, account);
        let Some(worker) = here.workers.get(&number) else {
            return;
        };
        let until = now + patience(worker.job.as_ref().unwrap(), QUEUE_WAIT, clock);
        let further = 1..worker.asked.len();
        here.wants.extend(further.map(|further| Want {
            worker: number,
            further: Some((further, until)),
        }));
        self.serve_in(run, account, Duration::ZERO);
    }

    /// A further address: a request of its own, with a token and leave of its own.
    fn put_another(&mut self, run: Run, account: usize, number: u64, further: usize, token: Token) {
        let (now, clock) = (self.now, self.clock());
        let here = self.here(run, account);
        let job = here.workers[&number].job.as_ref().unwrap();
        match admit_another(job, (&mut here.state, now), token, CALM, clock) {
            Ok(permit) => self.put(run, account, number, further, permit),
            Err(reply) => {
                let elapsed = None;
                self.answer(
                    run,
                    account,
                    (number, further),
                    CallResult { reply, elapsed },
                );
            }
        }
    }

    fn put(&mut self, run: Run, account: usize, number: u64, slot: usize, permit: CallPermit) {
        let now = self.now;
        let here = self.here(run, account);
        let target = here.workers[&number].asked[slot].0.clone();
        if let Some(reply) = is_left_alone(&here.state, &target.address, now) {
            here.state.abandon(permit, now);
            let elapsed = None;
            return self.answer(run, account, (number, slot), CallResult { reply, elapsed });
        }
        self.request(run, account, (number, slot), target, permit);
    }

    /// An address has its answer; with the last one they are decided on.
    pub(crate) fn answer(
        &mut self,
        run: Run,
        account: usize,
        (number, slot): (u64, usize),
        result: CallResult,
    ) {
        let worker = self.worker(run, account, number);
        let n = worker.job.as_ref().unwrap().hold.number;
        let class = result.reply.class;
        worker.asked[slot].1 = Some(result);
        let probed = std::mem::take(&mut worker.after_probe);
        let is_over = worker.asked.iter().all(|(_, answer)| answer.is_some());
        self.tell(Some(n), || format!("account {account} of {run:?}: {class}"));
        if is_over {
            let worker = self.dismiss(run, account, number);
            self.conclude(run, account, worker);
        } else if probed {
            self.want_the_others(run, account, number);
        }
    }

    /// Notes the answers, decides, and follows.
    fn conclude(&mut self, run: Run, account: usize, worker: Worker) {
        let clock = self.clock();
        let here = self.here(run, account);
        let mut job = worker.job.unwrap();
        delivery::asked(&mut job, &here.terms, worker.asked_at);
        let mut asked = vec![];
        for (target, result) in worker.asked {
            let is_believed = || here.state.is_believed_on_addresses();
            let result = result.unwrap();
            delivery::note(&mut job, (&target, result), &here.terms, is_believed, clock);
            asked.push(target);
        }
        let has_next = !job.route.is_empty();
        let exit = self.with_context(run, account, |context| {
            delivery::answered(&mut job, &asked, has_next, context)
        });
        self.leave(run, account, job, exit);
    }

    /// Sends a job on its way.
    pub(crate) fn leave(&mut self, run: Run, account: usize, mut job: Job, mut exit: Exit) {
        let number = job.hold.number;
        self.tell(Some(number), || {
            format!("leaves account {account}: {exit:?}")
        });
        loop {
            exit = match exit {
                Exit::Store(disposition) => return self.store(run, job, disposition),
                Exit::PassOn => match self.next_of(&mut job) {
                    Some(next) => return self.queue(run, next, job),
                    None => self.unavailable(run, account, &mut job),
                },
                Exit::RouteAnew | Exit::HandOver | Exit::GiveBack => {
                    return self.broken(number, format!("{exit:?}, and nobody stopped"));
                }
            };
        }
    }

    pub(crate) fn unavailable(&mut self, run: Run, account: usize, job: &mut Job) -> Exit {
        let (available_at, has_next) = (self.available_at(run, account), !job.route.is_empty());
        self.with_context(run, account, |context| {
            delivery::unavailable(job, available_at, has_next, context)
        })
    }

    fn available_at(&self, run: Run, account: usize) -> Option<Timestamp> {
        let state = &self.nodes[run.node].accounts[account].state;
        let wait = state.refused_for(self.now)?;
        Some(self.clock() + SignedDuration::try_from(wait).unwrap())
    }

    fn with_context<T>(
        &mut self,
        run: Run,
        account: usize,
        decide: impl FnOnce(&DeliveryContext<'_>) -> T,
    ) -> T {
        let (now, jitter, plan) = (self.clock(), self.dice.share(), Arc::clone(&self.plan));
        let context = DeliveryContext {
            account: &self.here(run, account).terms,
            global: &plan.house,
            now,
            jitter,
        };
        decide(&context)
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
