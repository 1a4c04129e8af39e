//! Rows that another session has locked hold up nobody but who needs them.

use std::time::Duration;

use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use herald::domain::preference::Scope;
use herald::domain::{Channel, ContentHash, DEFAULT_TENANT, KeyHash};
use herald::runtime::clock;
use herald::store::claims::{self, Claim, ClaimRequest, Claimant, FoundClaim};
use herald::store::due;
use herald::store::frequency::reserve_apart;
use herald::store::lease::RunId;
use herald::store::recipients::{HeardRecipients, RecipientFields, Said, write_said};
use herald::store::settle::{self, Settlement};
use herald::store::takes::TakeId;
use herald::store::{Database, StoreError};
use tokio::runtime::Handle;
use tokio::time::timeout;
use uuid::Uuid;

use super::fixtures::{counter, held, people, reservation, sent};
use super::takes::{LANE, RUN, ids, rows, take};
use crate::database::{TestDatabase, lines};

/// A statement may take far longer: nobody may wait for that.
const SOON: Duration = Duration::from_secs(10);
const WINDOW: Duration = Duration::from_secs(60);

/// A session that holds locks, and a pool as the engine has it.
async fn held_up(database: &TestDatabase) -> (AsyncPgConnection, Database) {
    let mut holder = database.owner().await;
    let begin = "SET search_path TO notification_schema";
    holder.batch_execute(begin).await.unwrap();
    let pool = Database::lazy(&database.settings(), &Handle::current());
    (holder, pool)
}

async fn soon<T>(work: impl Future<Output = Result<T, StoreError>>) -> T {
    timeout(SOON, work).await.unwrap().unwrap()
}

#[tokio::test]
async fn an_outcome_whose_person_is_locked_waits_and_the_others_are_stored() {
    let database = TestDatabase::create().await;
    let (mut holder, pool) = held_up(&database).await;
    let users = people(&mut holder, 40).await;
    let of = |user: &Uuid| sent(&reservation(*user, &[]));
    let outcomes: Vec<Settlement> = users.iter().map(of).collect();
    let batch: Vec<&Settlement> = outcomes.iter().collect();
    let (locked, id) = (users[17], outcomes[17].notification.id);
    let lock = format!("BEGIN; SELECT FROM users WHERE id = '{locked}' FOR UPDATE");
    holder.batch_execute(&lock).await.unwrap();
    let since = clock::instant();
    let settled = soon(settle::settle(&pool, &batch, since)).await;
    assert_eq!((settled.stored(), settled.is_left(id)), (39, true));
    assert!(settled.proof(&outcomes[17]).is_none());
    let alone = timeout(SOON, settle::settle(&pool, &[batch[17]], since)).await;
    assert!(matches!(alone.unwrap(), Err(StoreError::Locked(_))));
    holder.batch_execute("ROLLBACK").await.unwrap();
    let settled = soon(settle::settle(&pool, &[batch[17]], since)).await;
    assert!(settled.is_stored(id));
}

#[tokio::test]
async fn a_counter_that_is_locked_holds_up_its_person_alone() {
    let database = TestDatabase::create().await;
    let (mut holder, pool) = held_up(&database).await;
    let users = people(&mut holder, 6).await;
    let counters = [counter(Scope::All, 1)];
    let of = |user: &Uuid| reservation(*user, &counters);
    let (first, second): (Vec<_>, Vec<_>) = (
        users.iter().map(of).collect(),
        users.iter().map(of).collect(),
    );
    let room = soon(reserve_apart(&pool, &first[..4], false)).await;
    assert!(room.full.is_empty() && room.held.is_empty());
    let lock = format!(
        "BEGIN; SELECT FROM frequency_counts WHERE user_id = '{}' FOR UPDATE",
        users[2]
    );
    holder.batch_execute(&lock).await.unwrap();
    for is_again in [false, true] {
        let room = soon(reserve_apart(&pool, &second, is_again)).await;
        assert_eq!(room.held, [second[2].notification_id].into());
        let mut full: Vec<Uuid> = room.full.into_keys().collect();
        full.sort_unstable();
        let over = [0, 1, 3].map(|at: usize| second[at].notification_id);
        assert_eq!(full, over, "those who were counted before");
    }
    holder.batch_execute("ROLLBACK").await.unwrap();
    let room = soon(reserve_apart(&pool, &second[2..3], true)).await;
    assert!(room.held.is_empty() && room.full.contains_key(&second[2].notification_id));
    let counted = held(&mut holder).await;
    assert!(counted.len() == 6 && counted.values().all(|ids| ids.len() == 1));
}

#[tokio::test]
async fn a_stray_that_is_locked_stays_and_the_others_of_its_take_are_let_go() {
    let database = TestDatabase::create().await;
    let (mut holder, pool) = held_up(&database).await;
    let all = rows(&mut holder, 9).await;
    assert_eq!(ids(&take(&pool, RUN, 1, false).await).len(), 9);
    let lock = format!(
        "BEGIN; SELECT FROM notifications WHERE id = '{}' FOR UPDATE",
        all[4]
    );
    holder.batch_execute(&lock).await.unwrap();
    let lost = [TakeId::of(RUN, 1)];
    let let_go =
        async || timeout(SOON, due::let_go(&pool, RUN, &lost, clock::now(), &[LANE])).await;
    assert!(matches!(
        let_go().await.unwrap(),
        Err(StoreError::Locked(_))
    ));
    let mut watcher = database.owner().await;
    let owned = "SELECT id::text AS text FROM notification_schema.notifications
        WHERE owner IS NOT NULL";
    assert_eq!(lines(&mut watcher, owned).await, [all[4].to_string()]);
    holder.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(let_go().await.unwrap(), Ok(()));
    assert!(lines(&mut watcher, owned).await.is_empty());
}

fn said(user_id: Uuid, email: &str) -> Said {
    Said {
        tenant_id: DEFAULT_TENANT,
        user_id,
        fields: RecipientFields {
            email: Some(email.to_owned()),
            ..RecipientFields::default()
        },
        published_by: None,
    }
}

async fn hear(pool: &Database, said: &[Said], is_again: bool) -> HeardRecipients {
    soon(write_said(pool, said, is_again)).await
}

async fn emails(c: &mut AsyncPgConnection) -> Vec<String> {
    let all = "SELECT email AS text FROM notification_schema.users
        WHERE email IS NOT NULL ORDER BY email";
    lines(c, all).await
}

#[tokio::test]
async fn a_person_whose_row_is_locked_is_left_out_and_the_others_are_heard() {
    let database = TestDatabase::create().await;
    let (mut holder, pool) = held_up(&database).await;
    let mut watcher = database.owner().await;
    let users = people(&mut holder, 4).await;
    let new = Uuid::now_v7();
    let lock = format!(
        "BEGIN; SELECT FROM users WHERE id = '{}' FOR UPDATE",
        users[1]
    );
    holder.batch_execute(&lock).await.unwrap();
    let whose = [users[0], users[1], users[2], new];
    let all: Vec<Said> = (0..)
        .zip(whose)
        .map(|(at, user)| said(user, &format!("{at}@example.com")))
        .collect();
    for is_again in [false, true] {
        let heard = hear(&pool, &all, is_again).await;
        assert_eq!(heard.held, [users[1]].into());
        assert!(heard.conflicts.is_empty());
    }
    let expected = ["0@example.com", "2@example.com", "3@example.com"];
    assert_eq!(emails(&mut watcher).await, expected);
    // Who has somebody else's address, and who stands beside them.
    let mixed = [
        said(users[0], "2@example.com"),
        said(users[1], "1@example.com"),
        said(users[3], "4@example.com"),
    ];
    let heard = hear(&pool, &mixed, false).await;
    let conflicts: Vec<_> = heard.conflicts.into_iter().collect();
    let words = "the e-mail address belongs to another user".to_owned();
    assert_eq!(conflicts, [((DEFAULT_TENANT, users[0]), words)]);
    assert_eq!(heard.held, [users[1]].into());
    holder.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(hear(&pool, &all, true).await, HeardRecipients::default());
    assert_eq!(emails(&mut watcher).await.len(), 5);
}

#[tokio::test]
async fn a_person_who_is_just_being_made_in_a_long_transaction_holds_up_nobody_else() {
    let database = TestDatabase::create().await;
    let (mut holder, pool) = held_up(&database).await;
    let users: Vec<Uuid> = (0..40).map(|_| Uuid::now_v7()).collect();
    let import = format!(
        "BEGIN; INSERT INTO users (id, tenant_id) VALUES ('{}', '{DEFAULT_TENANT}')",
        users[23]
    );
    holder.batch_execute(&import).await.unwrap();
    let all: Vec<Said> = users
        .iter()
        .map(|user| said(*user, &format!("{user}@example.com")))
        .collect();
    assert_eq!(hear(&pool, &all, false).await.held, [users[23]].into());
    assert_eq!(emails(&mut database.owner().await).await.len(), 39);
    holder.batch_execute("COMMIT").await.unwrap();
    assert_eq!(hear(&pool, &all, true).await, HeardRecipients::default());
    assert_eq!(emails(&mut holder).await.len(), 40);
}

fn request(number: u8) -> ClaimRequest {
    ClaimRequest {
        key: KeyHash([number; 32]),
        content: ContentHash([1; 32]),
        notification_id: Uuid::now_v7(),
        tenant_id: DEFAULT_TENANT,
        channel: Channel::Email,
    }
}

#[tokio::test]
async fn a_key_that_is_locked_is_held_and_the_others_are_claimed() {
    let database = TestDatabase::create().await;
    let (mut holder, pool) = held_up(&database).await;
    let take = TakeId::of(RunId(1), 1);
    let claimant = Claimant {
        run: Some(RunId(1)),
        worker: 0,
        now: clock::now(),
    };
    let requests: Vec<ClaimRequest> = (0..40).map(request).collect();
    let other = "BEGIN; INSERT INTO notification_deduplication
            (idempotency_key, notification_id, owner, expires_at)
        VALUES (decode(repeat('05', 32), 'hex'), gen_random_uuid(), 7, now() + interval '1 day')";
    holder.batch_execute(other).await.unwrap();
    let claimed = soon(claims::claim(&pool, claimant, take, WINDOW, &requests)).await;
    let new = claimed.values().filter(|claim| **claim == Claim::New);
    assert_eq!((new.count(), claimed[&requests[5].key]), (39, Claim::Held));
    let again = [requests[5]];
    let claimed = soon(claims::claim_again(&pool, claimant, take, WINDOW, &again)).await;
    assert_eq!(claimed[&again[0].key], Claim::Held);
    holder.batch_execute("ROLLBACK").await.unwrap();
    let claimed = soon(claims::claim_again(&pool, claimant, take, WINDOW, &again)).await;
    assert_eq!(claimed[&again[0].key], Claim::New);

    // The same when another run takes them over.
    let keys: Vec<KeyHash> = requests.iter().map(|request| request.key).collect();
    let holders = soon(claims::find(&pool, &keys)).await;
    let found: Vec<FoundClaim> = holders
        .into_iter()
        .map(|(key, holder)| (key, ContentHash([1; 32]), holder))
        .collect();
    let lock = "BEGIN; SELECT FROM notification_deduplication
        WHERE idempotency_key = decode(repeat('05', 32), 'hex') FOR UPDATE";
    holder.batch_execute(lock).await.unwrap();
    let heir = TakeId::of(RunId(2), 1);
    let taken = soon(claims::take_over(&pool, heir, WINDOW, &found)).await;
    assert_eq!((taken.len(), taken.contains_key(&keys[5])), (39, false));
}
