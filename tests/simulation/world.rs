//! The clock and everything that happens: a queue of events in the order of their moments.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::sync::Arc;
use std::time::Duration;

use herald::domain::{Counter, Status};
use herald::store::settle::Origin;
use jiff::Timestamp;

use crate::database::Tables;
use crate::desk::Desk;
use crate::dice::Dice;
use crate::engine::{Job, Outcome};
use crate::plan::{Change, Plan};
use crate::provider::Request;
use crate::watch::Watch;

/// Further is not looked: what has no end (silence on all hours) waits with a due time then.
pub(crate) const HORIZON: Duration = Duration::from_secs(30 * 24 * 3_600);
/// More events than any honest history has.
const MOST_EVENTS: u64 = 150_000;
pub(crate) const NODES: usize = 2;

/// One life of one node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Run {
    pub(crate) node: usize,
    pub(crate) life: u32,
}

/// What happens. What names a run happens only while it lives.
#[derive(Debug)]
pub(crate) enum Event {
    Publish(usize),
    Deliver(usize),
    Change(usize),
    Restart(usize),
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
        asked_at: Duration,
        wanted: u32,
    },
    /// The second look reads the person again.
    Look {
        account: usize,
        worker: u64,
    },
    Answer(usize),
    Settle(Box<Outcome>),
    Acknowledge(Vec<usize>),
}

#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) life: u32,
    pub(crate) alive: bool,
    /// Messages in hand, by notification.
    pub(crate) in_flight: BTreeMap<usize, Vec<usize>>,
    pub(crate) desks: Vec<Desk>,
    poll_at: Option<Duration>,
}

#[derive(Debug)]
struct Message {
    number: usize,
    /// Handed out to that run.
    with: Option<Run>,
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
    scheduled: u64,
    pub(crate) happened: u64,
    crashes_left: u32,
    broker: BTreeMap<usize, Message>,
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

    fn fresh(&mut self, life: u32) -> Node {
        let desks = self
            .plan
            .accounts
            .iter()
            .map(|_| Desk::new(self.now, &mut self.dice));
        Node {
            life,
            alive: true,
            in_flight: BTreeMap::new(),
            desks: desks.collect(),
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
            Event::Pause { account, wait } => {
                let now = self.now;
                self.tables.pause(account, wait, now);
            }
            Event::Decide(request) => self.decide_as_provider(request),
            Event::Of(run, step) if self.lives(run) => self.step(run, step),
            Event::Of(..) => {}
        }
    }

    fn step(&mut self, run: Run, step: Step) {
        match step {
            Step::Dispatch(job) => self.dispatch(run, *job),
            Step::Reserve(job, counters, worker) => self.reserve(run, *job, counters, worker),
            Step::Poll => self.poll(run),
            Step::Serve(account) => self.serve(run, account),
            Step::Leased {
                account,
                asked_at,
                wanted,
            } => self.leased(run, account, asked_at, wanted),
            Step::Look { account, worker } => self.look_again(run, account, worker),
            Step::Answer(request) => self.answered(run, request),
            Step::Settle(outcome) => self.settle(run, &outcome),
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

    fn living(&self) -> BTreeSet<Run> {
        let nodes = self.nodes.iter().enumerate().filter(|(_, node)| node.alive);
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

    fn publish(&mut self, number: usize) {
        self.tell(Some(number), || "published".to_owned());
        self.watch.published.insert(number);
        let message = usize::try_from(self.scheduled).unwrap();
        self.broker.insert(message, Message { number, with: None });
        let wait = self.dice.millis(0, 20);
        self.at(self.now + wait, Event::Deliver(message));
    }

    fn deliver(&mut self, message: usize) {
        let living: Vec<Run> = self.living().into_iter().collect();
        let Some(waiting) = self
            .broker
            .get_mut(&message)
            .filter(|message| message.with.is_none())
        else {
            return;
        };
        // With nobody there it waits in its queue until somebody is.
        if living.is_empty() {
            return;
        }
        let run = self.dice.one(&living);
        let number = waiting.number;
        waiting.with = Some(run);
        if let Some(messages) = self.nodes[run.node].in_flight.get_mut(&number) {
            messages.push(message);
            return;
        }
        if self.tables.rows.contains_key(&number) {
            self.broker.remove(&message);
            return;
        }
        if let Some(owner) = self.tables.claims.get(&number).copied().flatten()
            && owner != run
            && self.lives(owner)
        {
            self.broker.insert(message, Message { number, with: None });
            self.at(self.now + Duration::from_secs(1), Event::Deliver(message));
            return;
        }
        self.tables.claims.insert(number, Some(run));
        self.nodes[run.node].in_flight.insert(number, vec![message]);
        self.tell(Some(number), || format!("claimed by {run:?}"));
        let notification = self.plan.published[number].notification.clone();
        let job = Job::new(number, notification, Origin::Broker);
        let wait = self.dice.millis(0, 50);
        self.after(wait, run, Step::Dispatch(Box::new(job)));
    }

    fn poll(&mut self, run: Run) {
        let node = &mut self.nodes[run.node];
        if node.poll_at.take_if(|at| *at <= self.now).is_none() {
            return;
        }
        let (now, living) = (self.clock(), self.living());
        let due: Vec<usize> = self
            .tables
            .free(&living)
            .filter(|(_, due_at)| *due_at <= now)
            .map(|(number, _)| number)
            .collect();
        for number in due {
            let row = self.tables.rows.get_mut(&number).unwrap();
            row.owner = Some(run);
            let job = Job::new(number, row.notification.clone(), Origin::Database);
            self.nodes[run.node].in_flight.entry(number).or_default();
            self.tell(Some(number), || format!("taken by {run:?}"));
            let wait = self.dice.millis(0, 50);
            self.after(wait, run, Step::Dispatch(Box::new(job)));
        }
        self.watch_the_due();
    }

    /// Every living node looks when something is due, and a little later at the latest.
    pub(crate) fn watch_the_due(&mut self) {
        let living = self.living();
        let first = self.tables.free(&living).map(|(_, due_at)| due_at).min();
        let Some(first) = first else { return };
        let first = first.duration_since(self.plan.origin);
        let first = Duration::try_from(first).unwrap_or_default();
        for run in living {
            let at = first.max(self.now) + self.dice.millis(1, 1_000);
            let node = &mut self.nodes[run.node];
            if node.poll_at.is_none_or(|planned| planned > at) {
                node.poll_at = Some(at);
                self.at(at, Event::Of(run, Step::Poll));
            }
        }
    }

    fn settle(&mut self, run: Run, outcome: &Outcome) {
        let number = outcome.number;
        let stored = self.tables.settle(outcome, run, self.now);
        if stored {
            self.tell(Some(number), || {
                format!(
                    "stored: {} {:?} until {:?}",
                    outcome.status, outcome.reason, outcome.due_at
                )
            });
            self.committed(run, outcome);
        }
        let messages = self.nodes[run.node]
            .in_flight
            .remove(&number)
            .unwrap_or_default();
        if stored || outcome.status.is_final() {
            let wait = self.dice.millis(0, 50);
            self.after(wait, run, Step::Acknowledge(messages));
        }
        if outcome.status == Status::Pending {
            self.watch_the_due();
        }
    }

    fn change(&mut self, number: usize) {
        let plan = Arc::clone(&self.plan);
        let (_, change) = &plan.changes[number];
        self.tell(None, || format!("{change:?}"));
        let now = self.now;
        let user = |person: usize| plan.people[person].user_id;
        match change {
            Change::Wishes(person, wishes) => {
                let wishes = wishes.clone();
                self.tables
                    .change(user(*person), now, |person| person.preferences = wishes);
            }
            Change::Zone(person, zone) => {
                let zone = zone.clone();
                self.tables
                    .change(user(*person), now, |person| person.timezone = zone);
            }
            Change::Suppress(person, channel) => {
                let person = &plan.people[*person];
                for target in person.targets(*channel, None) {
                    self.tables
                        .suppress(person.tenant_id, *channel, &target.address, now);
                }
            }
        }
    }

    /// A node dies before an event: the one that it was about, if it was about one.
    fn crash(&mut self, event: &Event) {
        let node = match event {
            Event::Of(run, _) => run.node,
            _ => usize::try_from(self.dice.below(NODES as u64)).unwrap(),
        };
        if !self.nodes[node].alive {
            return;
        }
        self.crashes_left -= 1;
        let run = Run {
            node,
            life: self.nodes[node].life,
        };
        self.tell(None, || format!("{run:?} dies"));
        let in_hand: Vec<usize> = self.nodes[node].in_flight.keys().copied().collect();
        self.watch.died(run, &in_hand);
        self.nodes[node] = self.fresh(run.life + 1);
        self.nodes[node].alive = false;
        let returned: Vec<usize> = self
            .broker
            .iter_mut()
            .filter(|(_, message)| message.with == Some(run))
            .map(|(number, message)| {
                message.with = None;
                *number
            })
            .collect();
        for message in returned {
            let wait = self.dice.millis(1, 500);
            self.at(self.now + wait, Event::Deliver(message));
        }
        let back = self.dice.millis(100, 20_000);
        self.at(self.now + back, Event::Restart(node));
        self.watch_the_due();
    }

    fn restart(&mut self, node: usize) {
        self.nodes[node] = self.fresh(self.nodes[node].life);
        self.tell(None, || format!("node {node} is back"));
        let waiting: Vec<usize> = self
            .broker
            .iter()
            .filter(|(_, message)| message.with.is_none())
            .map(|(number, _)| *number)
            .collect();
        for message in waiting {
            self.at(self.now, Event::Deliver(message));
        }
        self.watch_the_due();
    }

    /// Messages that are still in the broker.
    pub(crate) fn unacknowledged(&self) -> impl Iterator<Item = usize> {
        self.broker.values().map(|message| message.number)
    }
}
