//! What comes from outside: people change their minds, nodes die and come back.

use std::sync::Arc;
use std::time::Duration;

use crate::ledger::Known;
use crate::plan::Change;
use crate::run::{NODES, Run};
use crate::world::{Event, World};

impl World {
    pub(crate) fn change(&mut self, number: usize) {
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
            Change::Replace(account) => {
                for run in self.living() {
                    self.replace(run, *account);
                }
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
    pub(crate) fn crash(&mut self, event: &Event) {
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
        let is_ending = self.nodes[node].is_stopping || !self.nodes[node].holds_lease;
        if is_ending || self.dice.chance(0.6) {
            return self.die(run);
        }
        if self.dice.chance(0.5) {
            self.tell(None, || format!("{run:?} is asked to stop"));
            self.watch.seen.stops += 1;
            self.nodes[node].is_stopping = true;
        } else {
            self.lose_lease(run);
        }
        let accounts = 0..self.nodes[node].accounts.len();
        accounts.for_each(|account| self.serve_in(run, account, Duration::ZERO));
        let grace = self.dice.millis(0, 20_000);
        self.at(self.now + grace, Event::End(run));
    }

    /// A node goes on, and is taken for dead: what it has in hand may be another's from now on.
    fn lose_lease(&mut self, run: Run) {
        self.tell(None, || format!("{run:?} loses its lease"));
        self.watch.seen.leases_lost += 1;
        let node = &mut self.nodes[run.node];
        node.holds_lease = false;
        self.watch.bereft.extend(node.in_flight.keys());
        // Nobody waits for what it is told.
        for request in &mut self.requests {
            if request.run == run && request.known == Known::UnderWay {
                request.known = Known::Lost;
            }
        }
        self.watch_the_due();
    }

    /// Whatever a node has in hand is gone.
    pub(crate) fn die(&mut self, run: Run) {
        let node = run.node;
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

    pub(crate) fn restart(&mut self, node: usize) {
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
}
