//! Who goes next at an account: the tasks and locks of the engine, on the clock of the simulation. What
//! they do is the engine's own `machine` to say.

use std::time::Duration;

use herald::machine::account::{Question, RateToken, Turn};
use herald::machine::delivery;

use crate::account::{AccountHere, Job, QUEUE_WAIT, Want, Worker, line_of};
use crate::run::Run;
use crate::world::{Event, Step, World};

impl World {
    pub(crate) fn here(&mut self, run: Run, account: usize) -> &mut AccountHere {
        &mut self.nodes[run.node].accounts[account]
    }

    /// A job came.
    pub(crate) fn queue(&mut self, run: Run, account: usize, job: Job) {
        let since = self.now;
        let (line, tenant) = line_of(&job);
        self.tell(Some(job.claim.number), || {
            format!("queued at account {account} of {run:?}")
        });
        let here = self.here(run, account);
        here.turns.pushed(line, tenant);
        here.queue.push(job, since);
        self.serve_in(run, account, Duration::ZERO);
    }

    pub(crate) fn serve_in(&mut self, run: Run, account: usize, wait: Duration) {
        let at = self.now + wait;
        let here = self.here(run, account);
        if here.serve_at.is_none_or(|planned| planned > at) {
            here.serve_at = Some(at);
            self.after(wait, run, Step::Serve(account));
        }
    }

    /// Lets workers go on for as long as there are tokens, pace, work and hands.
    pub(crate) fn serve(&mut self, run: Run, account: usize) {
        let now = self.now;
        self.here(run, account).serve_at.take_if(|at| *at <= now);
        let is_over = self.nodes[run.node].is_stopping;
        loop {
            self.give_up_waiting(run, account);
            let here = self.here(run, account);
            let held = here.wants.len();
            let is_free = here.workers.len() < here.most_in_flight();
            if held == 0 && (!is_free || here.queue.is_empty()) {
                return;
            }
            let token = match here.state.turn(here.queue.len() + held, is_over, now) {
                Turn::Go(token) => token,
                Turn::Nothing => RateToken::None,
                Turn::Wait(wait) => return self.wait_for_turn(run, account, wait),
                Turn::Lease(question) => return self.lease(run, account, question),
            };
            if let Some(want) = here.wants.pop_front() {
                self.go_on(run, account, want, token);
            } else if let Some((job, ..)) = here.queue.pop_many(1, true, || None) {
                let (line, tenant) = line_of(&job);
                if let Err(broken) = here.turns.popped(line, tenant, &here.queue) {
                    self.watch.break_off(Some(job.claim.number), broken);
                }
                let here = self.here(run, account);
                here.hired += 1;
                let worker = here.hired;
                here.workers
                    .insert(worker, Worker::new(job, here.version, token));
                self.work(run, account, worker);
            }
        }
    }

    fn wait_for_turn(&mut self, run: Run, account: usize, wait: Duration) {
        let now = self.now;
        let here = self.here(run, account);
        let until = here.queue.look_again_at(wait, QUEUE_WAIT, now);
        let further = here.wants.iter().filter_map(|want| want.further);
        let until = further.map(|(_, until)| until).chain([until]).min();
        let wait = until.unwrap().saturating_sub(now);
        self.serve_in(run, account, wait.max(Duration::from_micros(1)));
    }

    fn lease(&mut self, run: Run, account: usize, question: Question) {
        if std::mem::replace(&mut self.here(run, account).is_leasing, true) {
            return;
        }
        let wait = self.database_takes();
        self.after(wait, run, Step::Leased { account, question });
    }

    pub(crate) fn leased(&mut self, run: Run, account: usize, question: Question) {
        let now = self.now;
        let leased = self.tables.lease(account, question, now);
        let here = self.here(run, account);
        here.is_leasing = false;
        match here.state.leased(question, leased, now) {
            None => self.serve(run, account),
            Some(wait) => self.wait_for_turn(run, account, wait),
        }
    }

    /// What has waited here for too long waits in the database.
    fn give_up_waiting(&mut self, run: Run, account: usize) {
        let now = self.now;
        let here = self.here(run, account);
        let mut stale = here.queue.take_stale(QUEUE_WAIT, now);
        // The queue hands them out in no particular order.
        stale.sort_by_key(|job| job.claim.number);
        for job in &stale {
            let (line, tenant) = line_of(job);
            here.turns.left(line, tenant);
        }
        let is_late = |want: &Want| want.further.is_some_and(|(_, until)| until <= now);
        let late: Vec<Want> = here.wants.iter().copied().filter(is_late).collect();
        here.wants.retain(|want| !is_late(want));
        for mut job in stale {
            let exit = self.unavailable(run, account, &mut job);
            self.leave(run, account, job, exit);
        }
        for want in late {
            self.go_on(run, account, want, RateToken::None);
        }
    }

    /// The account is configured otherwise: whoever works for it as it was asks it no more, and its queue
    /// is handed back.
    pub(crate) fn replace(&mut self, run: Run, account: usize) {
        let here = self.here(run, account);
        here.version += 1;
        let (wants, jobs) = (std::mem::take(&mut here.wants), here.queue.drain());
        let mut jobs: Vec<Job> = jobs;
        // The queue hands them out in no particular order.
        jobs.sort_by_key(|job| job.claim.number);
        for job in jobs {
            let (line, tenant) = line_of(&job);
            self.here(run, account).turns.left(line, tenant);
            let exit = delivery::retired(&job);
            self.leave(run, account, job, exit);
        }
        for want in wants {
            self.go_on(run, account, want, RateToken::None);
        }
    }

    /// A pause is told to the other node through the account's row, if it has a rate limit.
    pub(crate) fn share_pause(&mut self, account: usize, wait: Duration) {
        if self.plan.accounts[account].rate_limit.is_some() {
            let at = self.now + self.dice.millis(1, 200);
            self.at(at, Event::Pause { account, wait });
        }
    }
}
