//! Migrations: up, down, up; and several migrators at once.

use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use herald::store::StoreError;
use herald::store::migrations::{
    self, Fit, MigrationError, MigrationProgress, MigrationState, history, status,
};

use super::catalogue::{assert_same, catalogue};
use crate::database::{TestDatabase, lines};

async fn migrate(url: &str) -> Result<Vec<&'static str>, MigrationError> {
    migrations::migrate(url, |_| {}).await
}

async fn revert(url: &str, count: usize) -> Result<Vec<&'static str>, MigrationError> {
    migrations::revert(url, count, |_| {}).await
}

/// How each migration stands, in order.
async fn states(url: &str) -> Vec<MigrationState> {
    let history = status(url).await.unwrap();
    history.migrations.iter().map(|one| one.state).collect()
}

async fn change(owner: &mut AsyncPgConnection, statement: &str) {
    owner.batch_execute(statement).await.unwrap();
}

#[tokio::test]
async fn up_down_up_leaves_the_same_catalogue() {
    let database = TestDatabase::empty().await;
    let all = migrate(database.url()).await.unwrap();
    let mut owner = database.owner().await;
    let whole = catalogue(&mut owner).await;
    assert!(
        whole.len() > 300,
        "the catalogue is looked at: {} lines",
        whole.len()
    );

    for count in 1..=all.len() {
        let reverted = revert(database.url(), count).await.unwrap();
        assert_eq!(
            reverted,
            all.iter().rev().take(count).copied().collect::<Vec<_>>()
        );
        if count == all.len() {
            assert_eq!(catalogue(&mut owner).await, Vec::<String>::new());
        }
        assert_eq!(
            migrate(database.url()).await.unwrap(),
            all[all.len() - count..]
        );
        let again = catalogue(&mut owner).await;
        assert_same(
            &again,
            &whole,
            &format!("after {count} migrations down and up"),
        );
    }
}

#[tokio::test]
async fn migrating_again_does_nothing_and_status_says_so() {
    let database = TestDatabase::empty().await;
    let before = states(database.url()).await;
    assert!(!before.is_empty());
    assert!(before.iter().all(|state| *state == MigrationState::Pending));

    let run = migrate(database.url()).await.unwrap();
    assert_eq!(migrate(database.url()).await.unwrap(), Vec::<&str>::new());
    assert_eq!(
        states(database.url()).await,
        vec![MigrationState::Applied; run.len()]
    );
}

#[tokio::test]
async fn each_migration_is_told_of() {
    let database = TestDatabase::empty().await;
    let mut told = vec![];
    let run = migrations::migrate(database.url(), |progress| match progress {
        MigrationProgress::Begins(name) => told.push(format!("begins {name}")),
        MigrationProgress::Done(name, _) => told.push(format!("done {name}")),
        MigrationProgress::WaitsForMigrator(_) | MigrationProgress::WaitsForTable(..) => {}
    });
    let run = run.await.unwrap();
    let wanted = run
        .iter()
        .flat_map(|name| [format!("begins {name}"), format!("done {name}")]);
    assert_eq!(told, wanted.collect::<Vec<_>>());
}

#[tokio::test]
async fn a_database_of_other_texts_is_refused_and_left_alone() {
    let database = TestDatabase::create().await;
    let mut owner = database.owner().await;
    let whole = catalogue(&mut owner).await;
    change(
        &mut owner,
        "UPDATE migration_schema.migrations SET sha256 = repeat('0', 64) WHERE name LIKE '%people'",
    )
    .await;
    let history = status(database.url()).await.unwrap();
    assert!(matches!(history.fit(), Fit::Foreign(why) if why.contains("people")));
    let altered = |one: &&migrations::MigrationStatus| one.state == MigrationState::Altered;
    assert_eq!(history.migrations.iter().filter(altered).count(), 1);
    for refused in [
        migrate(database.url()).await,
        revert(database.url(), 1).await,
    ] {
        assert!(
            matches!(refused, Err(MigrationError::NotOurs(_))),
            "{refused:?}"
        );
    }
    assert_eq!(catalogue(&mut owner).await, whole);
}

#[tokio::test]
async fn a_database_that_says_nothing_of_its_history_is_refused() {
    let database = TestDatabase::create().await;
    let mut owner = database.owner().await;
    change(&mut owner, "DROP SCHEMA migration_schema CASCADE").await;
    let refused = migrate(database.url()).await;
    let Err(MigrationError::NotOurs(why)) = refused else {
        panic!("{refused:?}")
    };
    assert!(why.contains("no record"), "{why}");
}

#[tokio::test]
async fn a_newer_database_is_known_as_such_and_not_migrated() {
    let database = TestDatabase::create().await;
    let mut owner = database.owner().await;
    change(
        &mut owner,
        "INSERT INTO migration_schema.migrations VALUES ('9999-later', repeat('0', 64))",
    )
    .await;
    let pool = database.pool().await;
    let seen = history(&pool).await.unwrap();
    assert!(matches!(seen.fit(), Fit::Ahead(why) if why.contains("9999-later")));
    assert_eq!(seen, status(database.url()).await.unwrap());
    let refused = migrate(database.url()).await;
    assert!(
        matches!(refused, Err(MigrationError::NotOurs(_))),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_migration_waits_for_a_table_without_holding_others_up() {
    let database = TestDatabase::create().await;
    let (mut reader, mut owner) = (database.owner().await, database.owner().await);
    change(
        &mut reader,
        "BEGIN; LOCK notification_schema.notifications IN ACCESS SHARE MODE",
    )
    .await;
    let (waits, mut waited) = tokio::sync::mpsc::unbounded_channel();
    let reverted = migrations::revert(database.url(), usize::MAX, |progress| {
        if let MigrationProgress::WaitsForTable(_, who) = progress {
            waits.send(who).unwrap();
        }
    });
    let pid = "SELECT pg_backend_pid()::text AS text";
    let pid = lines(&mut reader, pid).await.remove(0);
    let end_of_reading = async {
        let holder = waited.recv().await.unwrap().unwrap();
        assert_eq!(holder.pid.to_string(), pid);
        assert!(holder.seconds >= Some(1), "{holder}");
        // Nobody queues behind the migration now.
        change(
            &mut owner,
            "SELECT count(*) FROM notification_schema.notifications",
        )
        .await;
        change(&mut reader, "COMMIT").await;
    };
    let (reverted, ()) = tokio::join!(reverted, end_of_reading);
    assert!(reverted.unwrap().len() > 8);
}

/// Ten megabytes of notifications of now, and as much of keys.
const LARGE_TABLES: &str = "
    SET search_path TO notification_schema;
    INSERT INTO notifications (id, tenant_id, idempotency_key, message_type, priority, status, payload)
    SELECT overlay(uuid_bound(now())::text placing lpad(n::text, 12, '0') from 25)::uuid,
           '00000000-0000-7000-8000-000000000001', n, 'email', 'low', 'sent',
           jsonb_build_object('content', jsonb_build_object('body', repeat('words ', 200)))
    FROM generate_series(1, 8000) AS n;
    INSERT INTO notification_deduplication (idempotency_key, notification_id, body_hash, expires_at)
    SELECT sha256(n::text::bytea), gen_random_uuid(), decode(repeat('00', 900), 'hex'), now()
    FROM generate_series(1, 10000) AS n";

#[tokio::test]
async fn indexes_of_large_partitions_are_built_before_their_migration_which_takes_them_over() {
    let database = TestDatabase::create().await;
    let mut owner = database.owner().await;
    let whole = catalogue(&mut owner).await;
    let history = status(database.url()).await.unwrap();
    let names = history.migrations.iter().map(|one| one.name.as_str());
    let later = names.filter(|name| *name >= "2026-11-29-000902").count();
    revert(database.url(), later).await.unwrap();
    change(&mut owner, LARGE_TABLES).await;
    migrate(database.url()).await.unwrap();
    // By a session that has no search path: names are told as that sees them.
    let found = catalogue(&mut database.owner().await).await;
    assert_same(&found, &whole, "with large tables");
    // What was there before the whole has the lower number.
    let earlier = "SELECT whole.relname || ' ' || count(*) AS text
        FROM pg_inherits i JOIN pg_class whole ON whole.oid = i.inhparent
        WHERE whole.relkind = 'I' AND i.inhrelid::bigint < i.inhparent::bigint
          AND whole.relname IN ('notifications_source_idx', 'notifications_ended_idx', 'notifications_to_idx')
        GROUP BY whole.relname ORDER BY 1";
    let wanted = [
        "notifications_ended_idx 1",
        "notifications_source_idx 1",
        "notifications_to_idx 1",
    ];
    assert_eq!(lines(&mut owner, earlier).await, wanted);
}

#[tokio::test]
async fn a_text_that_a_migration_had_before_counts_as_its_own() {
    let database = TestDatabase::create().await;
    let mut owner = database.owner().await;
    let former = include_str!("../../../migrations/2026-11-30-001020_ledger/former").trim();
    change(
        &mut owner,
        &format!(
            "UPDATE migration_schema.migrations SET sha256 = '{former}' WHERE name LIKE '%ledger'"
        ),
    )
    .await;
    assert_eq!(status(database.url()).await.unwrap().fit(), Fit::Fits);
}

#[tokio::test]
async fn status_waits_for_no_migrator() {
    let database = TestDatabase::create().await;
    let mut migrator = database.owner().await;
    change(&mut migrator, "SELECT pg_advisory_lock(79462569954372)").await;
    assert_eq!(status(database.url()).await.unwrap().fit(), Fit::Fits);
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let waits = migrations::migrate(database.url(), |progress| tell.send(progress).unwrap());
    tokio::select! {
        done = waits => panic!("the lock is the migrators' own: {done:?}"),
        first = told.recv() => assert!(
            matches!(first, Some(MigrationProgress::WaitsForMigrator(Some(_)))),
            "{first:?}"
        ),
    }
}

#[tokio::test]
async fn migrators_of_one_database_take_turns() {
    let database = TestDatabase::empty().await;
    let runs = (0..4).map(|_| migrate(database.url()));
    let runs = futures_util::future::try_join_all(runs).await.unwrap();
    let working = runs.iter().filter(|run| !run.is_empty()).count();
    assert_eq!(working, 1, "one of them does it, the others find it done");
}

#[tokio::test]
async fn databases_of_one_cluster_migrate_at_once() {
    let mut databases = Vec::new();
    for _ in 0..4 {
        databases.push(TestDatabase::empty().await);
    }
    let runs = databases.iter().map(|database| migrate(database.url()));
    futures_util::future::try_join_all(runs).await.unwrap();
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_told_from_one_that_refuses() {
    let nobody = status("postgres://herald@127.0.0.1:1/herald")
        .await
        .unwrap_err();
    assert!(
        matches!(nobody, MigrationError::Store(StoreError::Unavailable(_))),
        "{nobody:?}"
    );

    let database = TestDatabase::empty().await;
    let missing = database.url().replace("herald_test_", "herald_no_");
    let refused = status(&missing).await.unwrap_err();
    assert!(
        matches!(refused, MigrationError::Store(StoreError::Refused(_))),
        "{refused:?}"
    );
}
