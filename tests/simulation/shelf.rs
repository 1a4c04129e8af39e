//! What waits: messages in the broker's queues, rows in the database, and outcomes on their way there.

use std::time::Duration;

use herald::domain::{
    AfterStatement, AttemptRecord, Notification, Origin, Status, StoredAs, TakeId,
};
use herald::machine::claim::{KeyAction, KeyHolder, what_becomes_of};

use crate::account::{Claim, Job, Outcome};
use crate::run::Run;
use crate::world::{Event, Message, Step, World};

/// Here nothing comes late, so that all takes may have one number.
const TAKEN: Origin = Origin::Database(TakeId(0));

impl World {
    pub(crate) fn publish(&mut self, number: usize) {
        self.tell(Some(number), || "published".to_owned());
        self.watch.published.insert(number);
        let message = usize::try_from(self.scheduled).unwrap();
        self.broker.insert(message, Message { number, with: None });
        let wait = self.dice.millis(0, 20);
        self.at(self.now + wait, Event::Deliver(message));
    }

    pub(crate) fn deliver(&mut self, message: usize) {
        let living: Vec<Run> = self.taking().into_iter().collect();
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
        if let Some(holder) = self.holder(number) {
            match what_becomes_of(Some(holder), run.id(), 1) {
                KeyAction::TakeOver => {}
                KeyAction::Acknowledge => {
                    self.broker.remove(&message);
                    return;
                }
                KeyAction::Wait => {
                    self.broker.insert(message, Message { number, with: None });
                    self.at(self.now + Duration::from_secs(1), Event::Deliver(message));
                    return;
                }
                other => return self.broken(number, format!("{other:?}: it says the same")),
            }
        }
        let before = self.tables.claims.insert(number, Some(run)).flatten();
        self.nodes[run.node].in_flight.insert(number, vec![message]);
        self.tell(Some(number), || format!("claimed by {run:?}"));
        let mut notification = self.plan.published[number].notification.clone();
        if let Some(owner) = before.filter(|owner| *owner != run) {
            self.tables.died.insert(number, owner);
        }
        self.died_with(self.tables.died.get(&number).copied(), &mut notification);
        let job = self.job(number, notification, Origin::Broker(TakeId(0)));
        let wait = self.dice.millis(0, 50);
        self.after(wait, run, Step::Dispatch(Box::new(job)));
    }

    /// Who holds the key of a notification, once it was claimed.
    fn holder(&self, number: usize) -> Option<KeyHolder> {
        let owner = *self.tables.claims.get(&number)?;
        Some(KeyHolder {
            is_stored: self.tables.rows.contains_key(&number),
            says_the_same: true,
            owner: owner.map(Run::id),
            owner_lives: owner.is_some_and(|owner| self.living().contains(&owner)),
        })
    }

    fn job(&self, number: usize, notification: Notification, origin: Origin) -> Job {
        let person = self.tables.person(notification.user_id);
        Job::new(notification, person, Claim { number, origin }, None)
    }

    pub(crate) fn poll(&mut self, run: Run) {
        let node = &mut self.nodes[run.node];
        if node.poll_at.take_if(|at| *at <= self.now).is_none() {
            return;
        }
        if !self.taking().contains(&run) {
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
            let before = row.owner.replace(run);
            let mut notification = row.notification.clone();
            self.died_with(before, &mut notification);
            self.tables.rows.get_mut(&number).unwrap().notification = notification.clone();
            let job = self.job(number, notification, TAKEN);
            self.nodes[run.node].in_flight.entry(number).or_default();
            self.tell(Some(number), || format!("taken by {run:?}"));
            let wait = self.dice.millis(0, 50);
            self.after(wait, run, Step::Dispatch(Box::new(job)));
        }
        self.watch_the_due();
    }

    /// What was taken from a dead run says so from then on.
    fn died_with(&self, owner: Option<Run>, notification: &mut Notification) {
        if let Some(owner) = owner {
            let (at, run) = (self.clock(), i32::try_from(owner.life).unwrap());
            let record = AttemptRecord::node_died(at, run);
            notification.attempts.push(record);
        }
    }

    /// Every living node looks when something is due, and a little later at the latest.
    pub(crate) fn watch_the_due(&mut self) {
        let living = self.living();
        let taking = self.taking();
        let first = self.tables.free(&living).map(|(_, due_at)| due_at).min();
        let Some(first) = first else { return };
        let first = first.duration_since(self.plan.origin);
        let first = Duration::try_from(first).unwrap_or_default();
        for run in taking {
            let at = first.max(self.now) + self.dice.millis(1, 1_000);
            let node = &mut self.nodes[run.node];
            if node.poll_at.is_none_or(|planned| planned > at) {
                node.poll_at = Some(at);
                self.at(at, Event::Of(run, Step::Poll));
            }
        }
    }

    pub(crate) fn settle(&mut self, run: Run, outcome: Outcome) {
        let number = outcome.claim.number;
        // Now and then the statement is refused, and not for the row's own data.
        let stored = match self.dice.chance(0.01) {
            true => StoredAs::NotYet,
            false => self.tables.settle(&outcome, run, self.now),
        };
        let settlement = &outcome.settlement;
        let after = settlement.after(stored);
        if after == AfterStatement::SettleAgain {
            return self.store_later(run, outcome);
        }
        if stored == StoredAs::Row {
            self.tell(Some(number), || {
                format!(
                    "stored: {} {:?} until {:?}",
                    settlement.status, settlement.reason, settlement.due_at
                )
            });
            self.committed(run, &outcome);
        }
        let messages = self.nodes[run.node].in_flight.remove(&number);
        let messages = messages.unwrap_or_default();
        if after == AfterStatement::Acknowledge {
            let wait = self.dice.millis(0, 50);
            self.after(wait, run, Step::Acknowledge(messages));
        } else {
            self.return_to_broker(number, messages);
        }
        if outcome.settlement.status == Status::Pending {
            self.watch_the_due();
        }
    }

    /// A job was dropped: first its claim goes back, then its deliveries.
    pub(crate) fn give_back(&mut self, run: Run, claim: Claim) {
        let number = claim.number;
        self.tell(Some(number), || format!("given back by {run:?}"));
        match claim.origin {
            Origin::Broker(_) => {
                let claim = self.tables.claims.get_mut(&number).unwrap();
                claim.take_if(|owner| *owner == run);
            }
            Origin::Database(_) => {
                let row = self.tables.rows.get_mut(&number).unwrap();
                row.owner.take_if(|owner| *owner == run);
            }
        }
        let messages = self.nodes[run.node].in_flight.remove(&number);
        self.return_to_broker(number, messages.unwrap_or_default());
        self.watch_the_due();
    }

    fn return_to_broker(&mut self, number: usize, messages: Vec<usize>) {
        for message in messages {
            self.broker.insert(message, Message { number, with: None });
            self.at(self.now, Event::Deliver(message));
        }
    }

    /// Messages that are still in the broker.
    pub(crate) fn unacknowledged(&self) -> impl Iterator<Item = usize> {
        self.broker.values().map(|message| message.number)
    }
}
