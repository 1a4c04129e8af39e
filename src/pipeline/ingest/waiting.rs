//! Waiting: another run claimed a message's key and has not stored an outcome. For that, or for the end
//! of that run, however many messages there are: one task looks for all of them together.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use uuid::Uuid;

use super::super::patience::until_done;
use super::super::people::Outdated;
use super::admission::{Applicant, key_reused};
use super::held::Begun;
use super::renewal::Suppressed;
use super::{Admission, CONCURRENT};
use crate::domain::{ContentHash, KeyHash};
use crate::machine::claim::{KeyAction, KeyHolder, what_becomes_of};
use crate::store::claims::{self, Found, Holder, TakenOver};
use crate::store::lease::RunId;

/// Time between looks.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// Most keys that are looked for in one statement.
const AT_ONCE: usize = 1_000;

/// The messages that wait.
#[derive(Default)]
pub struct Waiting(Mutex<Room>);

#[derive(Default)]
struct Room {
    waiters: Vec<Waiter>,
    /// Whether a task looks after them.
    is_watched: bool,
}

/// A message that waits.
struct Waiter {
    applicant: Applicant,
    looks: u32,
}

/// The one task that looks after those who wait. Should it end before its time, their deliveries return.
struct Watch<'a> {
    waiting: &'a Waiting,
    is_over: bool,
}

impl fmt::Debug for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waiting = self.lock().waiters.len();
        f.debug_struct("Waiting")
            .field("waiting", &waiting)
            .finish()
    }
}

impl Waiting {
    /// Lets these wait. Says whether nobody looks after them yet: whoever is told so must.
    fn join(&self, waiters: Vec<Waiter>) -> bool {
        let mut room = self.lock();
        room.waiters.extend(waiters);
        !room.waiters.is_empty() && !std::mem::replace(&mut room.is_watched, true)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Room> {
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
pub(super) fn key_holder(holder: &Holder, content: ContentHash) -> KeyHolder {
    KeyHolder {
        is_stored: holder.is_stored(),
        says_the_same: holder.said(content),
        owner: holder.owner,
        owner_lives: holder.owner_lives,
    }
}

impl Admission {
    /// Goes on with messages whose keys others hold, who were found just now: what nobody can end but
    /// us, at once.
    pub(super) fn wait_for(self: &Arc<Self>, run: RunId, found: Vec<(Applicant, Holder)>) {
        if found.is_empty() {
            return;
        }
        let holders = found.iter().map(|(one, holder)| (one.hold.key(), *holder));
        let holders: HashMap<KeyHash, Holder> = holders.collect();
        let waiter = |(applicant, _)| Waiter {
            applicant,
            looks: 0,
        };
        let waiters = found.into_iter().map(waiter).collect();
        let admission = Arc::clone(self);
        self.tasks.spawn("wait for another run", async move {
            if let Some(rest) = admission.look(run, waiters, &holders).await
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
            if self.giving_up.or(pause).await.is_none() {
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
        let run = self.giving_up.or(self.fence.pass()).await?;
        let keys: Vec<KeyHash> = waiters.iter().map(|it| it.applicant.hold.key()).collect();
        let find = || claims::find(&self.database, &keys);
        let holders = until_done("looking at claims", &self.giving_up, find).await?;
        self.look(run, waiters, &holders).await
    }

    /// Does with each what is to be done by who holds its key; returns those that go on waiting.
    /// `None` when there is no more time.
    async fn look(
        self: &Arc<Self>,
        run: RunId,
        waiters: Vec<Waiter>,
        holders: &HashMap<KeyHash, Holder>,
    ) -> Option<Vec<Waiter>> {
        let (mut free, mut waits) = (vec![], vec![]);
        let (mut duplicates, mut refused) = (vec![], vec![]);
        for mut waiter in waiters {
            waiter.looks += 1;
            let holder = holders.get(&waiter.applicant.hold.key());
            let content = waiter.applicant.envelope.content;
            let seen = holder.map(|holder| key_holder(holder, content));
            match (what_becomes_of(seen, run, waiter.looks), holder) {
                (KeyAction::Acknowledge, Some(holder)) => {
                    let proof = holder.repeated(content);
                    duplicates.extend(proof.map(|proof| (waiter.applicant, proof)));
                }
                (KeyAction::Reject, _) => {
                    refused.extend(waiter.applicant.refused(key_reused(), false));
                }
                (KeyAction::TakeOver, Some(holder)) => free.push((waiter, *holder)),
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
        self.tasks.spawn("go on for another run", async move {
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
        free: Vec<(Waiter, Holder)>,
    ) -> Option<(Vec<(Applicant, TakenOver)>, Vec<Waiter>)> {
        let take = self.takes.next(run);
        let found = |(waiter, holder): &(Waiter, Holder)| -> Found {
            let applicant = &waiter.applicant;
            (applicant.hold.key(), applicant.envelope.content, *holder)
        };
        let found: Vec<Found> = free.iter().map(found).collect();
        let work = || claims::take_over(&self.database, take, self.window, &found);
        let taken = until_done("taking claims over", &self.giving_up, work).await?;
        let (mut ours, mut quicker) = (vec![], vec![]);
        for (mut waiter, holder) in free {
            let hold = &mut waiter.applicant.hold;
            match taken.get(&hold.key()) {
                Some(over) => {
                    hold.taken_over(holder.notification_id, take);
                    ours.push((waiter.applicant, *over));
                }
                None => quicker.push(waiter),
            }
        }
        Some((ours, quicker))
    }

    /// Goes on with what another run began and cannot end.
    async fn take_up(self: &Arc<Self>, ours: Vec<(Applicant, TakenOver)>) {
        let died = ours.iter();
        let died = died.filter_map(|(one, over)| Some((one.hold.id(), over.died?)));
        let died: HashMap<Uuid, RunId> = died.collect();
        let ours: Vec<(Applicant, Uuid)> = ours
            .into_iter()
            .map(|(one, _)| {
                let id = one.hold.id();
                (one, id)
            })
            .collect();
        if ours.is_empty() {
            return;
        }
        let claimant = self.anybody(CONCURRENT);
        // The other run may have had it for long.
        let known = (&Outdated::Anybody, Suppressed::new());
        self.go_on(claimant, ours, Begun::Before(died), known).await;
    }
}

#[cfg(test)]
mod tests;
