//! Accepting: the key of a notification and its row are stored together, so that whoever was told that it was
//! accepted can count on it, and a repetition finds it.
//!
//! One statement, thus one transaction, a batch. Only where something follows from it (its person is described,
//! a webhook is told) is there a transaction around it.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::claims::{self, ClaimOwner, Claimant};
use super::locks::Halves;
use super::recipients::{self, RecipientConflict, Said};
use super::takes::TakeId;
use super::webhooks::announce;
use super::{Database, StoreError, partitions};
use crate::domain::webhook::accepted_of;
use crate::domain::{ContentHash, KeyHash, NewWebhookDelivery, Notification};

mod statement;

/// A notification that is to be accepted. The keys of one batch are distinct.
#[derive(Debug, Clone, Copy)]
pub struct Acceptable<'a> {
    /// The notification; its id is its own.
    pub notification: &'a Notification,
    /// What a repetition must say again.
    pub content: ContentHash,
    /// The take under which its row is held from the beginning; without one it is anybody's once it is due.
    pub take: Option<TakeId>,
    /// The take of the claim whose id it has, where a message from RabbitMQ claimed its key and nobody works on
    /// that: it is stored only while the claim is held under this take.
    pub adopts: Option<TakeId>,
    /// The request by HTTP that brought it.
    pub request_id: Option<Uuid>,
    /// What it says of its person: written only if it is new.
    pub said: Option<&'a Said>,
}

/// What became of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accepting {
    /// It is stored.
    New,
    /// Another one with this key was first.
    Taken(ClaimOwner),
    /// Its person cannot be what it says of them.
    Conflict(RecipientConflict),
    /// Its person is gone.
    PersonGone,
    /// The database refuses its data.
    Refused(StoreError),
    /// Not stored: somebody has locked what it needs, or its key was let go of just now.
    Held,
}

/// Accepts notifications, in one transaction with the books and what webhooks are told. One that is refused, or
/// whose key or person somebody has locked, holds up no other. To accept the same again, with the same id, is
/// safe.
///
/// # Errors
/// When nothing of it could be stored: nothing was, or it is not known whether it was.
pub async fn accept(
    database: &Database,
    claimant: Claimant,
    window: Duration,
    batch: &[Acceptable<'_>],
) -> Result<HashMap<Uuid, Accepting>, StoreError> {
    let mut sorted = batch.to_vec();
    sorted.sort_unstable_by_key(|one| one.notification.key);
    let (mut became, mut taken) = (HashMap::new(), vec![]);
    let mut halves = Halves::of(&sorted);
    while let Some(part) = halves.pop() {
        let told = told(database, part);
        let at_once = halves.is_narrowing();
        let written = match write(database, (claimant, window), part, &told, at_once).await {
            Err(StoreError::NoPartition) => {
                ensure_partitions(database, part).await?;
                write(database, (claimant, window), part, &told, at_once).await
            }
            written => written,
        };
        match (part, written) {
            (_, Ok(new)) => {
                halves.done();
                let told = told.iter().filter(|it| new.contains(&it.notification_id));
                database.webhooks().tell(told.map(|it| it.webhook_id));
                let rest = part.iter().map(|one| one.notification);
                taken.extend(rest.filter(|one| !new.contains(&one.id)));
                became.extend(new.into_iter().map(|id| (id, Accepting::New)));
            }
            ([one], Err(error)) if let Some(refused) = refusal(one, &error) => {
                halves.done();
                became.insert(one.notification.id, refused);
            }
            (_, Err(error)) => halves.failed(part, error),
        }
    }
    match halves.into_left() {
        // Of one whose answer was lost nobody knows whether it is stored: to ask all again is safe.
        (left, Some(error)) if left.len() == sorted.len() || !error.may_be_of_one_row() => {
            return Err(error);
        }
        (left, _) => {
            let left = left.into_iter();
            became.extend(left.map(|one| (one.notification.id, Accepting::Held)));
        }
    }
    became.extend(holders(database, &taken).await?);
    Ok(became)
}

/// Accepts notifications in the transaction around it, for whoever stores something beside them: all that are new,
/// or, with an error, none. Their keys are distinct; a person who is gone, and data that cannot be stored, are an error
/// for all of them. Once that transaction is committed, [`AcceptedWithin::tell`] is to be called.
///
/// # Errors
/// The database is out of reach; somebody has locked what one of them needs for long; or one of them cannot be stored.
pub async fn within(
    database: &Database,
    connection: &mut AsyncPgConnection,
    (claimant, window): (Claimant, Duration),
    batch: &[Acceptable<'_>],
) -> Result<AcceptedWithin, StoreError> {
    if batch.is_empty() {
        return Ok(AcceptedWithin::default());
    }
    let mut sorted = batch.to_vec();
    sorted.sort_unstable_by_key(|one| one.notification.key);
    let told = told(database, &sorted);
    let accept = statement::Accept::of(claimant, window, &sorted);
    let new: Vec<Uuid> = accept.load(connection).await?;
    announce::write(connection, &told, &new).await?;
    let new: HashSet<Uuid> = new.into_iter().collect();
    let told = told.iter().filter(|it| new.contains(&it.notification_id));
    Ok(AcceptedWithin {
        told: told.map(|it| it.webhook_id).collect(),
        new,
    })
}

/// What was accepted within a transaction.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AcceptedWithin {
    /// Those that are new, by id. The keys of the others were taken.
    pub new: HashSet<Uuid>,
    told: Vec<Uuid>,
}

impl AcceptedWithin {
    /// Has the webhooks that are told something look for it, once it is committed.
    pub fn tell(&self, database: &Database) {
        database.webhooks().tell(self.told.iter().copied());
    }
}

/// Who holds the keys of those that are not new.
async fn holders(
    database: &Database,
    taken: &[&Notification],
) -> Result<Vec<(Uuid, Accepting)>, StoreError> {
    if taken.is_empty() {
        return Ok(vec![]);
    }
    let keys: Vec<KeyHash> = taken.iter().map(|one| one.key).collect();
    let found = claims::find(database, &keys).await?;
    let held = taken.iter().map(|one| {
        let owner = found.get(&one.key);
        (
            one.id,
            owner.map_or(Accepting::Held, |it| Accepting::Taken(*it)),
        )
    });
    Ok(held.collect())
}

/// What the error says of the one notification that met it; `None` when it is not for its sake.
fn refusal(one: &Acceptable<'_>, error: &StoreError) -> Option<Accepting> {
    if let StoreError::ForeignKey { constraint } = error
        && constraint.contains("user_id")
    {
        return Some(Accepting::PersonGone);
    }
    if one.said.is_some()
        && let Some(conflict) = recipients::conflict_of(error)
    {
        return Some(Accepting::Conflict(conflict));
    }
    error
        .is_about_data()
        .then(|| Accepting::Refused(error.clone()))
}

/// What webhooks are told of those that turn out to be new.
fn told(database: &Database, part: &[Acceptable<'_>]) -> Vec<NewWebhookDelivery> {
    let catalog = database.webhooks().catalog();
    accepted_of(&catalog, part.iter().map(|one| one.notification))
}

/// Those that are new.
async fn write(
    database: &Database,
    (claimant, window): (Claimant, Duration),
    part: &[Acceptable<'_>],
    told: &[NewWebhookDelivery],
    at_once: bool,
) -> Result<HashSet<Uuid>, StoreError> {
    let describes = part.iter().any(|one| one.said.is_some());
    let accept = statement::Accept::of(claimant, window, part);
    let work = async |connection: &mut AsyncPgConnection| {
        if describes {
            describe(connection, window, part).await?;
        }
        let new: Vec<Uuid> = accept.load(connection).await?;
        announce::write(connection, told, &new).await?;
        Ok(new)
    };
    let new = if at_once {
        database.at_once(work).await?
    } else if describes || !told.is_empty() {
        database.transaction(work).await?
    } else {
        work(&mut *database.get().await?).await?
    };
    Ok(new.into_iter().collect())
}

/// Takes the keys, so that only what is new describes its person, and writes what it says.
async fn describe(
    connection: &mut AsyncPgConnection,
    window: Duration,
    part: &[Acceptable<'_>],
) -> Result<(), StoreError> {
    let reserve = statement::Reserve::of(window, part);
    let new: Vec<Uuid> = reserve.load(connection).await?;
    let new: HashSet<Uuid> = new.into_iter().collect();
    let mut in_order: Vec<&Acceptable<'_>> = part.iter().collect();
    in_order.sort_unstable_by_key(|one| one.notification.id);
    let said = in_order.into_iter();
    let said = said.filter(|one| new.contains(&one.notification.id));
    let mut left: Vec<&Said> = said.filter_map(|one| one.said).collect();
    while !left.is_empty() {
        // Each person once a statement, what was said first before what was said after it.
        let mut named = HashSet::new();
        let (round, later): (Vec<&Said>, Vec<&Said>) = left
            .into_iter()
            .partition(|said| named.insert(said.user_id));
        recipients::write_all(connection, &round).await?;
        left = later;
    }
    Ok(())
}

async fn ensure_partitions(database: &Database, part: &[Acceptable<'_>]) -> Result<(), StoreError> {
    let mut connection = database.get().await?;
    for one in part {
        if let Some(moment) = partitions::moment_of(one.notification.id) {
            partitions::ensure(&mut connection, moment).await?;
        }
    }
    Ok(())
}
