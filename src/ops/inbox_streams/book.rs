//! Who has streams open on this node, and what the hub is to look at.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use uuid::Uuid;

use super::event::{StreamEnd, StreamEvent, StreamOrder, StreamRefusal};
use super::open_stream::{self, OpenStream, ReadPart, StreamReader};
use crate::store::inbox::InboxHint;

/// The streams of this node.
#[derive(Debug, Default)]
pub(super) struct StreamBook {
    pages: Mutex<Pages>,
    /// Something is to be looked at.
    awaited: Notify,
}

#[derive(Debug, Default)]
struct Pages {
    people: HashMap<Uuid, PersonStreams>,
    /// All streams.
    len: usize,
    /// The number of the last one.
    last_number: u64,
    /// People who are worth a look.
    due: HashSet<Uuid>,
    /// Tenants with something for everybody.
    due_tenants: HashSet<Uuid>,
    /// Whether hints may have been missed.
    is_all_due: bool,
    /// No more are opened.
    is_closed: bool,
}

#[derive(Debug)]
struct PersonStreams {
    tenant_id: Uuid,
    all: Vec<OpenStream>,
}

/// What is to be looked at.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct DueLooks {
    /// What has changed for these people, each behind a sequence: tenant, person, sequence.
    pub(super) people: Vec<(Uuid, Uuid, i64)>,
    /// What there is for everybody, by tenant.
    pub(super) tenants: Vec<(Uuid, Vec<Uuid>)>,
    /// Whether hints may have been missed.
    pub(super) is_all: bool,
}

impl StreamBook {
    /// How many streams there are.
    pub(super) fn len(&self) -> usize {
        self.pages().len
    }

    /// Takes the place of a stream, at most so many on this node and of one person.
    pub(super) fn enter(
        &self,
        order: &StreamOrder,
        (most, most_of_person): (usize, usize),
    ) -> Result<StreamReader, StreamRefusal> {
        let mut pages = self.pages();
        let own = pages
            .people
            .get(&order.user_id)
            .map_or(0, |it| it.all.len());
        if pages.is_closed {
            return Err(StreamRefusal::Stopping);
        }
        if own >= most_of_person {
            return Err(StreamRefusal::TooManyOfPerson(most_of_person));
        }
        if pages.len >= most {
            return Err(StreamRefusal::TooMany);
        }
        pages.len += 1;
        pages.last_number += 1;
        let (open, reader) = open_stream::open(pages.last_number, order.key_id);
        let person = PersonStreams {
            tenant_id: order.tenant_id,
            all: vec![],
        };
        let person = pages.people.entry(order.user_id).or_insert(person);
        person.all.push(open);
        Ok(reader)
    }

    /// A stream begins behind a sequence. What was committed since that was read is worth a look.
    pub(super) fn begin(&self, user_id: Uuid, number: u64, cursor: i64, first: Vec<StreamEvent>) {
        let mut pages = self.pages();
        if let Some(open) = pages.find(user_id, number) {
            open.begin(cursor, first);
            pages.due.insert(user_id);
            self.awaited.notify_one();
        }
    }

    /// A stream is no more.
    pub(super) fn leave(&self, user_id: Uuid, number: u64) {
        let mut pages = self.pages();
        pages.take_out(user_id, |it| it.number == number);
    }

    /// A person has made room.
    pub(super) fn wake(&self, user_id: Uuid) {
        self.pages().due.insert(user_id);
        self.awaited.notify_one();
    }

    /// Hints have come.
    pub(super) fn hear(&self, hints: &[InboxHint]) {
        let mut pages = self.pages();
        for hint in hints {
            match hint {
                InboxHint::Person(id) if pages.people.contains_key(id) => {
                    pages.due.insert(*id);
                }
                InboxHint::Person(_) => {}
                InboxHint::Tenant(id) => {
                    pages.due_tenants.insert(*id);
                }
            }
        }
        self.awaited.notify_one();
    }

    /// Hints may have been missed.
    pub(super) fn miss_some(&self) {
        self.pages().is_all_due = true;
        self.awaited.notify_one();
    }

    /// Waits until something is to be looked at.
    pub(super) async fn awaited(&self) {
        self.awaited.notified().await;
    }

    /// What is to be looked at, of at most so many people; the rest stays due.
    pub(super) fn due(&self, most: usize) -> DueLooks {
        let mut pages = self.pages();
        let due: Vec<Uuid> = pages.due.iter().copied().take(most).collect();
        for id in &due {
            pages.due.remove(id);
        }
        let looks = due.into_iter().filter_map(|id| {
            let person = pages.people.get(&id)?;
            let able = person.all.iter().filter(|it| it.has_room());
            let behind = able.filter_map(|it| it.cursor).min()?;
            Some((person.tenant_id, id, behind))
        });
        let people: Vec<_> = looks.collect();
        let tenants: Vec<Uuid> = pages.due_tenants.drain().collect();
        let tenants = tenants
            .into_iter()
            .map(|tenant| (tenant, pages.of_tenant(tenant)));
        let tenants = tenants.filter(|(_, people)| !people.is_empty()).collect();
        let is_all = std::mem::take(&mut pages.is_all_due);
        if !pages.due.is_empty() {
            self.awaited.notify_one();
        }
        DueLooks {
            people,
            tenants,
            is_all,
        }
    }

    /// All people with streams, by tenant and id.
    pub(super) fn people(&self) -> Vec<(Uuid, Uuid)> {
        let pages = self.pages();
        let people = pages.people.iter();
        people.map(|(id, person)| (person.tenant_id, *id)).collect()
    }

    /// The keys that signed the tokens of streams.
    pub(super) fn keys(&self) -> HashSet<Uuid> {
        let pages = self.pages();
        let all = pages.people.values().flat_map(|person| &person.all);
        all.map(|it| it.key_id).collect()
    }

    /// These people are worth a look.
    pub(super) fn look_at(&self, people: impl IntoIterator<Item = Uuid>) {
        self.pages().due.extend(people);
        self.awaited.notify_one();
    }

    /// The last number of a person's changes: whoever is further behind it than may be is ended, and whoever is
    /// behind it at all is worth a look. One who was told a number that was not given yet is reset.
    pub(super) fn stands(&self, user_id: Uuid, last: i64, replay: i64) -> usize {
        let mut pages = self.pages();
        let Some(person) = pages.people.get(&user_id) else {
            return 0;
        };
        let is_behind = person
            .all
            .iter()
            .any(|it| it.cursor.is_some_and(|at| at < last));
        if is_behind {
            pages.due.insert(user_id);
            self.awaited.notify_one();
        }
        let is_lost = |it: &OpenStream| {
            let is_beyond = |at: i64| at > last || (!it.has_room() && last - at > replay);
            it.cursor.is_some_and(is_beyond)
        };
        pages.end(user_id, is_lost, StreamEnd::Behind(last))
    }

    /// Tells what was read of a person.
    pub(super) fn tell(&self, user_id: Uuid, part: &ReadPart<'_>) {
        let mut pages = self.pages();
        let Some(person) = pages.people.get_mut(&user_id) else {
            return;
        };
        for open in &mut person.all {
            open.tell(part);
        }
    }

    /// Ends the streams of a person.
    pub(super) fn end_person(&self, user_id: Uuid, why: StreamEnd) {
        self.pages().end(user_id, |_| true, why);
    }

    /// Ends the streams whose key is none of these.
    pub(super) fn end_without(&self, live: &HashSet<Uuid>, asked: &HashSet<Uuid>) {
        let mut pages = self.pages();
        let people: Vec<Uuid> = pages.people.keys().copied().collect();
        // A key that came meanwhile was not asked about.
        let is_revoked = |it: &OpenStream| asked.contains(&it.key_id) && !live.contains(&it.key_id);
        for id in people {
            pages.end(id, is_revoked, StreamEnd::Revoked);
        }
    }

    /// Ends all streams, and opens no more.
    pub(super) fn close(&self) {
        let mut pages = self.pages();
        pages.is_closed = true;
        let people: Vec<Uuid> = pages.people.keys().copied().collect();
        for id in people {
            pages.end(id, |_| true, StreamEnd::Stopping);
        }
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pages {
    fn find(&mut self, user_id: Uuid, number: u64) -> Option<&mut OpenStream> {
        let person = self.people.get_mut(&user_id)?;
        person.all.iter_mut().find(|it| it.number == number)
    }

    fn of_tenant(&self, tenant_id: Uuid) -> Vec<Uuid> {
        let of = self
            .people
            .iter()
            .filter(|(_, it)| it.tenant_id == tenant_id);
        of.map(|(id, _)| *id).collect()
    }

    /// Ends those of a person of whom something holds; how many there were.
    fn end(&mut self, user_id: Uuid, holds: impl Fn(&OpenStream) -> bool, why: StreamEnd) -> usize {
        let ended = self.take_out(user_id, holds);
        let count = ended.len();
        for open in ended {
            open.end(why);
        }
        count
    }

    fn take_out(&mut self, user_id: Uuid, holds: impl Fn(&OpenStream) -> bool) -> Vec<OpenStream> {
        let Entry::Occupied(mut person) = self.people.entry(user_id) else {
            return vec![];
        };
        let all = std::mem::take(&mut person.get_mut().all);
        let (out, left): (Vec<_>, Vec<_>) = all.into_iter().partition(holds);
        if left.is_empty() {
            person.remove();
        } else {
            person.get_mut().all = left;
        }
        self.len -= out.len();
        out
    }
}
