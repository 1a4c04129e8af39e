//! Migrations: up, down, up; and several migrators at once.

use herald::store::migrations::{MigrationStatus, migrate, revert, status};

use super::catalogue::{assert_same, catalogue};
use crate::database::TestDatabase;

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
            all.iter().rev().take(count).cloned().collect::<Vec<_>>()
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
    let before = status(database.url()).await.unwrap();
    assert!(!before.is_empty() && before.iter().all(|migration| !migration.applied));

    let run = migrate(database.url()).await.unwrap();
    assert_eq!(migrate(database.url()).await.unwrap(), Vec::<String>::new());
    let applied = |name: &String| MigrationStatus {
        name: name.clone(),
        applied: true,
    };
    let after: Vec<_> = run.iter().map(applied).collect();
    assert_eq!(status(database.url()).await.unwrap(), after);
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
    use herald::store::StoreError;
    use herald::store::migrations::MigrationError;

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
