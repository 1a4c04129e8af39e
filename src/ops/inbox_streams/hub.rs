//! The hub of a node: hears hints, reads what has changed for many people at once, and tells their streams.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval, sleep};
use uuid::Uuid;

use super::book::DueLooks;
use super::event::StreamEnd;
use super::open_stream::ReadPart;
use super::streams::InboxStreams;
use super::views;
use crate::domain::inbox::InboxView;
use crate::runtime::{Shutdown, clock};
use crate::store::StoreError;
use crate::store::inbox::listening::InboxHints;
use crate::store::inbox::{InboxEntry, InboxHint, changes, reader, streams as many};
use crate::store::token_keys::looking;

/// People of one round.
const PEOPLE: usize = 500;
/// Changes of one person in one round.
const CHANGES: usize = 50;
/// Wait after something went wrong.
const PAUSE: Duration = Duration::from_secs(1);
/// A revoked key ends its streams within a second.
const KEYS_EVERY: Duration = Duration::from_millis(800);

impl InboxStreams {
    /// Keeps the streams until told to stop; then each is ended.
    pub async fn run(self, stop: Shutdown) {
        let work = async {
            tokio::join!(
                self.listen(),
                self.tell_what_is_due(),
                self.make_up_for_lost_hints(),
                self.watch_keys(),
            );
        };
        stop.or(work).await;
        self.book.close();
    }

    async fn listen(&self) {
        loop {
            if let Err(error) = self.hear().await {
                tracing::debug!(%error, "hints for inbox streams are not heard; they are looked at from time to time");
            }
            sleep(PAUSE).await;
        }
    }

    async fn hear(&self) -> Result<(), StoreError> {
        let mut hints = InboxHints::open(&self.database).await?;
        // What was hinted at while nobody listened.
        self.book.miss_some();
        loop {
            let heard: Vec<InboxHint> = hints.next().await?;
            self.book.hear(&heard);
        }
    }

    async fn make_up_for_lost_hints(&self) {
        let mut polls = interval(self.settings.poll);
        polls.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            polls.tick().await;
            if self.book.len() > 0 {
                self.book.miss_some();
            }
        }
    }

    /// Ends streams whose key was revoked.
    async fn watch_keys(&self) {
        let mut looks = interval(KEYS_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            let asked = self.book.keys();
            if asked.is_empty() {
                continue;
            }
            let keys: Vec<Uuid> = asked.iter().copied().collect();
            let live = async { looking::live(&mut *self.database.get().await?, &keys).await };
            let live: Result<_, StoreError> = live.await;
            match live {
                Ok(live) => self.book.end_without(&live, &asked),
                Err(error) => {
                    tracing::debug!(%error, "the keys of inbox streams cannot be looked at")
                }
            }
        }
    }

    async fn tell_what_is_due(&self) {
        loop {
            self.book.awaited().await;
            let due = self.book.due(PEOPLE);
            let people: Vec<Uuid> = due.people.iter().map(|(_, id, _)| *id).collect();
            let is_all = due.is_all || !due.tenants.is_empty();
            if let Err(error) = self.look(due).await {
                tracing::warn!(%error, "what is due for inbox streams cannot be read; it is tried again");
                sleep(PAUSE).await;
                self.book.look_at(people);
                if is_all {
                    self.book.miss_some();
                }
            }
        }
    }

    async fn look(&self, due: DueLooks) -> Result<(), StoreError> {
        for (tenant, people) in &due.tenants {
            reader::take_up(&self.database, *tenant, people).await?;
            self.book.look_at(people.iter().copied());
        }
        if due.is_all {
            self.look_at_all().await?;
        }
        self.look_at_people(due.people).await
    }

    /// Where everybody stands, whoever told of it.
    async fn look_at_all(&self) -> Result<(), StoreError> {
        let people = self.book.people();
        let tenants: HashMap<Uuid, Uuid> =
            people.iter().map(|(tenant, id)| (*id, *tenant)).collect();
        let mut behind: HashMap<Uuid, Vec<Uuid>> = HashMap::new();
        let replay = i64::from(self.settings.replay);
        for standing in many::standings(&self.database, &people).await? {
            let id = standing.user_id;
            if !standing.is_there {
                self.book.end_person(id, StreamEnd::Gone);
                continue;
            }
            if standing.is_behind
                && let Some(tenant) = tenants.get(&id)
            {
                behind.entry(*tenant).or_default().push(id);
            }
            for _ in 0..self.book.stands(id, standing.last_sequence, replay) {
                self.metrics.inbox_stream_reset();
            }
        }
        for (tenant, people) in behind {
            reader::take_up(&self.database, tenant, &people).await?;
            self.book.look_at(people);
        }
        Ok(())
    }

    async fn look_at_people(&self, due: Vec<(Uuid, Uuid, i64)>) -> Result<(), StoreError> {
        if due.is_empty() {
            return Ok(());
        }
        let asked: Vec<(Uuid, i64)> = due.iter().map(|(_, id, after)| (*id, *after)).collect();
        let found = changes::since(&self.database, &asked, CHANGES).await?;
        let mut by_person: HashMap<Uuid, Vec<Arc<InboxEntry>>> = HashMap::new();
        for entry in found {
            by_person
                .entry(entry.user_id)
                .or_default()
                .push(Arc::new(entry));
        }
        let changed = due.iter().filter(|(_, id, _)| by_person.contains_key(id));
        let changed: Vec<(Uuid, Uuid)> = changed.map(|(tenant, id, _)| (*tenant, *id)).collect();
        if changed.is_empty() {
            return Ok(());
        }
        let mut views = views::of(&self.database, &changed).await?;
        let asked = changed
            .iter()
            .map(|(_, id)| (*id, views.remove(id).unwrap_or_default()));
        let asked: Vec<(Uuid, InboxView)> = asked.collect();
        let counts = many::counts(&self.database, &asked).await?;
        let counts: HashMap<Uuid, _> = counts.into_iter().collect();
        let afters: HashMap<Uuid, i64> = due.iter().map(|(_, id, after)| (*id, *after)).collect();
        for (id, view) in &asked {
            let entries = by_person.get(id).map_or(&[][..], Vec::as_slice);
            // Only the last part of what is told says how many there are.
            let goes_on = entries.len() >= CHANGES;
            let part = ReadPart {
                after: afters.get(id).copied().unwrap_or(i64::MAX),
                entries,
                view,
                counts: counts.get(id).copied().filter(|_| !goes_on),
                now: clock::now(),
            };
            self.book.tell(*id, &part);
            if goes_on {
                self.book.wake(*id);
            }
        }
        Ok(())
    }
}
