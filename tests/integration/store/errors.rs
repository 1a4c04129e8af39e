//! What PostgreSQL says, told apart. The messages are the server's own.

use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use herald::store::{Database, StoreError};
use tokio::runtime::Handle;

use crate::database::TestDatabase;

const USER: &str = "INSERT INTO users (id, tenant_id, email, timezone) VALUES
    (gen_random_uuid(), '00000000-0000-7000-8000-000000000001', ";

async fn fails(connection: &mut AsyncPgConnection, statement: &str) -> StoreError {
    connection
        .batch_execute(statement)
        .await
        .unwrap_err()
        .into()
}

#[tokio::test]
async fn a_refused_row_says_what_it_breaks() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let mut engine = pool.get().await.unwrap();
    let named = |constraint: &str| constraint.to_owned();

    let twice = format!("{USER} 'A@b.c', NULL); {USER} 'a@B.c', NULL)");
    let unique = StoreError::UniqueViolation {
        constraint: named("users_email_key"),
    };
    assert_eq!(fails(&mut engine, &twice).await, unique);
    assert!(unique.breaks("users_email_key") && unique.is_about_data());

    let stranger = "INSERT INTO categories (tenant_id, name) VALUES (gen_random_uuid(), 'x')";
    let foreign = StoreError::ForeignKey {
        constraint: named("categories_tenant_id_fkey"),
    };
    assert_eq!(fails(&mut engine, stranger).await, foreign);

    let word = "INSERT INTO intake (hour, tenant_id, channel, shard)
                VALUES (now(), gen_random_uuid(), 'pigeon', 0)";
    let check = StoreError::CheckViolation {
        constraint: named("intake_channel_check"),
    };
    assert_eq!(fails(&mut engine, word).await, check);

    let missing = "INSERT INTO tenants (id) VALUES (gen_random_uuid())";
    let not_null = StoreError::NotNull {
        column: named("name"),
    };
    assert_eq!(fails(&mut engine, missing).await, not_null);
}

#[tokio::test]
async fn text_that_does_not_fit_is_told() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let mut engine = pool.get().await.unwrap();

    let long = format!("{USER} NULL, '{}')", "x".repeat(51));
    let error = fails(&mut engine, &long).await;
    assert!(matches!(error, StoreError::DataTooLong(..)), "{error:?}");

    let nul = fails(
        &mut engine,
        "SELECT '{\"a\": \"\\u0000\"}'::jsonb -> 'a' #>> '{}'",
    )
    .await;
    assert!(matches!(nul, StoreError::UnstorableText(..)), "{nul:?}");

    let bound = diesel_async::RunQueryDsl::execute(
        diesel::sql_query("SELECT $1").bind::<diesel::sql_types::Text, _>("a\0b"),
        &mut *engine,
    );
    let nul = StoreError::from(bound.await.unwrap_err());
    assert!(matches!(nul, StoreError::UnstorableText(..)), "{nul:?}");
}

#[tokio::test]
async fn only_class_22_23_and_a_rows_size_are_about_a_rows_data_in_any_language() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let mut engine = pool.get().await.unwrap();

    let slow = fails(
        &mut engine,
        "SET statement_timeout = 20; SELECT pg_sleep(5)",
    )
    .await;
    assert!(matches!(slow, StoreError::Timeout(_)), "{slow:?}");
    drop(engine);

    // Faults that a test cannot make: as the server tells them, in a language that it may speak.
    let raise = async |state: &str| {
        // A session is ended by some of them.
        let mut engine = pool.get().await.unwrap();
        let statement = format!(
            "DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{state}',
                 MESSAGE = 'Auf dem Gerät ist kein Speicherplatz mehr verfügbar'; END $$"
        );
        fails(&mut engine, &statement).await
    };
    for state in [
        "08006", "25006", "40001", "42501", "42703", "42P01", "53100", "53200", "53300", "55P03",
        "54000", "54001", "54011", "57P01", "58030", "P0001", "XX001", "ABCDE",
    ] {
        let error = raise(state).await;
        assert!(!error.is_about_data(), "{state}: {error:?}");
    }
    assert!(matches!(raise("53100").await, StoreError::DiskFull(_)));
    assert_eq!(raise("25006").await, StoreError::ReadOnly);
    let right = raise("42501").await.to_string();
    assert!(right.starts_with("a right is missing: Auf dem"), "{right}");
    assert!(right.ends_with("(SQLSTATE 42501)"), "{right}");
    for state in [
        "22001", "22008", "22P02", "22P05", "23502", "23505", "23P01",
    ] {
        let error = raise(state).await;
        assert!(error.is_about_data(), "{state}: {error:?}");
    }
    let long = "(SELECT string_agg(md5(n::text), '') FROM generate_series(1, 400) n)";
    let columns: Vec<String> = (0..1_100)
        .map(|at| format!("c{at} float8 DEFAULT 1"))
        .collect();
    for too_large in [
        format!(
            "CREATE TEMPORARY TABLE words (word text PRIMARY KEY); INSERT INTO words SELECT {long}"
        ),
        format!(
            "CREATE TEMPORARY TABLE wide ({}); INSERT INTO wide (c0) VALUES (1)",
            columns.join(", ")
        ),
    ] {
        let mut engine = pool.get().await.unwrap();
        let error = fails(&mut engine, &too_large).await;
        assert_eq!(error.code().as_str(), "54000");
        assert!(error.is_about_data(), "{error:?}");
    }
}

#[tokio::test]
async fn deadlock_is_reported_to_one_of_the_two() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let both = tokio::sync::Barrier::new(2);
    let lock = async |first: i32, second: i32| -> Result<(), StoreError> {
        pool.transaction(async |connection| {
            connection
                .batch_execute(&format!("SELECT pg_advisory_xact_lock({first})"))
                .await?;
            both.wait().await;
            connection
                .batch_execute(&format!("SELECT pg_advisory_xact_lock({second})"))
                .await?;
            Ok(())
        })
        .await
    };
    let (one, other) = tokio::join!(lock(1, 2), lock(2, 1));
    let (victim, winner) = if one.is_err() {
        (one, other)
    } else {
        (other, one)
    };
    assert_eq!((victim, winner), (Err(StoreError::Deadlock), Ok(())));
}

#[tokio::test]
async fn a_refusal_is_told_from_silence() {
    let database = TestDatabase::empty().await;
    // Not migrated: but the roles belong to the cluster, so they may be there. The database is not.
    let mut settings = database.settings();
    settings.url = database.url().replace("herald_test_", "herald_no_").into();
    let refused = Database::connect(&settings, &Handle::current())
        .await
        .unwrap_err();
    assert!(
        matches!(&refused, StoreError::Refused(why) if why.contains("SQLSTATE 3D000")),
        "{refused:?}"
    );

    settings.url = "postgres://herald@127.0.0.1:1/herald".into();
    let silent = Database::connect(&settings, &Handle::current())
        .await
        .unwrap_err();
    assert!(
        matches!(&silent, StoreError::Unavailable(why) if why.contains("Connection refused")),
        "{silent:?}"
    );

    settings.url = "postgres://herald@no.such.host.invalid/herald".into();
    let unknown = Database::connect(&settings, &Handle::current())
        .await
        .unwrap_err();
    assert!(
        matches!(&unknown, StoreError::Unavailable(why) if why.contains("lookup address")),
        "{unknown:?}"
    );
}

#[tokio::test]
async fn a_lost_connection_is_unavailable() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let mut owner = database.owner().await;
    let lost: Result<(), StoreError> = pool
        .transaction(async |connection| {
            let end_all = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE datname = current_database() AND pid <> pg_backend_pid()";
            owner.batch_execute(end_all).await?;
            connection.batch_execute("SELECT 1").await?;
            Ok(())
        })
        .await;
    assert!(matches!(lost, Err(StoreError::Unavailable(_))), "{lost:?}");
}
