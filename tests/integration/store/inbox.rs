//! Inboxes: numbers made under a lock, what is for everybody, what comes back and what goes.

use std::collections::HashMap;
use std::time::Duration;

use diesel_async::SimpleAsyncConnection;
use herald::domain::inbox::{InboxCounts, InboxDeed, InboxFilter, InboxState, InboxView};
use herald::domain::{Channel, DEFAULT_TENANT, EVERYBODY, InboxContent, Lane, Priority};
use herald::runtime::clock;
use herald::store::inbox::listing::{self, InboxPart};
use herald::store::inbox::{bulk, changes, reader, state, upkeep};
use herald::store::settle::Settlement;
use herald::store::{Database, PgConnection, recipients};
use uuid::Uuid;

use super::fixtures::{people, reservation, sent};
use super::settle::settle;
use crate::database::{PATIENCE, TestDatabase, lines};

/// Something delivered in-app, titled with its number.
fn item(user: Uuid, number: usize) -> Settlement {
    let mut sent = sent(&reservation(user, &[]));
    sent.notification.lane = Lane::new(Channel::InApp, Priority::Normal);
    sent.item = Some(InboxContent {
        title: Some(number.to_string()),
        ..InboxContent::default()
    });
    sent
}

fn part(user: Uuid, filter: Option<InboxFilter>) -> InboxPart {
    InboxPart {
        tenant: DEFAULT_TENANT,
        user,
        filter,
        tags: vec![],
        view: InboxView::default(),
    }
}

async fn titles(pool: &Database, part: &InboxPart) -> Vec<String> {
    let page = listing::page(pool, part, None, 200).await.unwrap();
    let titles = page
        .entries
        .into_iter()
        .map(|it| it.title.unwrap_or_default());
    titles.collect()
}

async fn counts(pool: &Database, user: Uuid) -> InboxCounts {
    listing::counts(pool, user, &InboxView::default())
        .await
        .unwrap()
}

/// Settles until it is stored: many wait for one reader here.
async fn deliver(pool: &Database, items: &[Settlement]) {
    let mut left: Vec<&Settlement> = items.iter().collect();
    let begun = clock::instant();
    while !left.is_empty() {
        assert!(begun.elapsed() < 4 * PATIENCE, "{} are left", left.len());
        if let Ok(settled) = herald::store::settle::settle(pool, &left, clock::instant()).await {
            left.retain(|it| settled.is_left(it.notification.id));
        }
    }
}

async fn did(pool: &Database, user: Uuid, id: Uuid, deed: InboxDeed) {
    let work = async |connection: &mut PgConnection| {
        state::hold(connection, DEFAULT_TENANT, user).await?;
        let view = InboxView::default();
        let entry = listing::one(connection, user, id, &view).await?.unwrap();
        let change = deed.follow(&entry.states, clock::now()).unwrap().unwrap();
        state::write(connection, user, id, &change.states).await
    };
    pool.transaction(work).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_thousand_writers_of_two_stores_make_sequences_without_gap_or_repetition() {
    const WRITERS: usize = 1_000;
    let database = TestDatabase::create().await;
    let pools = [database.pool().await, database.pool().await];
    let reading = database.pool().await;
    let people = people(&mut pools[0].get().await.unwrap(), 4).await;
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..WRITERS {
        let (pool, person) = (pools[number % 2].clone(), people[number % people.len()]);
        let other = people[(number + 1) % people.len()];
        tasks.spawn(async move {
            // Two people in one batch, in another order each time: nobody waits in a circle.
            deliver(&pool, &[item(person, number), item(other, number)]).await;
        });
    }
    // Whoever reads behind a number finds the next one, and never one that was left out before.
    let mut last: HashMap<Uuid, i64> = people.iter().map(|it| (*it, 0)).collect();
    let each = i64::try_from(2 * WRITERS / people.len()).unwrap();
    let mut is_over = false;
    loop {
        let asked: Vec<(Uuid, i64)> = last.iter().map(|(id, at)| (*id, *at)).collect();
        let found = changes::since(&reading, &asked, 50).await.unwrap();
        for entry in &found {
            let at = last.get_mut(&entry.user_id).unwrap();
            assert_eq!(entry.sequence, *at + 1, "a number is missing, or came late");
            assert_eq!(entry.arrival, entry.sequence);
            *at = entry.sequence;
        }
        if is_over && found.is_empty() {
            break;
        }
        is_over = tasks.is_empty();
        while let Some(done) = tasks.try_join_next() {
            done.unwrap();
        }
        tokio::task::yield_now().await;
    }
    assert!(last.values().all(|at| *at == each), "{last:?}");
    let latest = changes::latest(&reading, &people).await.unwrap();
    assert!(latest.iter().all(|(_, at)| *at == each), "{latest:?}");
}

#[tokio::test]
async fn what_is_for_everybody_is_one_row_and_each_reader_has_states_of_their_own() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let mut c = pool.get().await.unwrap();
    let [ana, ben] = people(&mut c, 2).await.try_into().unwrap();
    let mut gone = item(EVERYBODY, 2);
    gone.notification.expires_at = Some(clock::now() - Duration::from_secs(1));
    let shared = item(EVERYBODY, 1);
    deliver(&pool, &[item(ana, 0), shared.clone(), gone]).await;
    let rows = "SELECT concat_ws(' ', (SELECT count(*) FROM notifications WHERE user_id IS NULL),
                (SELECT count(*) FROM inbox_broadcasts), (SELECT count(*) FROM inbox_items)) AS text";
    assert_eq!(lines(&mut c, rows).await, ["2 2 1"]);

    let standing = reader::stand(&pool, DEFAULT_TENANT, ana).await.unwrap();
    assert_eq!((standing.last_sequence, standing.is_behind), (2, false));
    assert_eq!(titles(&pool, &part(ana, None)).await, ["1", "0"]);
    // Many readers at once, some for the first time; and once more.
    for _ in 0..2 {
        reader::take_up(&pool, DEFAULT_TENANT, &[ben, ana])
            .await
            .unwrap();
    }
    assert_eq!(titles(&pool, &part(ben, None)).await, ["1"]);
    assert_eq!(lines(&mut c, rows).await, ["2 2 3"]);

    did(
        &pool,
        ana,
        shared.notification.id,
        InboxDeed::Set(InboxState::Read),
    )
    .await;
    assert_eq!(
        titles(&pool, &part(ana, Some(InboxFilter::Unread))).await,
        ["0"]
    );
    assert_eq!(
        titles(&pool, &part(ben, Some(InboxFilter::Unread))).await,
        ["1"]
    );
    let news = changes::since(&pool, &[(ana, 2), (ben, 1)], 9)
        .await
        .unwrap();
    let news: Vec<_> = news
        .iter()
        .map(|it| (it.user_id, it.arrival, it.sequence))
        .collect();
    assert_eq!(news, [(ana, 2, 3)]);

    // Hidden from whoever switched it off, in lists and counts.
    let mut hiding = part(ben, None);
    hiding.view.is_off = true;
    assert_eq!(titles(&pool, &hiding).await, Vec::<String>::new());
    let hidden = listing::counts(&pool, ben, &hiding.view).await.unwrap();
    assert_eq!(hidden.unread, Some(0));
    assert_eq!(counts(&pool, ben).await.unread, Some(1));
}

#[tokio::test]
async fn counts_are_exact_to_a_hundred_and_pages_end_where_the_next_begins() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let mut c = pool.get().await.unwrap();
    let [ana, ben] = people(&mut c, 2).await.try_into().unwrap();
    let many: Vec<Settlement> = (0..99).map(|number| item(ana, number)).collect();
    deliver(&pool, &many).await;
    deliver(&pool, &[item(ben, 7)]).await;
    for (number, exact) in [(99, Some(99)), (100, Some(100)), (101, None)] {
        let found = counts(&pool, ana).await;
        assert_eq!((found.unread, found.unseen), (exact, exact), "{number}");
        deliver(&pool, &[item(ana, number)]).await;
    }
    let (mut after, mut seen) = (None, vec![]);
    loop {
        let page = listing::page(&pool, &part(ana, None), after, 25)
            .await
            .unwrap();
        seen.extend(page.entries.into_iter().filter_map(|it| it.title));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let wanted: Vec<String> = [101, 100, 99]
        .into_iter()
        .chain((0..99).rev())
        .map(|n: usize| n.to_string())
        .collect();
    assert_eq!(seen, wanted);

    // Up to a time: nothing that came after it is touched. In several transactions, it goes on.
    let until = {
        let page = listing::page(&pool, &part(ana, None), None, 200)
            .await
            .unwrap();
        page.entries
            .iter()
            .find(|it| it.title.as_deref() == Some("99"))
            .unwrap()
            .delivered_at
    };
    let work = async |connection: &mut PgConnection| {
        state::hold(connection, DEFAULT_TENANT, ana).await?;
        bulk::write(
            connection,
            &part(ana, None),
            InboxState::Read,
            (until, clock::now()),
        )
        .await
    };
    let read = pool.transaction(work).await.unwrap();
    assert_eq!(
        (read.len(), read.iter().filter(|(_, first)| *first).count()),
        (100, 100)
    );
    assert_eq!(
        titles(&pool, &part(ana, Some(InboxFilter::Unread))).await,
        ["101", "100"]
    );
    let mirrored =
        "SELECT count(*)::text AS text FROM notifications WHERE is_read AND read_at IS NOT NULL";
    assert_eq!(lines(&mut c, mirrored).await, ["100"]);
    let changed = changes::since(&pool, &[(ana, 102)], 200).await.unwrap();
    let numbers: Vec<i64> = changed.iter().map(|it| it.sequence).collect();
    assert_eq!(numbers, (103..=202).collect::<Vec<i64>>());
    assert_eq!(counts(&pool, ben).await.unread, Some(1), "somebody else's");
}

#[tokio::test]
async fn what_was_put_off_comes_back_on_top_and_what_has_had_its_time_goes() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let mut c = pool.get().await.unwrap();
    let [ana] = people(&mut c, 1).await.try_into().unwrap();
    let items: Vec<Settlement> = (0..3).map(|number| item(ana, number)).collect();
    deliver(&pool, &items).await;
    let first = items[0].notification.id;
    did(&pool, ana, first, InboxDeed::Set(InboxState::Read)).await;
    did(
        &pool,
        ana,
        first,
        InboxDeed::Snooze(clock::now() + Duration::from_secs(600)),
    )
    .await;
    assert_eq!(titles(&pool, &part(ana, None)).await, ["2", "1"]);
    assert_eq!(
        titles(&pool, &part(ana, Some(InboxFilter::All))).await,
        ["2", "1"]
    );
    assert_eq!(
        titles(&pool, &part(ana, Some(InboxFilter::Snoozed))).await,
        ["0"]
    );
    assert_eq!(upkeep::wake(&pool).await, Ok(vec![]));
    c.batch_execute("UPDATE inbox_items SET snoozed_until = now() WHERE snoozed_until IS NOT NULL")
        .await
        .unwrap();
    assert_eq!(upkeep::wake(&pool).await, Ok(vec![ana]));
    assert_eq!(
        titles(&pool, &part(ana, Some(InboxFilter::Unread))).await,
        ["0", "2", "1"]
    );
    let woken = changes::since(&pool, &[(ana, 5)], 9).await.unwrap();
    let woken: Vec<_> = woken
        .iter()
        .map(|it| (it.id, it.arrival, it.sequence))
        .collect();
    assert_eq!(woken, [(first, 6, 6)], "it is told of as something new");

    // What expires, and what was delivered long ago; what is put off stays.
    let old = format!(
        "UPDATE inbox_items SET expires_at = now() WHERE id = '{}';
         UPDATE inbox_items SET delivered_at = now() - interval '3 days', snoozed_until = now() + interval '1 day'
         WHERE id = '{}'",
        items[1].notification.id, items[2].notification.id
    );
    c.batch_execute(&old).await.unwrap();
    assert_eq!(
        titles(&pool, &part(ana, Some(InboxFilter::All))).await,
        ["0"]
    );
    let day = Duration::from_secs(86_400);
    let later = clock::now() + 2 * day;
    assert_eq!(upkeep::forget(&pool, day, later).await, Ok(2));
    assert_eq!(
        lines(&mut c, "SELECT title AS text FROM inbox_items").await,
        ["2"]
    );
}

#[tokio::test]
async fn an_erased_persons_message_is_nobodys_and_never_everybodys() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let mut c = pool.get().await.unwrap();
    let [ana, ben] = people(&mut c, 2).await.try_into().unwrap();
    deliver(&pool, &[item(ana, 0), item(ben, 1), item(EVERYBODY, 2)]).await;
    reader::take_up(&pool, DEFAULT_TENANT, &[ana, ben])
        .await
        .unwrap();
    let erase = async |connection: &mut PgConnection| {
        recipients::erase::erase(connection, Some(DEFAULT_TENANT), ana).await
    };
    assert_eq!(pool.transaction(erase).await, Ok(Some(DEFAULT_TENANT)));
    let whose = "SELECT DISTINCT user_id::text AS text FROM inbox_items
                 UNION SELECT user_id::text FROM inbox_readers";
    assert_eq!(lines(&mut c, whose).await, [ben.to_string()]);

    // It was in flight when she was erased.
    assert_eq!(settle(&pool, &[&item(ana, 3)]).await, Ok(1));
    let rows = "SELECT concat_ws(' ', (SELECT count(*) FROM inbox_broadcasts), (SELECT count(*) FROM inbox_items))
                AS text";
    assert_eq!(lines(&mut c, rows).await, ["1 2"]);
}
