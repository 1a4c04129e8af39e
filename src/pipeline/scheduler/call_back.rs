//! What waits for an account is called back by the nodes that have room there.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::take::TakePurpose;
use super::waiters::Waiters;
use super::{Looking, MOST, Poller, only_of_rows};
use crate::delivery::account::AccountRoom;
use crate::delivery::registry::AccountEntry;
use crate::domain::{Channel, Lane, Priority};
use crate::machine::delivery::LATEST;
use crate::runtime::clock;
use crate::store::StoreError;
use crate::store::due::{self, Among, WaitingKey, WaitingLine, WaitsFor, Wanting};

/// Time between two looks for accounts for which something waits and which nobody knows any more.
const STRANGERS_EVERY: Duration = Duration::from_secs(60);

/// Who waits for whom.
#[derive(Debug, Default)]
pub(super) struct Waits {
    by_key: HashMap<WaitingKey, Waiters>,
    strangers: Vec<WaitingKey>,
    strangers_at: Option<(Instant, u64)>,
}

impl Poller {
    /// Calls back what waits for accounts that have room: of each no more than it can send within
    /// seconds, in lanes that keep some permits for what is due.
    pub(super) async fn call_back(
        &self,
        looking: &mut Looking,
        flowing: &[Lane],
    ) -> Result<(), StoreError> {
        self.look_for_strangers(&mut looking.waits).await?;
        // What fails for one row's sake does not stop the others who wait.
        let mut failed = Ok(());
        for channel in Channel::ALL {
            let of_channel = flowing.iter().filter(|lane| lane.channel == *channel);
            let mut priorities: Vec<Priority> = of_channel.map(|lane| lane.priority).collect();
            priorities.sort();
            let (own, others) = self.keys(*channel, &looking.waits);
            if priorities.is_empty() || own.is_empty() {
                continue;
            }
            let keys = own.iter().map(|(key, _)| key).chain(&others);
            self.look_for_tenants(&mut looking.waits, keys, *channel, &priorities)
                .await?;
            for (key, room) in &own {
                let most = room.free();
                let called = self.call(looking, key, (most, Some(room)), &priorities);
                failed = failed.and(only_of_rows(called.await.map(drop))?);
            }
            // Of each account there are two keys.
            let rooms = own.iter().step_by(2).map(|(_, room)| room.free());
            let mut rest: usize = rooms.sum();
            for key in &others {
                let mut came = 0;
                let called = self.call(looking, key, (rest, None), &priorities).await;
                let called = called.map(|count| came = count);
                failed = failed.and(only_of_rows(called)?);
                rest = rest.saturating_sub(came);
            }
        }
        failed
    }

    /// For whom what waits may be called back: for each account with room, what waits for it, and what
    /// is pinned to it; and for all of them together, what waits for any, and what they may carry instead of
    /// an account that is out or gone.
    fn keys(
        &self,
        channel: Channel,
        waits: &Waits,
    ) -> (Vec<(WaitingKey, AccountRoom)>, Vec<WaitingKey>) {
        let accounts = self.node.registry.of(channel);
        let now = clock::now();
        let key = |waits_for| WaitingKey { channel, waits_for };
        let (mut own, mut others) = (vec![], vec![key(WaitsFor::Any)]);
        for account in &accounts {
            let name = &account.account.name;
            if account.room.free() > 0 {
                let both = [
                    WaitsFor::Account(name.clone()),
                    WaitsFor::Pinned(name.clone()),
                ];
                own.extend(both.map(|waits_for| (key(waits_for), account.room.clone())));
            } else if account.health.available_at(now).is_some() {
                others.push(key(WaitsFor::Account(name.clone())));
            }
        }
        others.extend(unknown(channel, waits, &accounts).cloned());
        (own, others)
    }

    /// Whose waiting notifications may show whether an account of a paused channel is back: what any may
    /// carry, and what is pinned to one that may be asked.
    pub(super) fn probing(&self, channel: Channel, waits: &Waits) -> Vec<WaitsFor> {
        let accounts = self.node.registry.of(channel);
        let now = clock::now();
        let name = |account: &Arc<AccountEntry>| account.account.name.clone();
        let strangers = unknown(channel, waits, &accounts).map(|key| key.waits_for.clone());
        let mut names = vec![WaitsFor::Any];
        names.extend(accounts.iter().map(name).map(WaitsFor::Account));
        names.extend(strangers.filter(|stranger| matches!(stranger, WaitsFor::Account(_))));
        let asked = |account: &&Arc<AccountEntry>| account.health.available_at(now).is_none();
        names.extend(
            accounts
                .iter()
                .filter(asked)
                .map(name)
                .map(WaitsFor::Pinned),
        );
        names
    }

    async fn look_for_strangers(&self, waits: &mut Waits) -> Result<(), StoreError> {
        let now = clock::instant();
        let openings = Channel::ALL.iter().map(|it| self.pauses.openings(*it));
        let opened: u64 = openings.sum();
        let is_known = |(at, openings): (Instant, u64)| {
            openings == opened && now.saturating_duration_since(at) < STRANGERS_EVERY
        };
        if !waits.strangers_at.is_some_and(is_known) {
            waits.strangers = due::names(&self.node.database).await?;
            waits.strangers_at = Some((now, opened));
        }
        Ok(())
    }

    async fn look_for_tenants(
        &self,
        waits: &mut Waits,
        keys: impl Iterator<Item = &WaitingKey>,
        channel: Channel,
        priorities: &[Priority],
    ) -> Result<(), StoreError> {
        let (now, openings) = (clock::instant(), self.pauses.openings(channel));
        let mut asked = vec![];
        for key in keys {
            let waiters = waits.by_key.entry(key.clone()).or_default();
            asked.extend(waiters.due_look(key, priorities, openings, now));
        }
        if asked.is_empty() {
            return Ok(());
        }
        let found = due::waiting(&self.node.database, &asked).await?;
        for (asked, found) in asked.into_iter().zip(found) {
            if let Some(waiters) = waits.by_key.get_mut(&asked.key) {
                waiters.found(asked.priority, found);
            }
        }
        Ok(())
    }

    /// Calls back what waits for one, at most so many, to their places in its room when it is one
    /// account; says how many that were.
    async fn call(
        &self,
        looking: &mut Looking,
        key: &WaitingKey,
        (most, room): (usize, Option<&AccountRoom>),
        priorities: &[Priority],
    ) -> Result<usize, StoreError> {
        let Some(waiters) = looking.waits.by_key.get_mut(key) else {
            return Ok(0);
        };
        let (mut left, mut permits) = (most.min(MOST), HashMap::new());
        let (mut turns, mut lines): (Vec<_>, Vec<WaitingLine>) = (vec![], vec![]);
        for priority in priorities {
            if left == 0 || waiters.is_empty(*priority) {
                continue;
            }
            let lane = Lane::new(key.channel, *priority);
            let taken = self.spare_permits(lane, left);
            let of_line = waiters.turns(*priority, taken.len());
            left -= taken.len();
            permits.insert(lane, taken);
            lines.extend(
                of_line
                    .iter()
                    .map(|(tenant, most, floor)| (lane, *tenant, *most, *floor)),
            );
            turns.push((*priority, of_line));
        }
        if lines.is_empty() {
            return Ok(0);
        }
        let left_out = looking.refusing.ids(clock::instant());
        let (now, taking) = (clock::now(), self.taking(looking.run, &left_out));
        let take = due::take_waiting(&self.node.database, taking, &key.waits_for, now, &lines);
        let until = now.saturating_add(LATEST * 2).unwrap_or(now);
        let purpose = TakePurpose::Call(room);
        let brought = self
            .bring(taking.take, until, take, &mut permits, looking, purpose)
            .await;
        let brought = match brought {
            Ok(brought) => brought,
            Err(failure) => {
                let wanting = lines.iter().map(|(lane, tenant, most, floor)| Wanting {
                    lane: *lane,
                    tenant: Some(*tenant),
                    most: *most,
                    among: Among::Waiting(key.waits_for.clone(), *floor),
                });
                let wanting: Vec<Wanting> = wanting.collect();
                self.sift(looking, &wanting, failure).await?;
                return Ok(0);
            }
        };
        if let Some(waiters) = looking.waits.by_key.get_mut(key) {
            for (priority, turns) in turns {
                let of_line = brought.iter().filter(|one| one.lane.priority == priority);
                waiters.had(priority, &turns, of_line.map(|one| (one.tenant, one.id)));
            }
        }
        Ok(brought.len())
    }

    /// Permits that are free, but for a quarter of all, which stays for what is due.
    fn spare_permits(&self, lane: Lane, most: usize) -> Vec<crate::runtime::Permit> {
        self.permits
            .scheduler(lane)
            .map_or_else(Vec::new, |permits| {
                let spare = permits.free().saturating_sub(permits.total() / 4);
                permits.take_free(most.min(spare))
            })
    }
}

/// What waits in a channel for accounts that it does not have.
fn unknown<'a>(
    channel: Channel,
    waits: &'a Waits,
    accounts: &'a [Arc<AccountEntry>],
) -> impl Iterator<Item = &'a WaitingKey> {
    let is_known = |key: &&WaitingKey| {
        let mut names = accounts.iter().map(|account| &account.account.name);
        names.any(|name| Some(name.as_str()) == key.waits_for.name())
    };
    let strangers = waits.strangers.iter();
    strangers.filter(move |key| key.channel == channel && !is_known(key))
}
