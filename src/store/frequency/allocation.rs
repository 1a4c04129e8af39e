//! Who gets the room that is left, as a function of what is counted already.
//!
//! Public, since it is pure: the simulation of the pipeline counts by it.

use std::collections::{HashMap, HashSet};

use jiff::civil::Date;
use uuid::Uuid;

use super::Reservation;
use crate::domain::{Counted, Counter};

/// A counter's key in the table: person, day, name of the scope.
pub type CounterKey = (Uuid, Date, String);

/// Counters with the notifications counted in them.
pub type Books = HashMap<CounterKey, HashSet<Uuid>>;

/// What came of reservations.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Allocation {
    /// What must be written: a counter and a notification that it did not hold before.
    pub added: Vec<(CounterKey, Uuid)>,
    /// Notifications for which one of their counters has no room, with all their counters.
    pub refused: HashMap<Uuid, Vec<Counted>>,
}

/// Serves reservations in their order, and notes in the books what they get. Those of people who
/// have no books are neither added nor refused.
pub fn allocate(books: &mut Books, reservations: &[Reservation]) -> Allocation {
    let mut allocation = Allocation::default();
    for reservation in reservations {
        let id = reservation.notification_id;
        let looked: Vec<CounterRow> = reservation
            .counters
            .iter()
            .filter_map(|counter| CounterRow::at(books, reservation, counter))
            .collect();
        if looked.iter().all(|one| one.holds || one.counted.has_room()) {
            for one in looked {
                let is_new = books.get_mut(&one.key).is_some_and(|ids| ids.insert(id));
                if is_new {
                    allocation.added.push((one.key, id));
                }
            }
        } else {
            let counted = looked.into_iter().map(|one| one.counted).collect();
            allocation.refused.insert(id, counted);
        }
    }
    allocation
}

/// A counter as one notification finds it.
struct CounterRow {
    key: CounterKey,
    /// Whether the notification is counted already.
    holds: bool,
    counted: Counted,
}

impl CounterRow {
    fn at(books: &Books, reservation: &Reservation, counter: &Counter) -> Option<Self> {
        let key = reservation.key(counter);
        let ids = books.get(&key)?;
        let holds = ids.contains(&reservation.notification_id);
        let count = ids.len() - usize::from(holds);
        Some(Self {
            key,
            holds,
            counted: Counted {
                counter: counter.clone(),
                count: u32::try_from(count).unwrap_or(u32::MAX),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::Channel;
    use crate::domain::preference::Scope;

    const DAY: Date = Date::constant(2026, 11, 21);

    fn scopes() -> [Scope; 3] {
        [
            Scope::All,
            Scope::Channel(Channel::Email),
            Scope::Category("news".to_owned()),
        ]
    }

    fn user(n: u8) -> Uuid {
        Uuid::from_u128(u128::from(n) + 1_000)
    }

    /// Reservations of few people with few ids, so that they meet; a scope is capped alike for
    /// everybody.
    fn reservations() -> impl Strategy<Value = Vec<Reservation>> {
        let caps = prop::array::uniform3(0_u32..4);
        let one = (0_u8..3, 0_u8..12, prop::array::uniform3(any::<bool>()));
        (caps, prop::collection::vec(one, 0..24)).prop_map(|(caps, all)| {
            let reservation = |(person, id, wanted): (u8, u8, [bool; 3])| Reservation {
                // An id belongs to one person.
                notification_id: Uuid::from_u128(u128::from(id) * 3 + u128::from(person)),
                tenant_id: Uuid::nil(),
                user_id: user(person),
                counters: scopes()
                    .into_iter()
                    .zip(caps)
                    .zip(wanted)
                    .filter(|(_, wanted)| *wanted)
                    .map(|((scope, cap), _)| Counter {
                        scope,
                        day: DAY,
                        cap,
                    })
                    .collect(),
            };
            all.into_iter().map(reservation).collect()
        })
    }

    /// Counted before: a few of the same ids, more than the cap included.
    fn books() -> impl Strategy<Value = Books> {
        let held = prop::collection::hash_set(0_u128..36, 0..4);
        prop::collection::vec(held, 9).prop_map(|held| {
            let keys = (0..3).flat_map(|person| {
                let key = move |scope: Scope| (user(person), DAY, scope.to_string());
                scopes().into_iter().map(key)
            });
            let ids = |held: HashSet<u128>| held.into_iter().map(Uuid::from_u128).collect();
            keys.zip(held.into_iter().map(ids)).collect()
        })
    }

    proptest! {
        #[test]
        fn no_counter_ever_grows_beyond_its_cap_and_nothing_is_taken_out(
            before in books(), reservations in reservations()
        ) {
            let mut after = before.clone();
            let allocation = allocate(&mut after, &reservations);
            for (key, ids) in &after {
                prop_assert!(ids.is_superset(&before[key]));
                let cap = reservations.iter()
                    .flat_map(|r| r.counters.iter().map(move |c| (r.key(c), c.cap)))
                    .find(|(of, _)| of == key)
                    .map_or(0, |(_, cap)| cap as usize);
                prop_assert!(ids.len() <= cap.max(before[key].len()));
            }
            let grown: usize = after.iter().map(|(key, ids)| ids.len() - before[key].len()).sum();
            prop_assert_eq!(grown, allocation.added.len());
            for (key, id) in &allocation.added {
                prop_assert!(!before[key].contains(id) && after[key].contains(id));
            }
        }

        #[test]
        fn each_stands_in_all_of_its_counters_or_finds_one_without_room(
            before in books(), reservations in reservations()
        ) {
            let mut after = before.clone();
            let allocation = allocate(&mut after, &reservations);
            for (at, reservation) in reservations.iter().enumerate() {
                // What the one before it left behind.
                let mut found = before.clone();
                allocate(&mut found, &reservations[..at]);
                let mut mine = found.clone();
                let alone = allocate(&mut mine, &reservations[at..=at]);
                let id = reservation.notification_id;
                match alone.refused.get(&id) {
                    None => for counter in &reservation.counters {
                        prop_assert!(after[&reservation.key(counter)].contains(&id));
                    },
                    Some(counted) => {
                        prop_assert_eq!(&mine, &found);
                        prop_assert_eq!(counted.len(), reservation.counters.len());
                        let full = |one: &Counted| {
                            let ids = &found[&reservation.key(&one.counter)];
                            !ids.contains(&id) && ids.len() >= one.counter.cap as usize
                        };
                        prop_assert!(counted.iter().any(full));
                        prop_assert!(allocation.refused.contains_key(&id));
                    }
                }
            }
        }

        #[test]
        fn asking_again_adds_nothing(before in books(), reservations in reservations()) {
            let mut books = before;
            let first = allocate(&mut books, &reservations);
            let granted: Vec<Reservation> = reservations
                .into_iter()
                .filter(|r| !first.refused.contains_key(&r.notification_id))
                .collect();
            let again = allocate(&mut books, &granted);
            prop_assert_eq!(again, Allocation::default());
        }
    }

    #[test]
    fn people_without_books_are_neither_added_nor_refused() {
        let reservation = Reservation {
            notification_id: Uuid::from_u128(1),
            tenant_id: Uuid::nil(),
            user_id: user(1),
            counters: vec![Counter {
                scope: Scope::All,
                day: DAY,
                cap: 0,
            }],
        };
        let allocation = allocate(&mut Books::new(), &[reservation]);
        assert_eq!(allocation, Allocation::default());
    }
}
