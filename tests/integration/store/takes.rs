//! Takes: who owns a row, however late a statement comes, and what happens to a row whose takers die.

use std::collections::BTreeSet;

use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use herald::domain::{Channel, DEFAULT_TENANT, Lane, Priority, Reason, Status};
use herald::runtime::clock;
use herald::store::due::{self, Taken, Taking, WaitsFor, Wanted};
use herald::store::lease::RunId;
use herald::store::settle::{self, Origin, Settlement};
use herald::store::takes::TakeId;
use herald::store::{Database, StoreError};
use uuid::Uuid;

use super::fixtures::{cancelled, reservation};
use crate::database::{TestDatabase, lines};

pub(super) const LANE: Lane = Lane::new(Channel::Email, Priority::Normal);
pub(super) const RUN: RunId = RunId(1);

/// A person, and so many rows that have been due for a while, the first one longest.
pub(super) async fn rows(c: &mut AsyncPgConnection, count: u32) -> Vec<Uuid> {
    let user = Uuid::now_v7();
    let ids: Vec<Uuid> = (0..count).map(|_| Uuid::now_v7()).collect();
    let values: Vec<String> = (0..)
        .zip(&ids)
        .map(|(at, id)| {
            format!(
                "('{id}', '{DEFAULT_TENANT}', '{user}', repeat('{}', 2), 'email', 'normal', 'retry',
                  '{{\"content\": {{\"body\": \"hello\"}}}}', now() - interval '1 hour' + interval '{at} seconds')",
                id.simple()
            )
        })
        .collect();
    let insert = format!(
        "INSERT INTO notification_schema.users (id, tenant_id) VALUES ('{user}', '{DEFAULT_TENANT}');
         INSERT INTO notification_schema.notifications
             (id, tenant_id, user_id, idempotency_key, message_type, priority, reason, payload, due_at)
         VALUES {}",
        values.join(", ")
    );
    c.batch_execute(&insert).await.unwrap();
    ids
}

pub(super) async fn take(pool: &Database, run: RunId, number: u32, suspect: bool) -> Taken {
    let wanted = Wanted {
        suspect,
        ..wanted()
    };
    due::take(pool, taking(run, number), clock::now(), &[wanted])
        .await
        .unwrap()
}

pub(super) fn taking(run: RunId, number: u32) -> Taking<'static> {
    Taking {
        run,
        take: TakeId::of(run, number),
        refusing: &[],
    }
}

pub(super) fn wanted() -> Wanted {
    Wanted {
        lane: LANE,
        most: 100,
        since: clock::now() - jiff::SignedDuration::from_hours(2),
        suspect: false,
    }
}

pub(super) fn ids(taken: &Taken) -> BTreeSet<Uuid> {
    taken.notifications.iter().map(|one| one.id).collect()
}

/// A row that was taken, put off until in an hour.
pub(super) fn put_off(taken: &Taken, take: TakeId) -> Settlement {
    let notification = taken.notifications[0].clone();
    let like = reservation(notification.user_id, &[]);
    Settlement {
        notification,
        origin: Origin::Database(take),
        status: Status::Pending,
        reason: Some(Reason::Retry),
        due_at: Some(clock::now() + jiff::SignedDuration::from_hours(1)),
        refund: false,
        ..cancelled(&like)
    }
}

/// Owner, take, takes and attempts of a row.
pub(super) async fn state(c: &mut AsyncPgConnection, id: Uuid) -> String {
    let state = format!(
        "SELECT concat_ws(' ', coalesce(owner::text, 'nobody'), take, takes, attempt_count) AS text
         FROM notification_schema.notifications WHERE id = '{id}'"
    );
    lines(c, &state).await.remove(0)
}

/// While somebody else holds the row's lock, a statement is sent; before it gets the lock, the row is
/// stored by another try of the same work and taken again, under the second number.
async fn overtaken<T>(
    database: &TestDatabase,
    id: Uuid,
    late: impl Future<Output = Result<T, StoreError>>,
) -> T {
    let lock =
        format!("SELECT FROM notification_schema.notifications WHERE id = '{id}' FOR UPDATE");
    let again = format!(
        "UPDATE notification_schema.notifications
         SET owner = {run}, take = {take}, takes = 1, attempt_count = 7 WHERE id = '{id}'",
        run = RUN.0,
        take = TakeId::of(RUN, 2).0,
    );
    late_by(database, &lock, &again, late).await
}

/// While somebody else holds a lock, a statement is sent; before it gets the lock, something else is
/// done.
pub(super) async fn late_by<T>(
    database: &TestDatabase,
    lock: &str,
    meanwhile: &str,
    late: impl Future<Output = Result<T, StoreError>>,
) -> T {
    let (mut holder, mut watcher) = (database.owner().await, database.owner().await);
    holder
        .batch_execute(&format!("BEGIN; {lock}"))
        .await
        .unwrap();
    let overtake = async {
        let waiting = "SELECT count(*)::text AS text FROM pg_stat_activity
            WHERE datname = current_database() AND wait_event_type = 'Lock'";
        while lines(&mut watcher, waiting).await != ["1"] {}
        let done = format!("{meanwhile}; COMMIT");
        holder.batch_execute(&done).await.unwrap();
    };
    let (late, ()) = tokio::join!(late, overtake);
    late.unwrap()
}

#[tokio::test]
async fn an_outcome_that_comes_late_changes_nothing_of_a_row_that_was_taken_again() {
    let database = TestDatabase::create().await;
    let (pool, mut c) = (database.pool().await, database.owner().await);
    let id = rows(&mut c, 1).await[0];
    let taken = take(&pool, RUN, 1, false).await;
    let settlement = put_off(&taken, TakeId::of(RUN, 1));
    let batch = [&settlement];
    let late = settle::settle(&pool, &batch, clock::instant());
    let stored = overtaken(&database, id, late).await;
    assert!(!stored.is_stored(id));
    let second = TakeId::of(RUN, 2).0;
    assert_eq!(state(&mut c, id).await, format!("1 {second} 1 7"));
}

#[tokio::test]
async fn late_release_leaves_the_row_with_its_new_owner() {
    let database = TestDatabase::create().await;
    let (pool, mut c) = (database.pool().await, database.owner().await);
    let (first, second) = (TakeId::of(RUN, 1), TakeId::of(RUN, 2));
    let id = rows(&mut c, 1).await[0];
    take(&pool, RUN, 1, false).await;
    let given = [(id, first)];
    let late = async { settle::release(&pool, &given).await.all_done() };
    overtaken(&database, id, late).await;
    let owned = format!("1 {} 0 7", second.0);
    assert_eq!(
        state(&mut c, id).await,
        owned,
        "only the death is not counted"
    );

    let reset = format!(
        "UPDATE notification_schema.notifications SET take = {} WHERE id = '{id}'",
        first.0
    );
    c.batch_execute(&reset).await.unwrap();
    let lost = [first];
    let late = due::let_go(&pool, RUN, &lost, clock::now(), &[LANE]);
    overtaken(&database, id, late).await;
    let owned = format!("1 {} 1 7", second.0);
    assert_eq!(state(&mut c, id).await, owned);
}

#[tokio::test]
async fn a_row_that_cannot_be_given_back_now_is_told_and_holds_up_no_other() {
    let database = TestDatabase::create().await;
    let (pool, mut c) = (database.pool().await, database.owner().await);
    let ids = rows(&mut c, 4).await;
    take(&pool, RUN, 1, false).await;
    let full = format!(
        "CREATE FUNCTION public.full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             RAISE EXCEPTION 'no space' USING ERRCODE = '53100'; END $$;
         CREATE TRIGGER full_disk BEFORE UPDATE ON notification_schema.notifications
             FOR EACH ROW WHEN (OLD.id = '{}') EXECUTE FUNCTION public.full_disk()",
        ids[2]
    );
    c.batch_execute(&full).await.unwrap();
    let first = TakeId::of(RUN, 1);
    let taken: Vec<_> = ids.iter().map(|id| (*id, first)).collect();
    let given = settle::release(&pool, &taken).await;
    assert_eq!(given.left, [(ids[2], first)]);
    assert!(matches!(given.trouble, Some(StoreError::DiskFull(_))));
    let mended = "DROP FUNCTION public.full_disk CASCADE";
    c.batch_execute(mended).await.unwrap();
    // Again with those that were given back already: they stay as they are.
    settle::release(&pool, &taken).await.all_done().unwrap();
    for id in ids {
        let free = format!("nobody {} 0 0", first.0);
        assert_eq!(state(&mut c, id).await, free);
    }
}

#[tokio::test]
async fn a_take_whose_answer_was_lost_is_let_go_of_alone() {
    let database = TestDatabase::create().await;
    let (pool, mut c) = (database.pool().await, database.owner().await);
    let first = rows(&mut c, 1).await[0];
    take(&pool, RUN, 1, false).await;
    let second = rows(&mut c, 1).await[0];
    take(&pool, RUN, 2, false).await;
    let lost = [TakeId::of(RUN, 1)];
    due::let_go(&pool, RUN, &lost, clock::now(), &[LANE])
        .await
        .unwrap();
    let (one, two) = (lost[0].0, TakeId::of(RUN, 2).0);
    assert_eq!(state(&mut c, first).await, format!("nobody {one} 0 0"));
    assert_eq!(state(&mut c, second).await, format!("1 {two} 1 0"));
}

#[tokio::test]
async fn an_outcome_whose_answer_was_lost_is_stored_again_by_whoever_stored_it() {
    let database = TestDatabase::create().await;
    let (pool, mut c) = (database.pool().await, database.owner().await);
    let id = rows(&mut c, 1).await[0];
    let taken = take(&pool, RUN, 1, false).await;
    let settlement = put_off(&taken, TakeId::of(RUN, 1));
    let batch = [&settlement];
    for _ in 0..2 {
        let stored = settle::settle(&pool, &batch, clock::instant()).await;
        assert!(stored.unwrap().is_stored(id));
    }
}

/// Runs that take all that is due and die at once; the number of the first.
async fn deaths(pool: &Database, first: i32, count: i32) -> Taken {
    let mut last = Taken::default();
    for run in first..first + count {
        last = take(pool, RunId(run), 0, true).await;
    }
    last
}

#[tokio::test]
async fn after_five_deaths_one_at_a_time_is_taken_and_others_are_not_held_up() {
    let database = TestDatabase::create().await;
    let (pool, mut c) = (database.pool().await, database.owner().await);
    let all: BTreeSet<Uuid> = rows(&mut c, 3).await.into_iter().collect();
    let fifth = deaths(&pool, 10, 5).await;
    assert_eq!(ids(&fifth), all);
    let others: BTreeSet<Uuid> = rows(&mut c, 2).await.into_iter().collect();

    let sixth = take(&pool, RunId(20), 0, true).await;
    let [suspect] = sixth.suspects[..] else {
        panic!("{sixth:?}")
    };
    assert!(all.contains(&suspect));
    let with_others: BTreeSet<Uuid> = others.iter().copied().chain([suspect]).collect();
    assert_eq!(ids(&sixth), with_others);
    let later = "SELECT count(*)::text AS text FROM notification_schema.notifications
        WHERE takes >= 5 AND due_at > now() AND due_at < now() + interval '90 seconds'";
    assert_eq!(
        lines(&mut c, later).await,
        ["3"],
        "they do not stand in the way"
    );

    let now = "UPDATE notification_schema.notifications SET due_at = now() - interval '1 s' WHERE takes >= 5";
    c.batch_execute(now).await.unwrap();
    let while_one_is_in_hand = take(&pool, RunId(21), 0, false).await;
    assert_eq!(ids(&while_one_is_in_hand), others, "the other run is dead");
    assert!(while_one_is_in_hand.suspects.is_empty());
}

#[tokio::test]
async fn after_fifty_deaths_it_is_a_dead_letter_of_which_nothing_is_read() {
    let database = TestDatabase::create().await;
    let (pool, mut c) = (database.pool().await, database.owner().await);
    let id = rows(&mut c, 1).await[0];
    let deadly = "UPDATE notification_schema.notifications SET takes = 50, payload = '\"deadly\"'";
    c.batch_execute(deadly).await.unwrap();
    let taken = take(&pool, RUN, 3, false).await;
    assert_eq!(
        (taken.worn.as_slice(), taken.unreadable.len()),
        ([id].as_slice(), 0)
    );
    let ended = due::end_worn(&pool, TakeId::of(RUN, 3), &taken.worn).await;
    ended.all_done().unwrap();
    let ended = "SELECT concat_ws(' ', n.status, n.reason, d.failure_reason, d.resolved) AS text
        FROM notification_schema.notifications n
        JOIN notification_schema.notification_dlq d ON d.notification_id = n.id
        WHERE n.error_message LIKE 'it was taken 50 times%' AND n.payload = '\"deadly\"'";
    let expected = ["failed retries_exhausted retries_exhausted f"];
    assert_eq!(lines(&mut c, ended).await, expected);
}

#[tokio::test]
async fn an_outcome_and_giving_back_clear_a_row_of_suspicion() {
    let database = TestDatabase::create().await;
    let (pool, mut c) = (database.pool().await, database.owner().await);
    let id = rows(&mut c, 1).await[0];
    let taken = deaths(&pool, 10, 4).await;
    let take = TakeId::of(RunId(13), 0);
    settle::release(&pool, &[(id, take)])
        .await
        .all_done()
        .unwrap();
    assert_eq!(state(&mut c, id).await, format!("nobody {} 3 0", take.0));
    let settlement = put_off(&taken, take);
    let stored = settle::settle(&pool, &[&settlement], clock::instant()).await;
    assert!(stored.unwrap().is_stored(id));
    assert_eq!(state(&mut c, id).await, format!("nobody {} 0 0", take.0));
}

#[tokio::test]
async fn a_suspects_take_whose_answer_was_lost_is_let_go_of_though_its_time_was_moved() {
    let database = TestDatabase::create().await;
    let (pool, mut c) = (database.pool().await, database.owner().await);
    let id = rows(&mut c, 1).await[0];
    let suspect = "UPDATE notification_schema.notifications SET takes = 5";
    c.batch_execute(suspect).await.unwrap();
    assert_eq!(take(&pool, RUN, 1, true).await.suspects, [id]);
    let lost = [TakeId::of(RUN, 1)];
    let until = Taking::latest(clock::now());
    due::let_go(&pool, RUN, &lost, until, &[LANE])
        .await
        .unwrap();
    assert_eq!(state(&mut c, id).await, format!("nobody {} 5 0", lost[0].0));
}

/// A take reads who lives, and then the rows; in between a run begins and takes one of them.
#[tokio::test]
async fn a_row_that_a_younger_run_has_taken_meanwhile_is_not_taken_from_it() {
    let database = TestDatabase::create().await;
    let (pool, mut c) = (database.pool().await, database.owner().await);
    let all = rows(&mut c, 2).await;
    // The first is a dead run's: whether that is so is asked when the row is met, and that waits here.
    let waits = format!(
        "UPDATE notification_schema.notifications SET owner = 900 WHERE id = '{}';
         CREATE OR REPLACE FUNCTION notification_schema.is_dead_run(owner integer) RETURNS boolean
         LANGUAGE plpgsql VOLATILE AS $$
         BEGIN
             PERFORM pg_advisory_xact_lock(7);
             RETURN NOT EXISTS (SELECT FROM notification_schema.engine_nodes e
                                WHERE e.run_id = owner AND e.ended_at IS NULL);
         END $$",
        all[0]
    );
    c.batch_execute(&waits).await.unwrap();
    let begins = format!(
        "INSERT INTO notification_schema.engine_nodes (run_id, node_name, version)
         OVERRIDING SYSTEM VALUE VALUES (950, 'younger', '1');
         UPDATE notification_schema.notifications SET owner = 950, take = 7 WHERE id = '{}'",
        all[1]
    );
    let taking = taking(RUN, 1);
    let wanted = [wanted()];
    let late = due::take(&pool, taking, clock::now(), &wanted);
    let lock = "SELECT pg_advisory_xact_lock(7)";
    let taken = late_by(&database, lock, &begins, late).await;
    assert_eq!(ids(&taken), [all[0]].into());
    assert_eq!(state(&mut c, all[1]).await, "950 7 0 0");
}

#[tokio::test]
async fn suspects_of_one_lane_or_tenant_hold_up_nobody_elses() {
    let database = TestDatabase::create().await;
    let (pool, mut c) = (database.pool().await, database.owner().await);
    let all = rows(&mut c, 4).await;
    let urgent = format!(
        "UPDATE notification_schema.notifications SET takes = 5;
         UPDATE notification_schema.notifications SET priority = 'urgent' WHERE id IN ('{}', '{}')",
        all[2], all[3]
    );
    c.batch_execute(&urgent).await.unwrap();
    let lanes = [Priority::Normal, Priority::Urgent].map(|priority| Wanted {
        lane: Lane::new(Channel::Email, priority),
        suspect: true,
        ..wanted()
    });
    let taken = due::take(&pool, taking(RUN, 1), clock::now(), &lanes)
        .await
        .unwrap();
    assert_eq!(taken.suspects.len(), 2, "one of each lane");
    assert_eq!(ids(&taken).len(), 2);

    // What waits for an account: the healthy ones, wherever they stand.
    let healthy = rows(&mut c, 1).await[0];
    let waits = "UPDATE notification_schema.notifications SET owner = NULL, waits_for = 'any'";
    c.batch_execute(waits).await.unwrap();
    let line = [(LANE, DEFAULT_TENANT, 1, Uuid::nil())];
    let taken = due::take_waiting(&pool, taking(RUN, 2), &WaitsFor::Any, clock::now(), &line);
    assert_eq!(ids(&taken.await.unwrap()), [healthy].into());
}
