//! Daily caps: never one over, whoever asks and however often.

use std::collections::{BTreeMap, HashMap, HashSet};

use diesel_async::SimpleAsyncConnection;
use futures_util::future::join_all;
use herald::domain::preference::Scope;
use herald::domain::{Channel, Counted, Counter};
use herald::runtime::clock;
use herald::store::frequency::{Reservation, counts, reserve};
use herald::store::settle;
use herald::store::{Database, StoreError};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use uuid::Uuid;

use super::fixtures::{TODAY, cancelled, counter, held, people, reservation};
use crate::database::{TestDatabase, lines};

#[tokio::test]
async fn notification_is_counted_in_all_of_its_counters_or_in_none() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let mut c = pool.get().await.unwrap();
    let ana = people(&mut c, 1).await[0];
    let counters = [
        counter(Scope::All, 3),
        counter(Scope::ChannelCategory(Channel::Email, "news".to_owned()), 2),
    ];
    let all: Vec<Reservation> = (0..3).map(|_| reservation(ana, &counters)).collect();
    let over = reserve(&pool, &all).await.unwrap();
    let news_is_full = vec![
        Counted {
            counter: counters[0].clone(),
            count: 2,
        },
        Counted {
            counter: counters[1].clone(),
            count: 2,
        },
    ];
    assert_eq!(
        over,
        HashMap::from([(all[2].notification_id, news_is_full.clone())]),
        "the last of the slice has no room"
    );
    let first_two = [all[0].notification_id, all[1].notification_id];
    let both = ["*/*", "email/news"].map(|scope| ((ana, scope.to_owned()), first_two.to_vec()));
    assert_eq!(held(&mut c).await, both.into());

    // Asked again, they are counted already, also when the cap is lower by now.
    let mut again = all[..2].to_vec();
    again[1].counters[0].cap = 0;
    assert_eq!(reserve(&pool, &again).await, Ok(HashMap::new()));
    assert_eq!(held(&mut c).await.len(), 2);

    // Another counter of the same person, in the same batch, has room.
    let elsewhere = reservation(ana, &counters[..1]);
    let over = reserve(&pool, &[all[2].clone(), elsewhere.clone()]).await;
    assert_eq!(over.unwrap().len(), 1);

    let counted = counts(&mut c, ana, &counters, Uuid::nil()).await.unwrap();
    let held = |counted: &[Counted]| counted.iter().map(|one| one.count).collect::<Vec<_>>();
    assert_eq!(held(&counted), [3, 2]);
    let but_one = counts(&mut c, ana, &counters, first_two[0]).await.unwrap();
    assert_eq!(held(&but_one), [2, 1], "but itself");
    let tomorrow = Counter {
        day: TODAY.tomorrow().unwrap(),
        ..counters[0].clone()
    };
    let tomorrow = counts(&mut c, ana, &[tomorrow], Uuid::nil()).await.unwrap();
    assert_eq!(held(&tomorrow), [0]);
    assert_eq!(
        reserve(&pool, &[reservation(ana, &[])]).await,
        Ok(HashMap::new())
    );
}

#[tokio::test]
async fn a_person_who_is_gone_stops_nobody() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let mut c = pool.get().await.unwrap();
    let people = people(&mut c, 2).await;
    let counters = [counter(Scope::All, 1)];
    let gone = reservation(people[0], &counters);
    assert_eq!(
        reserve(&pool, std::slice::from_ref(&gone)).await,
        Ok(HashMap::new())
    );
    let erase = format!("DELETE FROM users WHERE id = '{}'", people[0]);
    c.batch_execute(&erase).await.unwrap();
    let batch = [
        reservation(people[0], &counters),
        reservation(people[1], &counters),
        reservation(Uuid::now_v7(), &counters),
        reservation(people[1], &counters),
    ];
    let over = reserve(&pool, &batch).await.unwrap();
    assert_eq!(
        over.into_keys().collect::<Vec<_>>(),
        [batch[3].notification_id]
    );
    assert_eq!(
        held(&mut c).await.len(),
        1,
        "nothing is left of who is gone"
    );
}

/// Many at once, from two pools, in their own order of people: as several nodes would.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_at_once_get_exactly_the_cap() {
    const CAP: u32 = 7;
    let database = TestDatabase::create().await;
    let pools = [database.pool().await, database.pool().await];
    let people = people(&mut pools[0].get().await.unwrap(), 5).await;
    let counters = [
        counter(Scope::All, CAP + 3),
        counter(Scope::Channel(Channel::Push), CAP),
    ];
    let reservers = (0..16).map(|n| {
        let mut batch: Vec<Reservation> = people
            .iter()
            .chain(&people)
            .map(|user| reservation(*user, &counters))
            .collect();
        batch.rotate_left(n % 10);
        if n % 2 == 0 {
            batch.reverse();
        }
        let pool = &pools[n % 2];
        async move { (reserve(pool, &batch).await, batch) }
    });
    let mut granted: HashMap<Uuid, HashSet<Uuid>> = HashMap::new();
    for (over, batch) in join_all(reservers).await {
        let over = over.expect("no deadlock");
        for one in batch {
            match over.get(&one.notification_id) {
                None => assert!(
                    granted
                        .entry(one.user_id)
                        .or_default()
                        .insert(one.notification_id)
                ),
                Some(counted) => assert!(counted.iter().any(|one| !one.has_room())),
            }
        }
    }
    let mut c = pools[0].get().await.unwrap();
    let held = held(&mut c).await;
    assert_eq!(held.len(), 10);
    for ((user, scope), ids) in held {
        assert_eq!(ids.len(), CAP as usize, "{scope}");
        assert_eq!(
            ids.into_iter().collect::<HashSet<_>>(),
            granted[&user],
            "{scope}"
        );
    }
}

/// What the table must hold: by person, the ids that were granted and not given back.
#[derive(Default)]
struct Model(BTreeMap<(Uuid, String), Vec<Uuid>>);

impl Model {
    fn reserve(&mut self, one: &Reservation) -> bool {
        let id = one.notification_id;
        let key = |counter: &Counter| (one.user_id, counter.scope.to_string());
        let has_room = |counter: &Counter| {
            let ids = self.0.get(&key(counter)).map_or(&[][..], Vec::as_slice);
            ids.contains(&id) || ids.len() < counter.cap as usize
        };
        let granted = one.counters.iter().all(has_room);
        for counter in &one.counters {
            let ids = self.0.entry(key(counter)).or_default();
            if granted && !ids.contains(&id) {
                ids.push(id);
            }
        }
        granted
    }

    fn refund(&mut self, id: Uuid) {
        for ids in self.0.values_mut() {
            ids.retain(|held| *held != id);
        }
    }
}

#[tokio::test]
async fn reserving_again_and_refunding_by_chance_agree_with_a_model() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let mut c = pool.get().await.unwrap();
    let people = people(&mut c, 3).await;
    let seed: u64 = rand::rng().random();
    println!("seed {seed}");
    let mut dice = StdRng::seed_from_u64(seed);
    let counters = [
        counter(Scope::All, 4),
        counter(Scope::Channel(Channel::Sms), 2),
        counter(Scope::Category("news".to_owned()), 3),
    ];
    let mut model = Model::default();
    let mut open: Vec<Reservation> = vec![];
    for step in 0..60 {
        if dice.random_bool(0.6) || open.is_empty() {
            let batch: Vec<Reservation> = (0..dice.random_range(1..6))
                .map(|_| {
                    if !open.is_empty() && dice.random_bool(0.3) {
                        return open[dice.random_range(0..open.len())].clone();
                    }
                    let wanted: Vec<Counter> = counters
                        .iter()
                        .filter(|_| dice.random_bool(0.6))
                        .cloned()
                        .collect();
                    reservation(people[dice.random_range(0..people.len())], &wanted)
                })
                .collect();
            let over = reserve(&pool, &batch).await.unwrap();
            for one in batch {
                let granted = model.reserve(&one);
                assert_eq!(
                    !over.contains_key(&one.notification_id),
                    granted,
                    "step {step}"
                );
                open.retain(|known| known.notification_id != one.notification_id);
                if granted {
                    open.push(one);
                }
            }
        } else {
            let many = dice.random_range(1..=open.len());
            let gone: Vec<_> = open.drain(..many).map(|one| cancelled(&one)).collect();
            for one in &gone {
                model.refund(one.notification.id);
            }
            // Settled twice, as after an answer that was lost.
            for _ in 0..2 {
                let batch: Vec<_> = gone.iter().collect();
                settle::settle(&pool, &batch, clock::instant())
                    .await
                    .unwrap();
            }
        }
        // A counter is a set.
        let (mut found, mut expected) = (held(&mut c).await, model.0.clone());
        found.values_mut().for_each(|ids| ids.sort());
        expected.values_mut().for_each(|ids| ids.sort());
        assert_eq!(found, expected, "step {step}");
    }
}

/// Reserving, refunding and erasing, over the same people in any order: none waits for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reserving_and_refunding_at_once_never_meet_in_a_circle() {
    let database = TestDatabase::create().await;
    let pools = [database.pool().await, database.pool().await];
    let people = people(&mut pools[0].get().await.unwrap(), 8).await;
    let counters = [
        counter(Scope::All, 30),
        counter(Scope::Channel(Channel::Sms), 25),
    ];
    let nodes = (0..6_usize).map(|n| {
        let (pool, people, counters) = (&pools[n % 2], &people, &counters);
        async move {
            for round in 0..8 {
                let mut batch: Vec<Reservation> = people
                    .iter()
                    .map(|user| reservation(*user, counters))
                    .collect();
                batch.rotate_left((n + round) % people.len());
                let over = reserve(pool, &batch).await?;
                let refunded: Vec<_> = batch
                    .iter()
                    .filter(|one| !over.contains_key(&one.notification_id))
                    .map(cancelled)
                    .collect();
                let refunded: Vec<_> = refunded.iter().rev().collect();
                settle::settle(pool, &refunded, clock::instant()).await?;
            }
            Ok::<(), StoreError>(())
        }
    });
    for node in join_all(nodes).await {
        assert_eq!(node, Ok(()));
    }
    let held = held(&mut pools[0].get().await.unwrap()).await;
    assert!(held.values().all(Vec::is_empty), "all went back: {held:?}");
    assert_eq!(held.len(), 16);
}

#[tokio::test]
async fn the_statements_are_prepared_once_whatever_the_size() {
    let database = TestDatabase::create().await;
    let mut settings = database.settings();
    settings.pool_size = 1;
    let handle = tokio::runtime::Handle::current();
    let pool = Database::connect(&settings, &handle).await.unwrap();
    let people = people(&mut pool.get().await.unwrap(), 20).await;
    for count in [1, 7, 20] {
        let batch: Vec<_> = people[..count]
            .iter()
            .map(|user| reservation(*user, &[counter(Scope::All, 9)]))
            .collect();
        reserve(&pool, &batch).await.unwrap();
        // Without room, one by one.
        let full: Vec<_> = people[..count]
            .iter()
            .map(|user| reservation(*user, &[counter(Scope::All, 0)]))
            .collect();
        assert_eq!(reserve(&pool, &full).await.unwrap().len(), count);
        let gone: Vec<_> = batch.iter().map(cancelled).collect();
        let gone: Vec<_> = gone.iter().collect();
        settle::settle(&pool, &gone, clock::instant())
            .await
            .unwrap();
    }
    let prepared = "SELECT statement AS text FROM pg_prepared_statements
                    WHERE statement LIKE '%frequency_counts%' AND statement LIKE '%unnest%'
                      AND statement NOT LIKE '%pg_prepared%'";
    let mut c = pool.get().await.unwrap();
    assert_eq!(
        lines(&mut c, prepared).await.len(),
        4,
        "count, make, lock, refund"
    );
}
