//! Daily caps: who may still be sent something today, decided before it is sent.
//!
//! A counter is one row that holds the ids of the notifications counted in it. Counting is
//! reserving: an id is committed before its notification is sent, and taken out when it is not sent
//! after all. Counting again after a crash finds the id and counts nothing.
//!
//! Every statement locks counters in the order of their key, so that batches which share some never
//! wait for each other in a circle.

pub mod allocation;
mod statement;

use std::collections::{HashMap, HashSet};

use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::future::try_join;
use jiff::civil::Date;
use uuid::Uuid;

use self::allocation::{Books, CounterKey, allocate};
use self::statement::{Add, Count, CountAll, Lock, Make, People, Refund};
use super::locks::Halves;
use super::time::{date_from_database, date_to_database};
use super::{Database, StoreError};
use crate::domain::{Counted, Counter};

/// A notification that wants to be counted in each of some counters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reservation {
    /// The notification.
    pub notification_id: Uuid,
    /// The person's tenant.
    pub tenant_id: Uuid,
    /// The person.
    pub user_id: Uuid,
    /// The counters, one a scope; without any there is nothing to reserve.
    pub counters: Vec<Counter>,
}

impl Reservation {
    fn key(&self, counter: &Counter) -> CounterKey {
        (self.user_id, counter.day, counter.scope.to_string())
    }
}

/// Counts notifications, in the order of the slice, each in all of its counters or in none that it
/// was not in before. What is left out of the answer is counted, and committed; the answer holds
/// all counters of the others, those with room included.
///
/// An id that is counted already is not counted again, even if the cap has been lowered since. A
/// person who was erased meanwhile has no counters, and no preference that could cap anything: theirs are
/// left out of the answer as well, and what becomes of them is found out by sending and settling.
///
/// # Errors
/// When the database fails: nothing is counted, or it is not known whether it is; reserving again
/// is safe.
pub async fn reserve(
    database: &Database,
    reservations: &[Reservation],
) -> Result<HashMap<Uuid, Vec<Counted>>, StoreError> {
    let wanted = wanted(reservations);
    if wanted.is_empty() || all_have_room(database, reservations).await? {
        return Ok(HashMap::new());
    }
    database
        .transaction(async |connection| one_by_one(connection, &wanted, reservations).await)
        .await
}

/// What came of reserving.
#[derive(Debug, Default)]
pub struct Reserved {
    /// Those for which one of their counters has no room, with all their counters.
    pub full: HashMap<Uuid, Vec<Counted>>,
    /// Those that are not counted yet, since somebody has locked a row that they need, or it is refused. To
    /// be asked for again.
    pub held: HashSet<Uuid>,
    /// Why.
    pub trouble: Option<StoreError>,
}

/// As [`reserve`], but the counters of one person hold up those of no other: what cannot be counted now is
/// left. What was left before (`is_again`) waits for nobody's locks.
///
/// # Errors
/// As [`reserve`], for a reason that is no row's.
pub async fn reserve_apart(
    database: &Database,
    reservations: &[Reservation],
    is_again: bool,
) -> Result<Reserved, StoreError> {
    let mut reserved = Reserved::default();
    let mut halves = Halves::of(reservations);
    while let Some(part) = halves.pop() {
        let full = if is_again || halves.is_narrowing() {
            reserve_at_once(database, part).await
        } else {
            reserve(database, part).await
        };
        match full {
            Ok(full) => {
                halves.done();
                reserved.full.extend(full);
            }
            Err(error) => halves.failed(part, error),
        }
    }
    let (left, trouble) = halves.into_left();
    match trouble {
        Some(error) if !error.may_be_of_one_row() => Err(error),
        trouble => {
            reserved.trouble = trouble;
            reserved.held = left.into_iter().map(|one| one.notification_id).collect();
            Ok(reserved)
        }
    }
}

async fn reserve_at_once(
    database: &Database,
    reservations: &[Reservation],
) -> Result<HashMap<Uuid, Vec<Counted>>, StoreError> {
    let wanted = wanted(reservations);
    if wanted.is_empty() {
        return Ok(HashMap::new());
    }
    database
        .at_once(async |connection| one_by_one(connection, &wanted, reservations).await)
        .await
}

/// Locks the counters, and serves one after the other.
async fn one_by_one(
    connection: &mut AsyncPgConnection,
    wanted: &HashMap<CounterKey, Uuid>,
    reservations: &[Reservation],
) -> Result<HashMap<Uuid, Vec<Counted>>, StoreError> {
    let mut books = open(connection, wanted).await?;
    let allocation = allocate(&mut books, reservations);
    if !allocation.added.is_empty() {
        let _: Vec<bool> = Add::of(&allocation.added).load(connection).await?;
    }
    Ok(allocation.refused)
}

/// The plain case in one statement: every counter has room for all that want it. Otherwise, and after
/// any trouble, nothing is counted that counting one by one would count again. What somebody has locked is
/// not waited for twice.
async fn all_have_room(
    database: &Database,
    reservations: &[Reservation],
) -> Result<bool, StoreError> {
    let count = CountAll::of(reservations);
    let counted = database.transaction(async |connection| {
        let room: Vec<bool> = count.load(connection).await?;
        if room.iter().all(|room| *room) {
            Ok(())
        } else {
            Err(StoreError::SerializationFailure)
        }
    });
    match counted.await {
        Err(error @ StoreError::Locked(_)) => Err(error),
        counted => Ok(counted.is_ok()),
    }
}

/// What a person's counters hold, other than `except`. Reads only.
///
/// # Errors
/// When the database fails.
pub async fn counts(
    connection: &mut AsyncPgConnection,
    user_id: Uuid,
    counters: &[Counter],
    except: Uuid,
) -> Result<Vec<Counted>, StoreError> {
    if counters.is_empty() {
        return Ok(Vec::new());
    }
    let count = Count {
        except,
        user_id,
        days: counters.iter().map(|c| date_to_database(c.day)).collect(),
        scopes: counters.iter().map(|c| c.scope.to_string()).collect(),
    };
    let rows: Vec<(chrono::NaiveDate, String, i32)> = count.load(connection).await?;
    let found: HashMap<(Date, String), u32> = rows
        .into_iter()
        .map(|(day, scope, count)| {
            let key = (date_from_database(day), scope);
            (key, u32::try_from(count).unwrap_or(0))
        })
        .collect();
    let counted = counters.iter().map(|counter| {
        let key = (counter.day, counter.scope.to_string());
        Counted {
            counter: counter.clone(),
            count: found.get(&key).copied().unwrap_or(0),
        }
    });
    Ok(counted.collect())
}

/// Takes notifications, each with its person, out of all counters: they were not sent. To be called
/// inside the transaction that says so.
pub(super) async fn refund(
    connection: &mut AsyncPgConnection,
    notifications: &[(Uuid, Uuid)],
) -> Result<(), StoreError> {
    if !notifications.is_empty() {
        let (users, ids) = notifications.iter().copied().unzip();
        let _: Vec<bool> = Refund { users, ids }.load(connection).await?;
    }
    Ok(())
}

/// Every counter that is asked for, once, with its tenant.
fn wanted(reservations: &[Reservation]) -> HashMap<CounterKey, Uuid> {
    let counters = reservations.iter().flat_map(|reservation| {
        let key = |counter| (reservation.key(counter), reservation.tenant_id);
        reservation.counters.iter().map(key)
    });
    counters.collect()
}

/// Makes the counters that are missing, locks all, and reads them. Making and locking are sent at
/// once, one after the other on the same connection.
async fn open(
    connection: &mut AsyncPgConnection,
    wanted: &HashMap<CounterKey, Uuid>,
) -> Result<Books, StoreError> {
    type Row = (Uuid, chrono::NaiveDate, String, Vec<Uuid>);
    let (make, lock) = (Make::of(wanted), Lock::of(wanted.keys()));
    let (_, rows): (Vec<bool>, Vec<Row>) = {
        let connection = &*connection;
        let (mut making, mut locking) = (connection, connection);
        try_join(make.load(&mut making), lock.load(&mut locking)).await?
    };
    let book = |(user, day, scope, ids): Row| {
        let key = (user, date_from_database(day), scope);
        (key, ids.into_iter().collect::<HashSet<_>>())
    };
    let books: Books = rows.into_iter().map(book).collect();
    if books.len() < wanted.len() {
        only_the_erased_lack(connection, wanted, &books).await?;
    }
    Ok(books)
}

/// A counter may be missing only because its person is: otherwise nothing would stop what it caps.
async fn only_the_erased_lack(
    connection: &mut AsyncPgConnection,
    wanted: &HashMap<CounterKey, Uuid>,
    books: &Books,
) -> Result<(), StoreError> {
    let lacking = wanted.iter().filter(|(key, _)| !books.contains_key(*key));
    let (users, tenants) = lacking.map(|((user, ..), tenant)| (*user, *tenant)).unzip();
    let known: Vec<Uuid> = People { users, tenants }.load(connection).await?;
    if known.is_empty() {
        Ok(())
    } else {
        Err(StoreError::SerializationFailure)
    }
}
