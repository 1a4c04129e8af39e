//! A job at an account: what is asked of whom, and how long that takes. What follows is the engine's own
//! `machine` to say.

use std::sync::Arc;
use std::time::Duration;

use herald::machine::account::{CallPermit, RateToken};
use herald::machine::delivery::{self, CallResult, Conditions, DeliveryContext};
use herald::machine::eligibility::{self, EligibilityContext, Reevaluation};
use herald::machine::request::{admit_another, is_left_alone, patience};
use herald::machine::{Exit, NextAction};
use herald::policy::{Decision, Quota};
use jiff::{SignedDuration, Timestamp};

use crate::account::{Job, QUEUE_WAIT, Want, Worker};
use crate::dispatching::facts;
use crate::run::Run;
use crate::world::{Step, World};

impl World {
    /// A token has come, or there is no point in waiting for one.
    pub(crate) fn go_on(&mut self, run: Run, account: usize, want: Want, token: RateToken) {
        if let Some((further, _)) = want.further {
            return self.put_another(run, account, want.worker, further, token);
        }
        self.worker(run, account, want.worker).token = token;
        self.work(run, account, want.worker);
    }

    fn conditions(&self, run: Run, account: usize, worker: u64) -> Conditions {
        let node = &self.nodes[run.node];
        let here = &node.accounts[account];
        Conditions {
            holds_lease: node.holds_lease,
            is_stopping: node.is_stopping,
            is_retired: here.workers[&worker].version != here.version,
        }
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
        let conditions = self.conditions(run, account, number);
        let here = self.here(run, account);
        let worker = here.workers.get_mut(&number).unwrap();
        let (job, token) = (worker.job.as_mut().unwrap(), worker.token);
        match delivery::look(job, (&mut here.state, now), token, conditions, clock) {
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
    pub(crate) fn at_one(
        &mut self,
        account: usize,
        job: &mut Job,
        decide: impl FnOnce(&mut Job, &EligibilityContext<'_>) -> Decision,
    ) -> Decision {
        let (plan, now, jitter) = (Arc::clone(&self.plan), self.clock(), self.dice.share());
        let account = &plan.accounts[account];
        let context = EligibilityContext {
            accounts: &[facts(&account.name, account.priority, account.weight)],
            global: &plan.global,
            now,
            jitter,
        };
        decide(job, &context)
    }

    pub(crate) fn rechecked(
        &mut self,
        run: Run,
        account: usize,
        number: u64,
        mut job: Job,
        decision: Decision,
    ) {
        self.tell(Some(job.claim.number), || format!("recheck: {decision:?}"));
        let reevaluation = Reevaluation::Decided(decision);
        let exit = self.with_context(run, account, |context| {
            delivery::rechecked(&mut job, reevaluation, context)
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
    fn put_another(
        &mut self,
        run: Run,
        account: usize,
        number: u64,
        further: usize,
        token: RateToken,
    ) {
        let (now, clock) = (self.now, self.clock());
        let conditions = self.conditions(run, account, number);
        let here = self.here(run, account);
        let job = here.workers[&number].job.as_ref().unwrap();
        match admit_another(job, (&mut here.state, now), token, conditions, clock) {
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
        let n = worker.job.as_ref().unwrap().claim.number;
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
        let number = job.claim.number;
        self.tell(Some(number), || {
            format!("leaves account {account}: {exit:?}")
        });
        loop {
            exit = match exit {
                Exit::Store(disposition) => return self.store(run, job, disposition),
                Exit::Conclude => self.with_context(run, account, |context| {
                    delivery::conclude(&mut job, context)
                }),
                Exit::PassOn => match self.next_of(&mut job) {
                    Some(next) => return self.queue(run, next, job),
                    None => self.unavailable(run, account, &mut job),
                },
                Exit::RouteAnew => {
                    self.watch.seen.routed_anew += 1;
                    let wait = self.dice.millis(0, 50);
                    return self.after(wait, run, Step::Dispatch(Box::new(job)));
                }
                Exit::HandOver => {
                    self.watch.seen.handed_over += 1;
                    return self.queue(run, account, job);
                }
                Exit::GiveBack => {
                    self.watch.seen.given_back += 1;
                    // A place that it had reserved is given back by nobody.
                    self.watch.bereft.extend(job.reserved.then_some(number));
                    let wait = self.database_takes();
                    return self.after(wait, run, Step::GiveBack(job.claim));
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

    pub(crate) fn available_at(&self, run: Run, account: usize) -> Option<Timestamp> {
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
            global: &plan.global,
            now,
            jitter,
        };
        decide(&context)
    }
}
