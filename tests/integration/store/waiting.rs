//! What waits in the database for its turn: by account, and by tenant.

use std::collections::BTreeSet;

use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use herald::domain::{Channel, Lane, Priority};
use herald::runtime::clock;
use herald::store::Database;
use herald::store::due::{
    self, FoundTenants, Taken, Taking, TenantsOf, WaitingKey, WaitingLine, WaitingOf, WaitsFor,
    Wanted,
};
use herald::store::lease::RunId;
use herald::store::takes::TakeId;
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::database::TestDatabase;

const LANE: Lane = Lane::new(Channel::Email, Priority::Normal);
const RUN: RunId = RunId(1);

fn tenant(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

/// Rows of a tenant that are due in so many seconds and wait for an account, if for any; each says in
/// its body which it is.
async fn rows(
    c: &mut AsyncPgConnection,
    whose: u128,
    names: &[&str],
    seconds: i64,
    waits_for: Option<&str>,
) -> Vec<Uuid> {
    let tenant = tenant(whose);
    let mut statements = format!(
        "INSERT INTO notification_schema.tenants (id, name) VALUES ('{tenant}', '{tenant}')
         ON CONFLICT DO NOTHING;
         INSERT INTO notification_schema.users (id, tenant_id) VALUES ('{tenant}', '{tenant}')
         ON CONFLICT DO NOTHING;"
    );
    let waits_for = waits_for.map_or("NULL".to_owned(), |name| format!("'{name}'"));
    let mut ids = vec![];
    for name in names {
        let id = Uuid::now_v7();
        statements += &format!(
            "INSERT INTO notification_schema.notifications (id, tenant_id, user_id, idempotency_key,
                 message_type, priority, reason, payload, due_at, waits_for)
             VALUES ('{id}', '{tenant}', '{tenant}', repeat('{key}', 2), 'email', 'normal', 'retry',
                     '{{\"content\": {{\"body\": \"{name}\"}}}}',
                     now() + interval '{seconds} seconds', {waits_for});",
            key = id.simple(),
        );
        ids.push(id);
    }
    c.batch_execute(&statements).await.unwrap();
    ids
}

fn bodies(taken: &Taken) -> BTreeSet<String> {
    let body = |one: &herald::domain::Notification| match &one.payload.body {
        herald::domain::Body::Content(content) => content.body.clone().unwrap(),
        herald::domain::Body::Template(call) => call.name.clone(),
    };
    taken.notifications.iter().map(body).collect()
}

fn taking(number: u32) -> Taking<'static> {
    Taking {
        run: RUN,
        take: TakeId::of(RUN, number),
        refusing: &[],
    }
}

fn account(name: &str) -> WaitsFor {
    WaitsFor::Account(name.to_owned())
}

async fn called(
    pool: &Database,
    number: u32,
    whose: &WaitsFor,
    lines: &[WaitingLine],
) -> BTreeSet<String> {
    let taken = due::take_waiting(pool, taking(number), whose, clock::now(), lines).await;
    bodies(&taken.unwrap())
}

async fn waiting(pool: &Database, waits_for: WaitsFor, after: Uuid) -> FoundTenants {
    let key = WaitingKey {
        channel: Channel::Email,
        waits_for,
    };
    let asked = [WaitingOf {
        key,
        priority: Priority::Normal,
        after,
    }];
    due::waiting(pool, &asked).await.unwrap().remove(0)
}

#[tokio::test]
async fn an_account_gets_what_waits_for_it_each_tenants_oldest_first() {
    let database = TestDatabase::create().await;
    let (pool, mut c) = (database.pool().await, database.owner().await);
    const HOUR: i64 = 3_600;
    let first = rows(&mut c, 1, &["a1", "a2", "a3"], HOUR, Some("account:slow")).await;
    rows(&mut c, 2, &["b1", "b2"], HOUR, Some("account:slow")).await;
    rows(&mut c, 3, &["c1"], HOUR, Some("pinned:slow")).await;
    rows(&mut c, 3, &["d1"], HOUR, Some("any")).await;
    rows(&mut c, 4, &["e1"], HOUR, None).await;

    let found = waiting(&pool, account("slow"), Uuid::nil()).await;
    assert_eq!(found.tenants, [tenant(1), tenant(2)]);
    assert_eq!(found.after, None);
    let rest = waiting(&pool, account("slow"), tenant(1)).await;
    assert_eq!(rest.tenants, [tenant(2)]);

    let slow = account("slow");
    let lines = [
        (LANE, tenant(1), 2, Uuid::nil()),
        (LANE, tenant(2), 1, Uuid::nil()),
    ];
    let called_back = called(&pool, 1, &slow, &lines).await;
    assert_eq!(called_back, ["a1", "a2", "b1"].map(String::from).into());
    let after_the_last = [(LANE, tenant(1), 9, first[2])];
    let none = called(&pool, 2, &slow, &after_the_last).await;
    assert_eq!(none, BTreeSet::new());
    let again = called(&pool, 3, &slow, &lines).await;
    assert_eq!(again, ["a3", "b2"].map(String::from).into());

    let any = [(LANE, tenant(3), 9, Uuid::nil())];
    let pinned = WaitsFor::Pinned("slow".to_owned());
    let called_back = called(&pool, 5, &pinned, &any).await;
    assert_eq!(called_back, ["c1"].map(String::from).into());
    let called_back = called(&pool, 4, &WaitsFor::Any, &any).await;
    assert_eq!(called_back, ["d1"].map(String::from).into());
}

#[tokio::test]
async fn the_accounts_for_which_anything_waits_are_known_by_name() {
    let database = TestDatabase::create().await;
    let (pool, mut c) = (database.pool().await, database.owner().await);
    for (whose, name) in [
        (1, "account:b"),
        (1, "account:a"),
        (2, "account:b"),
        (3, "any"),
        (3, "pinned:c"),
    ] {
        rows(&mut c, whose, &["x", "y"], 60, Some(name)).await;
    }
    rows(&mut c, 4, &["z"], 60, None).await;
    let names = due::names(&pool).await.unwrap();
    let names: Vec<WaitsFor> = names.into_iter().map(|key| key.waits_for).collect();
    assert_eq!(names, [account("a"), account("b")]);
}

#[tokio::test]
async fn tenants_of_whom_something_is_due_are_found_among_many_of_whom_nothing_is() {
    let database = TestDatabase::create().await;
    let (pool, mut c) = (database.pool().await, database.owner().await);
    let many = "SET search_path TO notification_schema;
        INSERT INTO notifications
            (id, tenant_id, idempotency_key, message_type, priority, reason, payload, due_at)
        SELECT overlay(uuid_bound(now())::text placing lpad(n::text, 12, '0') from 25)::uuid,
               lpad(n::text, 32, '0')::uuid, 'k', 'email', 'normal', 'scheduled', '{}',
               now() + interval '1 day' FROM generate_series(1, 300) n;
        RESET search_path";
    c.batch_execute(many).await.unwrap();
    let (old, last) = (0x0299, u128::MAX);
    rows(&mut c, old, &["old"], -3_600, None).await;
    rows(&mut c, last, &["new"], -1, None).await;
    let now = clock::now();
    let mut of = TenantsOf {
        lane: LANE,
        after: Uuid::nil(),
        since: now - SignedDuration::from_secs(5),
    };
    let found = due::tenants(&pool, of, now).await.unwrap();
    assert_eq!(found.tenants, [tenant(last)], "it has become due just now");
    let mut all: Vec<Uuid> = found.tenants;
    let mut after = found.after;
    let mut looks = 1;
    while let Some(next) = after {
        (of.after, of.since) = (next, now);
        let found = due::tenants(&pool, of, now).await.unwrap();
        all.extend(found.tenants);
        after = found.after;
        looks += 1;
    }
    all.sort_unstable();
    all.dedup();
    assert_eq!((all, looks), (vec![tenant(old), tenant(last)], 3));
}

#[tokio::test]
async fn each_tenant_gets_its_turn_and_no_more_of_what_is_due() {
    let database = TestDatabase::create().await;
    let (pool, mut c) = (database.pool().await, database.owner().await);
    rows(&mut c, 1, &["a1", "a2", "a3"], -60, None).await;
    rows(&mut c, 2, &["b1"], -1, None).await;
    rows(&mut c, 3, &["c1"], 60, None).await;
    let since = clock::now() - SignedDuration::from_hours(1);
    let turn = |whose, most| due::TenantWanted {
        lane: LANE,
        tenant: tenant(whose),
        most,
        since,
        suspect: false,
    };
    let turns = [turn(1, 2), turn(2, 2), turn(3, 2)];
    let taken = due::take_in_turn(&pool, taking(1), clock::now(), &turns).await;
    assert_eq!(
        bodies(&taken.unwrap()),
        ["a1", "a2", "b1"].map(String::from).into()
    );
}

#[tokio::test]
async fn a_lane_begins_with_the_earliest_that_waits_whoever_has_it() {
    let database = TestDatabase::create().await;
    let (pool, mut c) = (database.pool().await, database.owner().await);
    let front = async |since: Timestamp| {
        let fronts = due::fronts(&pool, &[(LANE, since)]).await.unwrap();
        fronts[0].earliest
    };
    assert_eq!(front(Timestamp::UNIX_EPOCH).await, None);
    rows(&mut c, 1, &["first"], -60, None).await;
    let first = front(Timestamp::UNIX_EPOCH).await.unwrap();
    let wanted = |since| Wanted {
        lane: LANE,
        most: 9,
        since,
        suspect: false,
    };
    let later = first + SignedDuration::from_secs(1);
    let none = due::take(&pool, taking(1), clock::now(), &[wanted(later)]).await;
    assert_eq!(bodies(&none.unwrap()), BTreeSet::new());
    let taken = due::take(&pool, taking(2), clock::now(), &[wanted(first)]).await;
    assert_eq!(bodies(&taken.unwrap()).len(), 1);
    assert_eq!(
        front(first).await,
        Some(first),
        "it is in hand, and may come back"
    );
    assert_eq!(front(later).await, None);
}

/// PostgreSQL has a year that no client reads. What is due then is never due, and stops nothing else.
#[tokio::test]
async fn a_due_time_beyond_all_reading_stops_no_look_at_its_lane() {
    let database = TestDatabase::create().await;
    let (pool, mut c) = (database.pool().await, database.owner().await);
    rows(&mut c, 1, &["never"], -60, None).await;
    let far = "UPDATE notification_schema.notifications SET due_at = '294276-12-31'";
    c.batch_execute(far).await.unwrap();
    let since = Timestamp::UNIX_EPOCH;
    let front = async || due::fronts(&pool, &[(LANE, since)]).await.unwrap()[0].earliest;
    assert_eq!(front().await, Some(Timestamp::MAX));
    rows(&mut c, 1, &["now"], -60, None).await;
    assert!(front().await.is_some_and(|at| at < clock::now()));
}
