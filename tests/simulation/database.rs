//! What outlives a node: claims, rows, counters, rates, people. Every method is one transaction.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use herald::domain::{
    Channel, Counted, Counter, DeadAddress, Notification, Origin, Recipient, Status, StoredAs,
    Suppression,
};
use herald::machine::account::{Leased, Question};
use herald::store::frequency::Reservation;
use herald::store::frequency::allocation::{Books, allocate};
use jiff::Timestamp;
use uuid::Uuid;

use crate::account::Outcome;
use crate::run::Run;

#[derive(Debug, Default)]
pub(crate) struct Tables {
    /// Who works on a message that has no row yet, by the number of the notification.
    pub(crate) claims: BTreeMap<usize, Option<Run>>,
    /// The last run that died with a claimed message in hand: whoever gives it back does not make that
    /// forgotten.
    pub(crate) died: BTreeMap<usize, Run>,
    pub(crate) rows: BTreeMap<usize, Row>,
    pub(crate) books: Books,
    pub(crate) rates: BTreeMap<usize, Rate>,
    /// Since when an address is on the list.
    pub(crate) suppressed: BTreeMap<(Uuid, Channel, String), Duration>,
    /// Each person as they were since when, the newest last.
    pub(crate) people: Vec<Vec<(Duration, Arc<Recipient>)>>,
}

#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) notification: Notification,
    pub(crate) status: Status,
    pub(crate) due_at: Option<Timestamp>,
    pub(crate) owner: Option<Run>,
}

/// A row of `provider_rates`.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Rate {
    tat: Duration,
    paused_until: Duration,
}

impl Tables {
    pub(crate) fn person(&self, user_id: Uuid) -> Arc<Recipient> {
        let versions = self.versions(user_id);
        Arc::clone(&versions.last().unwrap().1)
    }

    pub(crate) fn versions(&self, user_id: Uuid) -> &[(Duration, Arc<Recipient>)] {
        let is_theirs =
            |versions: &&Vec<(Duration, Arc<Recipient>)>| versions[0].1.user_id == user_id;
        self.people.iter().find(is_theirs).unwrap()
    }

    /// Those of a person's addresses on a channel that nothing may be sent to.
    pub(crate) fn suppressed_of(&self, recipient: &Recipient, channel: Channel) -> Vec<String> {
        let targets = recipient.targets(channel, None).into_iter();
        let spelt = targets.map(|target| Suppression::address(channel, &target.address));
        let key = |address: &String| (recipient.tenant_id, channel, address.clone());
        spelt
            .filter(|address| self.suppressed.contains_key(&key(address)))
            .collect()
    }

    pub(crate) fn suppress(
        &mut self,
        tenant: Uuid,
        channel: Channel,
        address: &str,
        now: Duration,
    ) {
        let address = Suppression::address(channel, address);
        self.suppressed
            .entry((tenant, channel, address))
            .or_insert(now);
    }

    pub(crate) fn reserve(
        &mut self,
        notification: &Notification,
        counters: Vec<Counter>,
    ) -> Option<Vec<Counted>> {
        for counter in &counters {
            let key = (notification.user_id, counter.day, counter.scope.to_string());
            self.books.entry(key).or_default();
        }
        let reservation = Reservation {
            notification_id: notification.id,
            tenant_id: notification.tenant_id,
            user_id: notification.user_id,
            counters,
        };
        let mut allocation = allocate(&mut self.books, &[reservation]);
        allocation.refused.remove(&notification.id)
    }

    /// As the statement of `store::rates` does it.
    pub(crate) fn lease(
        &mut self,
        account: usize,
        Question { rate, tokens, .. }: Question,
        now: Duration,
    ) -> Leased {
        let row = self.rates.entry(account).or_default();
        if row.paused_until > now {
            return Leased {
                paused_for: Some(row.paused_until - now),
                ..Leased::default()
            };
        }
        let base = row.tat.max(now);
        let ahead = base - now;
        let room =
            rate.time_for(rate.burst).saturating_sub(ahead).as_micros() / rate.interval.as_micros();
        let granted = u32::try_from(room).unwrap().min(tokens);
        if granted == 0 {
            let retry = ahead.saturating_sub(rate.time_for(rate.burst - 1));
            return Leased {
                retry_in: Some(retry.max(Duration::from_millis(1))),
                ..Leased::default()
            };
        }
        row.tat = base + rate.time_for(granted);
        Leased {
            granted,
            ..Leased::default()
        }
    }

    pub(crate) fn pause(&mut self, account: usize, wait: Duration, now: Duration) {
        let row = self.rates.entry(account).or_default();
        row.paused_until = row.paused_until.max(now + wait);
    }

    /// As `Settle` and its aftermath: a final state is never overwritten, anything but an acceptance
    /// is for the owner to say, and what changes beside the row changes with it.
    pub(crate) fn settle(&mut self, outcome: &Outcome, run: Run, now: Duration) -> StoredAs {
        let (number, outcome) = (outcome.claim.number, &outcome.settlement);
        let is_owner = self.claims.get(&number).copied().flatten() == Some(run);
        if outcome.status != Status::Sent
            && matches!(outcome.origin, Origin::Broker(_))
            && !is_owner
        {
            return StoredAs::Other;
        }
        if let Some(row) = self.rows.get(&number)
            && (row.status.is_final()
                || outcome.status != Status::Sent && row.owner.is_some_and(|owner| owner != run))
        {
            return StoredAs::Other;
        }
        let row = Row {
            notification: outcome.notification.clone(),
            status: outcome.status,
            due_at: outcome.due_at,
            owner: None,
        };
        self.rows.insert(number, row);
        if outcome.refund {
            self.refund(&outcome.notification);
        }
        for dead in &outcome.dead_addresses {
            self.bury(&outcome.notification, dead, now);
        }
        StoredAs::Row
    }

    fn refund(&mut self, notification: &Notification) {
        for ((user, ..), ids) in &mut self.books {
            if *user == notification.user_id {
                ids.remove(&notification.id);
            }
        }
    }

    fn bury(&mut self, notification: &Notification, dead: &DeadAddress, now: Duration) {
        match dead {
            DeadAddress::Device { id, .. } => {
                self.change(notification.user_id, now, |person| {
                    person.devices.retain(|device| device.id != *id);
                });
            }
            DeadAddress::Suppress {
                channel, address, ..
            } => {
                self.suppress(notification.tenant_id, *channel, address, now);
            }
        }
    }

    pub(crate) fn change(
        &mut self,
        user_id: Uuid,
        now: Duration,
        change: impl FnOnce(&mut Recipient),
    ) {
        let mut person = (*self.person(user_id)).clone();
        change(&mut person);
        let versions = self
            .people
            .iter_mut()
            .find(|versions| versions[0].1.user_id == user_id);
        versions.unwrap().push((now, Arc::new(person)));
    }

    /// What waits in the database and may be taken.
    pub(crate) fn free(&self, living: &BTreeSet<Run>) -> impl Iterator<Item = (usize, Timestamp)> {
        let is_free = |row: &&Row| {
            row.status == Status::Pending && row.owner.is_none_or(|owner| !living.contains(&owner))
        };
        let rows = self.rows.iter();
        rows.filter(move |(_, row)| is_free(row))
            .filter_map(|(number, row)| Some((*number, row.due_at?)))
    }
}
