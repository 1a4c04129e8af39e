//! Least privilege: a role sees its own schema, and the audit log only grows.

use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use herald::store::DatabaseRole;

use crate::database::{TestDatabase, lines};

async fn is_denied(connection: &mut AsyncPgConnection, statement: &str) -> bool {
    match connection.batch_execute(statement).await {
        Ok(()) => false,
        Err(error) => {
            let message = error.to_string();
            assert!(
                message.contains("permission denied"),
                "{statement}: {message}"
            );
            true
        }
    }
}

#[tokio::test]
async fn a_role_sees_its_own_schema_only() {
    let database = TestDatabase::create().await;
    let engine = database.pool().await;
    let mut engine = engine.get().await.unwrap();
    for statement in [
        "SELECT FROM ticket_schema.support_tickets",
        "INSERT INTO ticket_schema.ticket_numbers VALUES (gen_random_uuid(), 1)",
        "CREATE TABLE notification_schema.mine (id uuid)",
    ] {
        assert!(is_denied(&mut engine, statement).await);
    }
    let desk = database.pool_of(DatabaseRole::Tickets).await;
    let mut desk = desk.get().await.unwrap();
    desk.batch_execute("SELECT FROM support_tickets")
        .await
        .unwrap();
    for statement in [
        "SELECT FROM notification_schema.users",
        "SELECT FROM notification_schema.notifications",
        "DELETE FROM notification_schema.api_keys",
        "CREATE TABLE ticket_schema.mine (id uuid)",
    ] {
        assert!(is_denied(&mut desk, statement).await);
    }
}

#[tokio::test]
async fn the_support_desk_may_use_every_table_of_its_own_and_its_history_only_grows() {
    let database = TestDatabase::create().await;
    let forgotten = lines(
        &mut database.owner().await,
        "SELECT relname::text AS text FROM pg_class
         WHERE relnamespace = 'ticket_schema'::regnamespace AND relkind = 'r'
           AND NOT (has_table_privilege('herald_tickets', oid, 'SELECT')
                    AND has_table_privilege('herald_tickets', oid, 'INSERT'))",
    )
    .await;
    assert_eq!(forgotten, Vec::<String>::new());
    let desk = database.pool_of(DatabaseRole::Tickets).await;
    let mut desk = desk.get().await.unwrap();
    for table in ["ticket_history", "ticket_comments", "desk_changes"] {
        assert!(
            is_denied(
                &mut desk,
                &format!("UPDATE {table} SET tenant_id = tenant_id")
            )
            .await
        );
        assert!(is_denied(&mut desk, &format!("DELETE FROM {table}")).await);
        assert!(is_denied(&mut desk, &format!("TRUNCATE {table}")).await);
    }
    assert!(is_denied(&mut desk, "DELETE FROM support_tickets").await);
    let told = "UPDATE outbox SET body = ''";
    assert!(
        is_denied(&mut desk, told).await,
        "what is told stays as it was written"
    );
}

#[tokio::test]
async fn the_engine_may_use_every_table() {
    let database = TestDatabase::create().await;
    let forgotten = lines(
        &mut database.owner().await,
        "SELECT relname::text AS text FROM pg_class
         WHERE relnamespace = 'notification_schema'::regnamespace AND relkind IN ('r', 'p')
           AND NOT relispartition
           AND NOT has_table_privilege('herald_notifications', oid, 'SELECT, INSERT')",
    )
    .await;
    // `has_table_privilege` with several privileges asks for any of them; a table that nobody
    // granted has none.
    assert_eq!(forgotten, Vec::<String>::new());
}

#[tokio::test]
async fn the_audit_log_only_grows() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let mut engine = pool.get().await.unwrap();
    engine
        .batch_execute(
            "INSERT INTO users (id, tenant_id, username)
             VALUES ('00000000-0000-7000-8000-0000000000aa',
                     '00000000-0000-7000-8000-000000000001', 'ana');
             INSERT INTO audit_logs (tenant_id, user_id, action, resource_type)
             VALUES ('00000000-0000-7000-8000-000000000001',
                     '00000000-0000-7000-8000-0000000000aa', 'create', 'user')",
        )
        .await
        .unwrap();
    assert!(is_denied(&mut engine, "UPDATE audit_logs SET action = 'nothing'").await);
    assert!(is_denied(&mut engine, "DELETE FROM audit_logs").await);
    assert!(is_denied(&mut engine, "TRUNCATE audit_logs").await);

    // Erasing a person keeps the record and forgets the person.
    engine.batch_execute("DELETE FROM users").await.unwrap();
    let kept = lines(
        &mut engine,
        "SELECT action || user_id IS NULL AS text FROM audit_logs",
    )
    .await;
    assert_eq!(kept.len(), 1);
}

#[tokio::test]
async fn partitions_are_made_by_the_engine_and_nobody_else() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let mut engine = pool.get().await.unwrap();
    engine
        .batch_execute("SELECT ensure_partitions('2031-05-01', 1)")
        .await
        .unwrap();

    let mut owner = database.owner().await;
    owner
        .batch_execute("SET ROLE herald_tickets")
        .await
        .unwrap();
    let make = "SELECT notification_schema.ensure_partitions('2031-05-01', 1)";
    assert!(is_denied(&mut owner, make).await);
}
