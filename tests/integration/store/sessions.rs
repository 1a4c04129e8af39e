//! Sessions that are dead, silent, or may not write: none is waited for longer than it must be.

use std::time::Duration;

use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use futures_util::future::join_all;
use herald::store::{Connection, Database, DatabaseSettings, StoreError};
use loadtest::harness::proxy::Proxy;
use tokio::runtime::Handle;
use tokio::time::timeout;

use crate::database::{TestDatabase, lines};
use crate::stage::PATIENCE;

/// Sessions in the pool of these tests.
const SESSIONS: usize = 4;

/// Settings with which a session is silent after five seconds and a little.
fn impatient(database: &TestDatabase) -> DatabaseSettings {
    DatabaseSettings {
        pool_size: u32::try_from(SESSIONS).unwrap(),
        statement_timeout: Duration::from_millis(100),
        ..database.settings()
    }
}

async fn one(connection: &mut AsyncPgConnection) -> Result<(), StoreError> {
    Ok(connection.batch_execute("SELECT 1").await?)
}

/// Every session of the pool, lent at once.
async fn all(pool: &Database) -> Vec<Connection<'_>> {
    join_all((0..SESSIONS).map(|_| async { pool.get().await.unwrap() })).await
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_that_went_silent_cost_one_wait_and_not_one_each() {
    let database = TestDatabase::create().await;
    let proxy = Proxy::before(database.url()).await.unwrap();
    let settings = DatabaseSettings {
        url: proxy.url(database.url()).into(),
        ..impatient(&database)
    };
    let pool = Database::connect(&settings, &Handle::current())
        .await
        .unwrap();
    drop(all(&pool).await);
    proxy.swallow();
    let mut first = pool.get().await.unwrap();
    let mut second = pool.get().await.unwrap();
    // It takes less than the two would take one after the other.
    let both = async { tokio::join!(one(&mut first), async { one(&mut second).await }) };
    let lost = timeout(Duration::from_secs(10), both).await.unwrap();
    assert!(
        matches!(
            lost,
            (
                Err(StoreError::Unavailable(_)),
                Err(StoreError::Unavailable(_))
            )
        ),
        "{lost:?}"
    );
    let words = format!("{lost:?}");
    assert!(words.contains("no answer within"), "{words}");
    drop((first, second));
    // None of the others is lent again.
    let again = async {
        for mut session in all(&pool).await {
            one(&mut session).await.unwrap();
        }
    };
    timeout(Duration::from_secs(4), again).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn overdue_statement_of_a_session_is_cancelled() {
    let database = TestDatabase::create().await;
    let pool = Database::connect(&impatient(&database), &Handle::current())
        .await
        .unwrap();
    let mut session = pool.get().await.unwrap();
    // As if PostgreSQL's own limit did not hold.
    let hangs = "SET statement_timeout = 0; SELECT pg_sleep(600)";
    let lost = timeout(PATIENCE, session.batch_execute(hangs))
        .await
        .unwrap();
    assert!(lost.is_err());
    let mut owner = database.owner().await;
    let running = "SELECT pid::text AS text FROM pg_stat_activity
        WHERE datname = current_database() AND query LIKE '%pg_sleep(600)%' AND state = 'active'
          AND pid <> pg_backend_pid()";
    let ended = async { while !lines(&mut owner, running).await.is_empty() {} };
    timeout(PATIENCE, ended).await.unwrap();
}

#[tokio::test]
async fn sessions_that_only_read_after_a_switch_over_are_given_up_at_once() {
    let database = TestDatabase::create().await;
    let settings = impatient(&database);
    let pool = Database::connect(&settings, &Handle::current())
        .await
        .unwrap();
    for mut session in all(&pool).await {
        let only = "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY";
        session.batch_execute(only).await.unwrap();
    }
    let write = async || {
        let mut session = pool.get().await?;
        let insert = "INSERT INTO tenants (id, name) VALUES (gen_random_uuid(), gen_random_uuid())";
        Ok(session.batch_execute(insert).await?)
    };
    assert_eq!(write().await, Err(StoreError::ReadOnly));
    for _ in 0..2 * SESSIONS {
        assert_eq!(write().await, Ok(()));
    }
}

#[tokio::test]
async fn of_several_servers_the_first_that_answers_is_taken() {
    let database = TestDatabase::create().await;
    let (user, server) = database.url().rsplit_once('@').unwrap();
    let mut settings = database.settings();
    settings.url = format!("{user}@127.0.0.1:1,{server}").into();
    let pool = Database::connect(&settings, &Handle::current())
        .await
        .unwrap();
    one(&mut pool.get().await.unwrap()).await.unwrap();

    let separator = if server.contains('?') { '&' } else { '?' };
    let only = format!(
        "{}{separator}target_session_attrs=read-only",
        database.url()
    );
    settings.url = only.into();
    let refused = Database::connect(&settings, &Handle::current()).await;
    assert!(
        matches!(refused, Err(StoreError::Refused(_))),
        "{refused:?}"
    );
}
