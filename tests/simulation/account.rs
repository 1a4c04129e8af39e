//! One account at one node: the engine's own state of it, and who is at work for it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use herald::domain::{Channel, Origin, Target};
use herald::machine::account::{AccountSettings, RateToken};
use herald::machine::delivery::{AccountTerms, CallResult};
use herald::machine::queue::Queue;
use herald::machine::{self, AccountState, Guard};
use herald::resilience::{Backoff, CircuitSettings};
use jiff::Timestamp;
use uuid::Uuid;

use crate::dice::Dice;
use crate::plan::AccountPlan;
use crate::turns::Turns;

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
    pub(crate) hired: u64,
    /// Counts how often it was configured otherwise.
    pub(crate) version: u32,
    concurrency: usize,
    /// Workers that have a job and wait for a token.
    pub(crate) wants: VecDeque<Want>,
    pub(crate) is_leasing: bool,
    pub(crate) turns: Turns,
    pub(crate) serve_at: Option<Duration>,
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
            version: 0,
            concurrency: usize::try_from(concurrency).unwrap(),
            wants: VecDeque::new(),
            is_leasing: false,
            turns: Turns::default(),
            serve_at: None,
        }
    }

    pub(crate) fn most_in_flight(&self) -> usize {
        self.state.most_in_flight().min(self.concurrency).max(1)
    }
}

/// Somebody at work on a job at an account.
#[derive(Debug)]
pub(crate) struct Worker {
    /// Away while its reservation is under way.
    pub(crate) job: Option<Job>,
    /// That of the account for which it was hired.
    pub(crate) version: u32,
    pub(crate) token: RateToken,
    pub(crate) asked_at: Timestamp,
    /// The addresses that are being asked, with their answers as they come.
    pub(crate) asked: Vec<(Target, Option<CallResult>)>,
    /// The others are asked once the probe has shown that the account works.
    pub(crate) after_probe: bool,
}

impl Worker {
    pub(crate) const fn new(job: Job, version: u32, token: RateToken) -> Self {
        Self {
            job: Some(job),
            version,
            token,
            asked_at: Timestamp::MIN,
            asked: vec![],
            after_probe: false,
        }
    }
}

pub(crate) fn line_of(job: &Job) -> (usize, Uuid) {
    let notification = &job.notification;
    (notification.lane.priority.index(), notification.tenant_id)
}
