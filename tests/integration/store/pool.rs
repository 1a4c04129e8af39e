//! The pool: its sessions, and what becomes of connections that the server has closed.

use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use herald::store::{Database, StoreError};
use tokio::runtime::Handle;

use crate::database::{TestDatabase, lines};

async fn one(connection: &mut AsyncPgConnection) -> Result<(), StoreError> {
    Ok(connection.batch_execute("SELECT 1").await?)
}

#[tokio::test]
async fn a_session_has_the_engines_role_and_schema() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let session = lines(
        &mut pool.get().await.unwrap(),
        "SELECT concat_ws(' ', current_user, current_schema, current_setting('statement_timeout'),
             current_setting('idle_in_transaction_session_timeout'),
             current_setting('application_name')) AS text",
    )
    .await;
    assert_eq!(
        session,
        ["herald_notifications notification_schema 20s 20s herald-test"]
    );
}

/// With a million rows that wait, a scheduler's look for accounts took a second, all of it for compiling.
#[tokio::test]
async fn a_session_neither_compiles_statements_nor_takes_further_processes() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let session = lines(
        &mut pool.get().await.unwrap(),
        "SELECT concat_ws(' ', current_setting('jit'),
             current_setting('max_parallel_workers_per_gather')) AS text",
    )
    .await;
    assert_eq!(session, ["off 0"]);
}

/// A delivery is acknowledged for what is committed.
#[tokio::test]
async fn a_commit_of_the_engine_waits_for_the_disk_whatever_the_servers_setting() {
    for (setting, wanted) in [
        ("off", "on"),
        ("on", "on"),
        ("remote_apply", "remote_apply"),
    ] {
        let database = TestDatabase::create().await;
        let set = format!(
            "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = {setting}', current_database());
             END $$"
        );
        database.owner().await.batch_execute(&set).await.unwrap();
        let pool = database.pool().await;
        let ask = "SELECT current_setting('synchronous_commit') AS text";
        let session = lines(&mut pool.get().await.unwrap(), ask).await;
        assert_eq!(session, [wanted], "{setting}");
    }
}

#[tokio::test]
async fn connections_closed_by_the_server_are_not_lent_again() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    pool.read(one).await.unwrap();
    let mut owner = database.owner().await;
    let end_all = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()";
    owner.batch_execute(end_all).await.unwrap();
    assert_eq!(
        pool.read(one).await,
        Ok(()),
        "read at once, before the client may have noticed"
    );

    // The only one of a pool is lent while it is ended: what it answers tells that the client has noticed.
    let mut settings = database.settings();
    settings.pool_size = 1;
    let handle = Handle::current();
    let pool = Database::connect(&settings, &handle).await.unwrap();
    let mut lent = pool.get().await.unwrap();
    owner.batch_execute(end_all).await.unwrap();
    while one(&mut lent).await.is_ok() {}
    drop(lent);
    let written = pool.transaction(one).await;
    assert_eq!(
        written,
        Ok(()),
        "what has been noticed costs nobody a transaction"
    );
}

#[tokio::test]
async fn a_transaction_is_whole_or_nothing() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let insert = "INSERT INTO tenants (id, name) VALUES (gen_random_uuid(), 'second')";
    let failed: Result<(), StoreError> = pool
        .transaction(async |connection| {
            connection.batch_execute(insert).await?;
            Err(StoreError::NotFound)
        })
        .await;
    assert_eq!(failed, Err(StoreError::NotFound));
    let count = "SELECT count(*)::text AS text FROM tenants";
    let mut connection = pool.get().await.unwrap();
    assert_eq!(lines(&mut connection, count).await, ["1"]);

    pool.transaction(async |connection| Ok(connection.batch_execute(insert).await?))
        .await
        .unwrap();
    assert_eq!(lines(&mut connection, count).await, ["2"]);
}

#[test]
fn connections_live_on_the_runtime_that_was_named() {
    let own = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let database = own.block_on(TestDatabase::create());
    let asks = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
    };
    let pool = asks()
        .block_on(Database::connect(&database.settings(), own.handle()))
        .unwrap();
    // The runtime that opened the pool is gone; the connection is not.
    assert_eq!(
        asks().block_on(async { one(&mut *pool.get().await?).await }),
        Ok(())
    );
    drop((pool, database));
}
