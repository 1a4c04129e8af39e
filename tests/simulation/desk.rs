//! One account at one node: its health, its queue, and whose turn it is. As
//! `pipeline::provider::{queue, turn, tokens, health}` do it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use herald::domain::Priority;
use herald::resilience::rate_limit::VALIDITY;
use herald::resilience::{CircuitBreaker, CircuitSettings, FairQueue, Pace, TokenRate};
use uuid::Uuid;

use crate::database::Lease;
use crate::dice::Dice;
use crate::engine::Job;
use crate::health::{Health, LONG_PAUSE};
use crate::watch::Turns;
use crate::worker::Worker;
use crate::world::{Run, Step, World};

/// Longest that a job waits here for tokens; then it waits in the database.
pub(crate) const QUEUE_WAIT: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) health: Health,
    pub(crate) queue: FairQueue<Uuid, Waiting>,
    pub(crate) workers: BTreeMap<u64, Worker>,
    pub(crate) hired: u64,
    /// Workers that have a job and wait for a token.
    pub(crate) wants: VecDeque<Want>,
    pub(crate) tokens: Tokens,
    pub(crate) turns: Turns,
    serve_at: Option<Duration>,
}

#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) since: Duration,
    pub(crate) job: Job,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Want {
    pub(crate) worker: u64,
    /// A further address of its job, and how long it is worth waiting.
    pub(crate) further: Option<(usize, Duration)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Token {
    Unlimited,
    Until(Duration),
    None,
}

#[derive(Debug, Default)]
pub(crate) struct Tokens {
    held: u32,
    dead_at: Duration,
    leasing: bool,
}

impl Token {
    pub(crate) fn is_valid(self, now: Duration) -> bool {
        match self {
            Self::Unlimited => true,
            Self::Until(dead_at) => now < dead_at,
            Self::None => false,
        }
    }
}

impl Tokens {
    pub(crate) fn put_back(&mut self, token: Token) {
        if token == Token::Until(self.dead_at) {
            self.held += 1;
        }
    }
}

impl Desk {
    pub(crate) fn new(now: Duration, dice: &mut Dice) -> Self {
        let concurrency = dice.one(&[1, 2, 4, 16]);
        let breaker = CircuitBreaker::new(CircuitSettings {
            failure_ratio: 0.5,
            slow_ratio: 0.5,
            window: Duration::from_secs(10),
            minimum_requests: dice.one(&[2, 4, 10]),
            open_for: Duration::from_secs(dice.one(&[1, 5])),
            open_max: Duration::from_secs(60),
            concurrency,
        });
        Self {
            health: Health {
                breaker,
                pace: Pace::default(),
                concurrency,
            },
            queue: FairQueue::new(Priority::ALL.len()),
            workers: BTreeMap::new(),
            // A life's first worker is none of the life before.
            hired: u64::try_from(now.as_nanos()).unwrap(),
            wants: VecDeque::new(),
            tokens: Tokens::default(),
            turns: Turns::default(),
            serve_at: None,
        }
    }
}

enum Turn {
    Go(Token),
    Wait(Duration),
    Lease,
}

impl World {
    pub(crate) fn desk(&mut self, run: Run, account: usize) -> &mut Desk {
        &mut self.nodes[run.node].desks[account]
    }

    pub(crate) fn queue(&mut self, run: Run, account: usize, job: Job) {
        let since = self.now;
        let (line, tenant) = (
            job.notification.lane.priority.index(),
            job.notification.tenant_id,
        );
        self.tell(Some(job.number), || {
            format!("queued at account {account} of {run:?}")
        });
        let desk = self.desk(run, account);
        desk.turns.pushed(line, tenant);
        desk.queue.push(line, tenant, Waiting { since, job });
        self.serve_in(run, account, Duration::ZERO);
    }

    pub(crate) fn serve_in(&mut self, run: Run, account: usize, wait: Duration) {
        let at = self.now + wait;
        let desk = self.desk(run, account);
        if desk.serve_at.is_none_or(|planned| planned > at) {
            desk.serve_at = Some(at);
            self.after(wait, run, Step::Serve(account));
        }
    }

    /// Gives turns for as long as there are tokens, pace, work and hands.
    pub(crate) fn serve(&mut self, run: Run, account: usize) {
        let now = self.now;
        self.desk(run, account).serve_at.take_if(|at| *at <= now);
        loop {
            self.give_up_waiting(run, account);
            let desk = self.desk(run, account);
            let held = !desk.wants.is_empty();
            let free = desk.workers.len() < desk.health.most_in_flight();
            if !held && (!free || desk.queue.is_empty()) {
                return;
            }
            let token = match self.turn(run, account) {
                Turn::Go(token) => token,
                _ if self.desk(run, account).health.refused_for(now).is_some() => Token::None,
                Turn::Wait(wait) => return self.wait_for_turn(run, account, wait),
                Turn::Lease => return self.lease(run, account),
            };
            let desk = self.desk(run, account);
            if let Some(want) = desk.wants.pop_front() {
                self.go_on(run, account, want, token);
            } else if let Some(waiting) = desk.queue.pop() {
                let job = &waiting.job.notification;
                let served =
                    desk.turns
                        .popped(job.lane.priority.index(), job.tenant_id, &desk.queue);
                if let Err(broken) = served {
                    self.watch.break_off(Some(waiting.job.number), broken);
                }
                self.hire(run, account, waiting.job, token);
            }
        }
    }

    fn turn(&mut self, run: Run, account: usize) -> Turn {
        let now = self.now;
        let limited = self.plan.accounts[account].rate_limit.is_some();
        let desk = self.desk(run, account);
        let token = if !limited {
            Token::Unlimited
        } else if desk.tokens.held > 0 && now < desk.tokens.dead_at {
            Token::Until(desk.tokens.dead_at)
        } else {
            return Turn::Lease;
        };
        match desk.health.pace.take(now) {
            Ok(()) => {
                if limited {
                    desk.tokens.held -= 1;
                }
                Turn::Go(token)
            }
            Err(wait) => Turn::Wait(wait),
        }
    }

    fn wait_for_turn(&mut self, run: Run, account: usize, wait: Duration) {
        let now = self.now;
        let desk = self.desk(run, account);
        let oldest = desk.queue.fronts().map(|waiting| waiting.since).min();
        let patience = oldest.map(|since| (since + QUEUE_WAIT).saturating_sub(now));
        let further = desk.wants.iter().filter_map(|want| want.further);
        let patience = further
            .map(|(_, until)| until.saturating_sub(now))
            .chain(patience)
            .min();
        let wait = patience.map_or(wait, |patience| patience.min(wait));
        self.serve_in(run, account, wait.max(Duration::from_micros(1)));
    }

    fn lease(&mut self, run: Run, account: usize) {
        let asked_at = self.now;
        let rate = self.rate(account);
        let desk = self.desk(run, account);
        if std::mem::replace(&mut desk.tokens.leasing, true) {
            return;
        }
        let wanted = u32::try_from(desk.queue.len() + desk.wants.len()).unwrap();
        let wanted = wanted.clamp(1, rate.chunk());
        let wait = self.database_takes();
        self.after(
            wait,
            run,
            Step::Leased {
                account,
                asked_at,
                wanted,
            },
        );
    }

    fn rate(&self, account: usize) -> TokenRate {
        TokenRate::of(self.plan.accounts[account].rate_limit.unwrap_or(1))
    }

    pub(crate) fn leased(&mut self, run: Run, account: usize, asked_at: Duration, wanted: u32) {
        let (now, rate) = (self.now, self.rate(account));
        let lease = self.tables.lease(account, rate, wanted, now);
        let desk = self.desk(run, account);
        desk.tokens.leasing = false;
        match lease {
            Lease::Granted(granted) => {
                let dead_at = asked_at + VALIDITY;
                desk.tokens = Tokens {
                    held: granted,
                    dead_at,
                    leasing: false,
                };
                self.serve(run, account);
            }
            Lease::NoneFor(wait) => {
                let chunk = rate.time_for(wanted.saturating_sub(1));
                self.wait_for_turn(run, account, wait.max(chunk));
            }
            Lease::Paused(wait) => {
                desk.health.pace.pause(now, wait);
                self.serve_in(run, account, wait.min(LONG_PAUSE));
            }
        }
    }

    /// What has waited here for too long waits in the database.
    fn give_up_waiting(&mut self, run: Run, account: usize) {
        let now = self.now;
        let desk = self.desk(run, account);
        let mut stale = desk
            .queue
            .drain_while(|waiting| waiting.since + QUEUE_WAIT <= now);
        // The queue hands them out in no particular order.
        stale.sort_by_key(|waiting| (waiting.since, waiting.job.number));
        for waiting in &stale {
            let job = &waiting.job.notification;
            desk.turns.left(job.lane.priority.index(), job.tenant_id);
        }
        let is_late = |want: &Want| want.further.is_some_and(|(_, until)| until <= now);
        let late: Vec<Want> = desk.wants.iter().copied().filter(is_late).collect();
        desk.wants.retain(|want| !is_late(want));
        for waiting in stale {
            self.wait_elsewhere(run, account, waiting.job);
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

    pub(crate) fn account_name(&self, account: usize) -> Arc<str> {
        self.plan.accounts[account].name.as_str().into()
    }
}
