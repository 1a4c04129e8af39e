//! The clock and everything that happens: a queue of events in the order of their moments.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::sync::Arc;
use std::time::Duration;

use herald::domain::Counter;
use herald::machine::account::Question;
use jiff::Timestamp;

use crate::account::{AccountHere, Claim, Job, Outcome};
use crate::database::Tables;
use crate::dice::Dice;
use crate::ledger::Request;
use crate::plan::Plan;
use crate::run::{NODES, Run};
use crate::watch::Watch;

/// Further is not looked: what has no end (silence on all hours) waits with a due time then.
pub(crate) const HORIZON: Duration = Duration::from_secs(30 * 24 * 3_600);
/// More events than any honest history has.
const MOST_EVENTS: u64 = 150_000;
/// What happens. What names a run happens only while it lives.
#[derive(Debug)]
pub(crate) enum Event {
    Publish(usize),
    Deliver(usize),
    Change(usize),
    Restart(usize),
    /// A life that was asked to stop, or lost its lease, has had its time.
    End(Run),
    /// Somebody else's pause becomes known through the database.
    Pause {
        account: usize,
        wait: Duration,
    },
    /// A provider makes up its mind, whoever asked lives or not.
    Decide(usize),
    Of(Run, Step),
}

#[derive(Debug)]
pub(crate) enum Step {
    Dispatch(Box<Job>),
    /// A reservation is committed; by the dispatcher, or for a worker at an account.
    Reserve(Box<Job>, Vec<Counter>, Option<(usize, u64)>),
    Poll,
    Serve(usize),
    Leased {
        account: usize,
        question: Question,
    },
    /// The person is read again.
    Recheck {
        account: usize,
        worker: u64,
    },
    Answer(usize),
    Settle(Box<Outcome>),
    GiveBack(Claim),
    Acknowledge(Vec<usize>),
}

#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) life: u32,
    pub(crate) alive: bool,
    /// It takes nothing on any more, and asks nobody.
    pub(crate) is_stopping: bool,
    /// Others take over what it holds, once it does not.
    pub(crate) holds_lease: bool,
    /// Messages in hand, by notification.
    pub(crate) in_flight: BTreeMap<usize, Vec<usize>>,
    pub(crate) accounts: Vec<AccountHere>,
    pub(crate) poll_at: Option<Duration>,
}

#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) number: usize,
    /// Handed out to that run.
    pub(crate) with: Option<Run>,
}

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) plan: Arc<Plan>,
    pub(crate) now: Duration,
    pub(crate) dice: Dice,
    pub(crate) tables: Tables,
    pub(crate) nodes: Vec<Node>,
    pub(crate) requests: Vec<Request>,
    pub(crate) watch: Watch,
    events: BinaryHeap<Reverse<(Duration, u64)>>,
    by_order: BTreeMap<u64, Event>,
    pub(crate) scheduled: u64,
    pub(crate) happened: u64,
    pub(crate) crashes_left: u32,
    pub(crate) broker: BTreeMap<usize, Message>,
}

impl World {
    pub(crate) fn new(plan: Arc<Plan>, seed: u64, verbose: bool) -> Self {
        let people = plan.people.iter();
        let tables = Tables {
            people: people
                .map(|person| vec![(Duration::ZERO, Arc::new(person.clone()))])
                .collect(),
            ..Tables::default()
        };
        let mut world = Self {
            now: Duration::ZERO,
            dice: Dice::new(!seed),
            tables,
            nodes: vec![],
            requests: vec![],
            watch: Watch::new(verbose),
            events: BinaryHeap::new(),
            by_order: BTreeMap::new(),
            scheduled: 0,
            happened: 0,
            crashes_left: plan.crashes.most,
            broker: BTreeMap::new(),
            plan,
        };
        for _ in 0..NODES {
            let node = world.fresh(0);
            world.nodes.push(node);
        }
        let plan = Arc::clone(&world.plan);
        for (number, published) in plan.published.iter().enumerate() {
            world.at(published.at, Event::Publish(number));
            if let Some(again_at) = published.again_at {
                world.at(again_at, Event::Publish(number));
            }
        }
        for (number, (at, _)) in plan.changes.iter().enumerate() {
            world.at(*at, Event::Change(number));
        }
        world
    }

    pub(crate) fn fresh(&mut self, life: u32) -> Node {
        let (plan, now) = (Arc::clone(&self.plan), self.now);
        let accounts = plan.accounts.iter().enumerate();
        let accounts = accounts
            .map(|(number, account)| AccountHere::new(number, account, now, &mut self.dice));
        Node {
            life,
            alive: true,
            is_stopping: false,
            holds_lease: true,
            in_flight: BTreeMap::new(),
            accounts: accounts.collect(),
            poll_at: None,
        }
    }

    /// Until nothing is left to happen, or an invariant is broken.
    pub(crate) fn run(&mut self) {
        while let Some(Reverse((at, order))) = self.events.pop() {
            let event = self.by_order.remove(&order).unwrap();
            if at > HORIZON || self.watch.broken.is_some() {
                break;
            }
            self.now = at;
            self.happened += 1;
            if self.happened > MOST_EVENTS {
                self.watch
                    .break_off(None, "it never comes to rest".to_owned());
                break;
            }
            if self.crashes_left > 0 && self.dice.chance(self.plan.crashes.chance) {
                self.crash(&event);
            }
            self.happen(event);
        }
        self.check_the_end();
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Publish(number) => self.publish(number),
            Event::Deliver(message) => self.deliver(message),
            Event::Change(number) => self.change(number),
            Event::Restart(node) => self.restart(node),
            Event::End(run) if self.lives(run) => self.die(run),
            Event::Pause { account, wait } => {
                let now = self.now;
                self.tables.pause(account, wait, now);
            }
            Event::Decide(request) => self.decide_as_provider(request),
            Event::Of(run, step) if self.lives(run) => self.step(run, step),
            Event::Of(..) | Event::End(_) => {}
        }
    }

    fn step(&mut self, run: Run, step: Step) {
        match step {
            Step::Dispatch(job) => self.dispatch(run, *job),
            Step::Reserve(job, counters, worker) => self.reserve(run, *job, counters, worker),
            Step::Poll => self.poll(run),
            Step::Serve(account) => self.serve(run, account),
            Step::Leased { account, question } => self.leased(run, account, question),
            Step::Recheck { account, worker } => self.recheck(run, account, worker),
            Step::Answer(request) => self.answered(run, request),
            Step::Settle(outcome) => self.settle(run, *outcome),
            Step::GiveBack(claim) => self.give_back(run, claim),
            Step::Acknowledge(messages) => {
                for message in messages {
                    self.broker.remove(&message);
                }
            }
        }
    }

    pub(crate) fn at(&mut self, at: Duration, event: Event) {
        let order = self.scheduled;
        self.scheduled += 1;
        self.by_order.insert(order, event);
        self.events.push(Reverse((at.max(self.now), order)));
    }

    pub(crate) fn after(&mut self, wait: Duration, run: Run, step: Step) {
        self.at(self.now + wait, Event::Of(run, step));
    }

    pub(crate) fn clock(&self) -> Timestamp {
        self.plan.at(self.now)
    }

    pub(crate) fn lives(&self, run: Run) -> bool {
        let node = &self.nodes[run.node];
        node.alive && node.life == run.life
    }

    /// Those that live and take something on.
    pub(crate) fn taking(&self) -> BTreeSet<Run> {
        let mut living = self.living();
        living.retain(|run| !self.nodes[run.node].is_stopping);
        living
    }

    /// Those that live, as far as the others know.
    pub(crate) fn living(&self) -> BTreeSet<Run> {
        let lives = |(_, node): &(usize, &Node)| node.alive && node.holds_lease;
        let nodes = self.nodes.iter().enumerate().filter(lives);
        nodes
            .map(|(node, of)| Run {
                node,
                life: of.life,
            })
            .collect()
    }

    /// The database answers within some hundred milliseconds, and sometimes it stalls.
    pub(crate) fn database_takes(&mut self) -> Duration {
        if self.dice.chance(0.02) {
            self.dice.millis(500, 4_000)
        } else {
            self.dice.millis(1, 200)
        }
    }

    pub(crate) fn tell(&mut self, number: Option<usize>, what: impl FnOnce() -> String) {
        if self.watch.verbose {
            let who = number.map_or_else(String::new, |number| format!("#{number} "));
            let line = format!(
                "{:>14.3}s {} {who}{}",
                self.now.as_secs_f64(),
                self.clock(),
                what()
            );
            self.watch.story.push((number, line));
        }
    }
}
