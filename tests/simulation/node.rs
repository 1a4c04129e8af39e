//! One account at one node, and who is at work for it: the tasks and locks of the engine, on the clock of
//! the simulation. What they do is the engine's own `machine` to say.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use herald::domain::{Channel, Origin, RunId};
use herald::machine::account::{AccountSettings, Question, Token, Turn};
use herald::machine::delivery::AccountTerms;
use herald::machine::queue::Queue;
use herald::machine::{self, AccountState, Guard};
use herald::resilience::{Backoff, CircuitSettings};
use uuid::Uuid;

use crate::dice::Dice;
use crate::plan::AccountPlan;
use crate::walk::Worker;
use crate::watch::Turns;
use crate::world::{Run, Step, World};

/// Longest that a job waits here for tokens; then it waits in the database.
pub(crate) const QUEUE_WAIT: Duration = Duration::from_secs(60);
const BACKOFF: Backoff = Backoff::new(Duration::from_secs(2), Duration::from_secs(900));
/// What FCM wants.
const PUSH_DELAY: Duration = Duration::from_secs(10);
const PUSH_WINDOW: Duration = Duration::from_secs(3_600);

/// What a job holds: the right of a run to settle it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Claim {
    pub(crate) number: usize,
    pub(crate) origin: Origin,
}

impl Guard for Claim {
    fn origin(&self) -> Origin {
        self.origin
    }
}

pub(crate) type Job = machine::Job<Claim>;
pub(crate) type Outcome = machine::Outcome<Claim>;

#[derive(Debug)]
pub(crate) struct AccountHere {
    pub(crate) state: AccountState,
    pub(crate) terms: AccountTerms,
    pub(crate) queue: Queue<Claim>,
    pub(crate) workers: BTreeMap<u64, Worker>,
    hired: u64,
    concurrency: usize,
    /// Workers that have a job and wait for a token.
    pub(crate) wants: VecDeque<Want>,
    is_leasing: bool,
    turns: Turns,
    serve_at: Option<Duration>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Want {
    pub(crate) worker: u64,
    /// A further address of its job, and how long it is worth waiting.
    pub(crate) further: Option<(usize, Duration)>,
}

impl AccountHere {
    pub(crate) fn new(number: usize, plan: &AccountPlan, now: Duration, dice: &mut Dice) -> Self {
        let concurrency = dice.one(&[1, 2, 4, 16]);
        let circuit = CircuitSettings {
            failure_ratio: 0.5,
            slow_ratio: 0.5,
            window: Duration::from_secs(10),
            minimum_requests: dice.one(&[2, 4, 10]),
            open_for: Duration::from_secs(dice.one(&[1, 5])),
            open_max: Duration::from_secs(60),
            concurrency,
        };
        let settings = AccountSettings {
            slow_after: Duration::from_secs(3),
            refused_pause: Duration::from_secs(60),
            circuit,
            dead_addresses_a_minute: 100,
        };
        let is_push = plan.channel == Channel::Push;
        Self {
            state: AccountState::new(settings, plan.rate_limit),
            terms: AccountTerms {
                id: Uuid::from_u128(0xC000 + u128::try_from(number).unwrap()),
                name: Arc::clone(&plan.name),
                backoff: BACKOFF,
                minimum_delay: if is_push { PUSH_DELAY } else { Duration::ZERO },
                retry_window: is_push.then_some(PUSH_WINDOW),
            },
            queue: Queue::default(),
            workers: BTreeMap::new(),
            // A life's first worker is none of the life before.
            hired: u64::try_from(now.as_nanos()).unwrap(),
            concurrency: usize::try_from(concurrency).unwrap(),
            wants: VecDeque::new(),
            is_leasing: false,
            turns: Turns::default(),
            serve_at: None,
        }
    }

    fn most_in_flight(&self) -> usize {
        self.state.most_in_flight().min(self.concurrency).max(1)
    }
}

impl Run {
    pub(crate) fn id(self) -> RunId {
        RunId(i32::try_from(self.life).unwrap() * 2 + i32::try_from(self.node).unwrap())
    }
}

impl World {
    pub(crate) fn here(&mut self, run: Run, account: usize) -> &mut AccountHere {
        &mut self.nodes[run.node].accounts[account]
    }

    /// A job came.
    pub(crate) fn queue(&mut self, run: Run, account: usize, job: Job) {
        let since = self.now;
        let (line, tenant) = line_of(&job);
        self.tell(Some(job.hold.number), || {
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
        loop {
            self.give_up_waiting(run, account);
            let here = self.here(run, account);
            let held = here.wants.len();
            let is_free = here.workers.len() < here.most_in_flight();
            if held == 0 && (!is_free || here.queue.is_empty()) {
                return;
            }
            let token = match here.state.turn(here.queue.len() + held, false, now) {
                Turn::Go(token) => token,
                Turn::Nothing => Token::None,
                Turn::Wait(wait) => return self.wait_for_turn(run, account, wait),
                Turn::Lease(question) => return self.lease(run, account, question),
            };
            if let Some(want) = here.wants.pop_front() {
                self.go_on(run, account, want, token);
            } else if let Some((job, ..)) = here.queue.pop_many(1, true, || None) {
                let (line, tenant) = line_of(&job);
                if let Err(broken) = here.turns.popped(line, tenant, &here.queue) {
                    self.watch.break_off(Some(job.hold.number), broken);
                }
                let here = self.here(run, account);
                here.hired += 1;
                let worker = here.hired;
                here.workers.insert(worker, Worker::new(job, token));
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
        stale.sort_by_key(|job| job.hold.number);
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
            self.go_on(run, account, want, Token::None);
        }
    }

    /// A pause is told to the other node through the account's row, if it has a rate limit.
    pub(crate) fn share_pause(&mut self, account: usize, wait: Duration) {
        if self.plan.accounts[account].rate_limit.is_some() {
            let at = self.now + self.dice.millis(1, 200);
            self.at(at, crate::world::Event::Pause { account, wait });
        }
    }
}

fn line_of(job: &Job) -> (usize, Uuid) {
    let notification = &job.notification;
    (notification.lane.priority.index(), notification.tenant_id)
}
