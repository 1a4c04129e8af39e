//! Waiting: another run claimed a message's key and has not stored an outcome. For that, or for the end
//! of that run, however many messages there are: one task looks for all of them together.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use uuid::Uuid;

use super::held::Begun;
use super::message::{ClaimableMessage, key_reused};
use super::{Admission, CONCURRENT};
use crate::cache::recipients::Stale;
use crate::delivery::eligibility::Listed;
use crate::domain::{ContentHash, KeyHash};
use crate::machine::claim::{KeyAction, KeyHolder, what_becomes_of};
use crate::store::claims::{self, ClaimOwner, FoundClaim, TakenOver};
use crate::store::lease::RunId;
use crate::work::retry::retry_until_ok;

/// Time between looks.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// Most keys that are looked for in one statement.
const AT_ONCE: usize = 1_000;

/// The messages that wait.
#[derive(Default)]
pub struct KeyWaiters(Mutex<WaitingRoom>);

#[derive(Default)]
struct WaitingRoom {
    waiters: Vec<Waiter>,
    /// Whether a task looks after them.
    is_watched: bool,
}

/// A message that waits.
struct Waiter {
    claimable: ClaimableMessage,
    looks: u32,
}

/// The one task that looks after those who wait. Should it end before its time, their deliveries return.
struct Watch<'a> {
    waiting: &'a KeyWaiters,
    is_over: bool,
}

impl fmt::Debug for KeyWaiters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waiting = self.lock().waiters.len();
        f.debug_struct("KeyWaiters")
            .field("waiting", &waiting)
            .finish()
    }
}

impl KeyWaiters {
    /// Lets these wait. Says whether nobody looks after them yet: whoever is told so must.
    fn join(&self, waiters: Vec<Waiter>) -> bool {
        let mut room = self.lock();
        room.waiters.extend(waiters);
        !room.waiters.is_empty() && !std::mem::replace(&mut room.is_watched, true)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, WaitingRoom> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watch<'_> {
    /// All who wait; when there is nobody any more, the watch is over.
    fn take(&mut self) -> Vec<Waiter> {
        let mut room = self.waiting.lock();
        if room.waiters.is_empty() {
            room.is_watched = false;
            self.is_over = true;
        }
        std::mem::take(&mut room.waiters)
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            let room = std::mem::take(&mut *self.waiting.lock());
            drop(room.waiters);
        }
    }
}

/// Who holds a key, as a message with this content sees it.
pub(crate) fn key_holder(claim_owner: &ClaimOwner, content: ContentHash) -> KeyHolder {
    KeyHolder {
        is_stored: claim_owner.is_stored(),
        says_the_same: claim_owner.said(content),
        owner: claim_owner.owner,
        owner_lives: claim_owner.owner_lives,
    }
}

impl Admission {
    /// Goes on with messages whose keys others hold, who were found just now: what nobody can end but
    /// us, at once.
    pub(super) fn wait_for(
        self: &Arc<Self>,
        run: RunId,
        found: Vec<(ClaimableMessage, ClaimOwner)>,
    ) {
        if found.is_empty() {
            return;
        }
        let claim_owners = found
            .iter()
            .map(|(one, claim_owner)| (one.claim.key(), *claim_owner));
        let claim_owners: HashMap<KeyHash, ClaimOwner> = claim_owners.collect();
        let waiter = |(claimable, _)| Waiter {
            claimable,
            looks: 0,
        };
        let waiters = found.into_iter().map(waiter).collect();
        let admission = Arc::clone(self);
        self.node.tasks.spawn("wait for another run", async move {
            if let Some(rest) = admission.look(run, waiters, &claim_owners).await
                && admission.waiting.join(rest)
            {
                admission.watch().await;
            }
        });
    }

    /// Looks after all who wait, until there is nobody any more.
    async fn watch(self: &Arc<Self>) {
        let mut watch = Watch {
            waiting: &self.waiting,
            is_over: false,
        };
        loop {
            let pause = tokio::time::sleep(LOOK_AGAIN);
            if self.node.phases.giving_up.or(pause).await.is_none() {
                return;
            }
            let mut waiters = watch.take();
            if waiters.is_empty() {
                return;
            }
            while !waiters.is_empty() {
                let rest = waiters.split_off(waiters.len().min(AT_ONCE));
                let Some(left) = self.look_again(waiters).await else {
                    return;
                };
                self.waiting.join(left);
                waiters = rest;
            }
        }
    }

    /// Looks at who holds the keys now; returns those that go on waiting. `None` when there is no more
    /// time.
    async fn look_again(self: &Arc<Self>, waiters: Vec<Waiter>) -> Option<Vec<Waiter>> {
        // Whoever waits may be another run by now.
        let run = self.node.run_unless(&self.node.phases.giving_up).await?;
        let keys: Vec<KeyHash> = waiters.iter().map(|it| it.claimable.claim.key()).collect();
        let find = || claims::find(&self.node.database, &keys);
        let claim_owners =
            retry_until_ok("looking at claims", &self.node.phases.giving_up, find).await?;
        self.look(run, waiters, &claim_owners).await
    }

    /// Does with each what is to be done by who holds its key; returns those that go on waiting.
    /// `None` when there is no more time.
    async fn look(
        self: &Arc<Self>,
        run: RunId,
        waiters: Vec<Waiter>,
        claim_owners: &HashMap<KeyHash, ClaimOwner>,
    ) -> Option<Vec<Waiter>> {
        let (mut free, mut waits) = (vec![], vec![]);
        let (mut duplicates, mut refused) = (vec![], vec![]);
        for mut waiter in waiters {
            waiter.looks += 1;
            let claim_owner = claim_owners.get(&waiter.claimable.claim.key());
            let content = waiter.claimable.envelope.content;
            let seen = claim_owner.map(|claim_owner| key_holder(claim_owner, content));
            match (what_becomes_of(seen, run, waiter.looks), claim_owner) {
                (KeyAction::Acknowledge, Some(claim_owner)) => {
                    let proof = claim_owner.repeated(content);
                    duplicates.extend(proof.map(|proof| (waiter.claimable, proof)));
                }
                (KeyAction::Reject, _) => {
                    refused.extend(waiter.claimable.refused(key_reused()));
                }
                (KeyAction::TakeOver, Some(claim_owner)) => free.push((waiter, *claim_owner)),
                (KeyAction::Wait, _) => waits.push(waiter),
                (KeyAction::Return | KeyAction::Acknowledge | KeyAction::TakeOver, _) => {
                    drop(waiter);
                }
            }
        }
        self.refuse(CONCURRENT, refused);
        let (ours, quicker) = self.take_over(run, free).await?;
        waits.extend(quicker);
        if ours.is_empty() && duplicates.is_empty() {
            return Some(waits);
        }
        let admission = Arc::clone(self);
        self.node.tasks.spawn("go on for another run", async move {
            admission.take_up(ours).await;
            if !duplicates.is_empty() {
                let claimant = admission.anybody(CONCURRENT);
                admission.drop_duplicates(claimant, duplicates).await;
            }
        });
        Some(waits)
    }

    /// Takes claims over: those that are ours now, and those for which somebody else was quicker.
    async fn take_over(
        &self,
        run: RunId,
        free: Vec<(Waiter, ClaimOwner)>,
    ) -> Option<(Vec<(ClaimableMessage, TakenOver)>, Vec<Waiter>)> {
        let take = self.takes.next(run);
        let found = |(waiter, claim_owner): &(Waiter, ClaimOwner)| -> FoundClaim {
            let claimable = &waiter.claimable;
            (
                claimable.claim.key(),
                claimable.envelope.content,
                *claim_owner,
            )
        };
        let found: Vec<FoundClaim> = free.iter().map(found).collect();
        let work = || claims::take_over(&self.node.database, take, self.window, &found);
        let taken = retry_until_ok("taking claims over", &self.node.phases.giving_up, work).await?;
        let (mut ours, mut quicker) = (vec![], vec![]);
        for (mut waiter, claim_owner) in free {
            let claim = &mut waiter.claimable.claim;
            match taken.get(&claim.key()) {
                Some(over) => {
                    claim.taken_over(claim_owner.notification_id, take);
                    ours.push((waiter.claimable, *over));
                }
                None => quicker.push(waiter),
            }
        }
        Some((ours, quicker))
    }

    /// Goes on with what another run began and cannot end.
    async fn take_up(self: &Arc<Self>, ours: Vec<(ClaimableMessage, TakenOver)>) {
        let died = ours.iter();
        let died = died.filter_map(|(one, over)| Some((one.claim.id(), over.died?)));
        let died: HashMap<Uuid, RunId> = died.collect();
        let ours: Vec<(ClaimableMessage, Uuid)> = ours
            .into_iter()
            .map(|(one, _)| {
                let id = one.claim.id();
                (one, id)
            })
            .collect();
        if ours.is_empty() {
            return;
        }
        let claimant = self.anybody(CONCURRENT);
        // The other run may have had it for long.
        let known = (&Stale::All, Listed::default());
        self.go_on(claimant, ours, Begun::Before(died), known).await;
    }
}

#[cfg(test)]
mod tests;
