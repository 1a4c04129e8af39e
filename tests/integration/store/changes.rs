//! Notices of what changed: each change gives exactly the right ones.

use std::time::Duration;

use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use herald::domain::DEFAULT_TENANT;
use herald::store::StoreError;
use herald::store::changes::{Change, Changes, Heard};
use loadtest::harness::proxy::Proxy;
use tokio::time::timeout;
use uuid::{Uuid, uuid};

use crate::database::{TestDatabase, lines};

const ANA: Uuid = uuid!("0190c1a0-0000-7000-8000-000000000001");
const BEN: Uuid = uuid!("0190c1a0-0000-7000-8000-000000000002");
const SHOP: Uuid = uuid!("0190c1a0-0000-7000-8000-0000000000aa");

const PEOPLE: &str = "
    INSERT INTO tenants (id, name) VALUES ('0190c1a0-0000-7000-8000-0000000000aa', 'shop');
    INSERT INTO users (id, tenant_id, email)
    VALUES ('0190c1a0-0000-7000-8000-000000000001', '00000000-0000-7000-8000-000000000001', 'ana@a'),
           ('0190c1a0-0000-7000-8000-000000000002', '00000000-0000-7000-8000-000000000001', 'ben@a')";

const fn person(user_id: Uuid) -> Change {
    Change::Recipient {
        tenant_id: DEFAULT_TENANT,
        user_id,
    }
}

struct Scene {
    changes: Changes,
    c: AsyncPgConnection,
}

impl Scene {
    /// What a transaction tells of, in any order. A change of our own marks its end.
    async fn told(&mut self, statements: &str) -> Vec<Change> {
        self.c.batch_execute(statements).await.unwrap();
        let end = Uuid::now_v7();
        let mark = format!("NOTIFY herald_changes, 'rules:{end}'");
        self.c.batch_execute(&mark).await.unwrap();
        let mut told = vec![];
        loop {
            match timeout(Duration::from_secs(10), self.changes.next()).await {
                Ok(Ok(Heard::Change(change))) if change == Change::Rules(end) => break,
                Ok(Ok(Heard::Change(change))) => told.push(change),
                Ok(other) => panic!("{other:?} after {told:?}"),
                Err(_) => panic!("no end after {told:?}"),
            }
        }
        told.sort_by_key(|change| format!("{change:?}"));
        told
    }
}

#[tokio::test]
async fn catch_up_hears_every_earlier_commit() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let mut changes = Changes::open(&pool).await.unwrap();
    let mut connection = pool.dedicated().await.unwrap();
    connection.batch_execute(PEOPLE).await.unwrap();
    changes.catch_up().await.unwrap();
    for round in 0..200 {
        let change = format!("UPDATE users SET phone = '{round}' WHERE id = '{ANA}'");
        connection.batch_execute(&change).await.unwrap();
        let heard = changes.catch_up().await.unwrap();
        assert_eq!(heard, [Heard::Change(person(ANA))], "{round}");
    }
    assert_eq!(changes.catch_up().await.unwrap(), []);
}

#[tokio::test]
async fn each_change_tells_of_what_it_changed_and_nothing_else() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let mut scene = Scene {
        changes: Changes::open(&pool).await.unwrap(),
        c: pool.dedicated().await.unwrap(),
    };
    let shop = Change::Rules(SHOP);
    let rules = Change::Rules(DEFAULT_TENANT);
    let (ana, ben) = (person(ANA), person(BEN));
    assert_eq!(scene.told(PEOPLE).await, [], "nobody knows them yet");
    for (statements, expected) in [
        // People.
        ("UPDATE users SET email = 'a@a' WHERE email = 'ana@a'", vec![ana]),
        ("UPDATE users SET name = 'Ana', email = 'a@a' WHERE email = 'a@a'", vec![]),
        ("UPDATE users SET timezone = 'Asia/Tokyo'", vec![ana, ben]),
        ("UPDATE users SET deleted_at = now() WHERE email = 'a@a'", vec![ana]),
        // Wishes, of one and of all.
        (
            "INSERT INTO notification_preferences (tenant_id, user_id, channel)
             SELECT tenant_id, id, 'sms' FROM users WHERE email = 'a@a'",
            vec![ana],
        ),
        ("UPDATE notification_preferences SET enabled = false", vec![ana]),
        (
            "UPDATE notification_preferences SET user_id =
             (SELECT id FROM users WHERE email = 'ben@a')",
            vec![ana, ben],
        ),
        ("DELETE FROM notification_preferences", vec![ben]),
        (
            "INSERT INTO notification_preferences (tenant_id, channel) SELECT id, 'sms' FROM tenants",
            vec![rules, shop],
        ),
        (
            "UPDATE notification_preferences SET enabled = false
             WHERE tenant_id <> '00000000-0000-7000-8000-000000000001'",
            vec![shop],
        ),
        ("DELETE FROM notification_preferences", vec![rules, shop]),
        // Devices.
        (
            "INSERT INTO user_devices (tenant_id, user_id, token, platform)
             SELECT tenant_id, id, 't', 'ios' FROM users WHERE email = 'a@a'",
            vec![ana],
        ),
        ("UPDATE user_devices SET last_seen_at = now()", vec![]),
        (
            "UPDATE user_devices SET user_id = (SELECT id FROM users WHERE email = 'ben@a')",
            vec![ana, ben],
        ),
        ("UPDATE user_devices SET invalidated_at = now()", vec![ben]),
        ("DELETE FROM user_devices", vec![ben]),
        // Categories.
        (
            "INSERT INTO categories (tenant_id, name) SELECT id, 'news' FROM tenants",
            vec![rules, shop],
        ),
        ("UPDATE categories SET over_cap = 'defer' WHERE tenant_id::text LIKE '0190%'", vec![shop]),
        ("DELETE FROM categories", vec![rules, shop]),
        // What is read as a whole.
        (
            "INSERT INTO provider_configs (id, provider_name, kind, channel)
             VALUES (gen_random_uuid(), 'a', 'slack', 'chat'), (gen_random_uuid(), 'b', 'slack', 'chat')",
            vec![Change::Accounts],
        ),
        ("UPDATE provider_configs SET weight = 2 WHERE provider_name = 'nobody'", vec![]),
        ("UPDATE provider_configs SET weight = 2", vec![Change::Accounts]),
        ("DELETE FROM provider_configs", vec![Change::Accounts]),
        (
            "INSERT INTO notification_templates (tenant_id, name, message_type, locale, version, body)
             SELECT id, 'hello', 'sms', 'en', 1, 'x' FROM tenants",
            vec![Change::Templates],
        ),
        ("UPDATE notification_templates SET body = 'y'", vec![Change::Templates]),
        ("DELETE FROM notification_templates", vec![Change::Templates]),
        // API keys. That one was used is no change; one that is new is in nobody's memory.
        (
            "INSERT INTO api_keys (key_hash, prefix, name) VALUES ('a', 'a', 'a')",
            vec![],
        ),
        ("UPDATE api_keys SET last_used_at = now(), name = 'b'", vec![]),
        ("UPDATE api_keys SET revoked_at = now()", vec![Change::ApiKeys]),
        ("DELETE FROM api_keys", vec![Change::ApiKeys]),
        // Several at once, and what goes with a person.
        (
            "BEGIN; UPDATE users SET phone = '1' WHERE email = 'a@a';
             UPDATE users SET phone = '2' WHERE email = 'a@a'; ROLLBACK",
            vec![],
        ),
        (
            "INSERT INTO user_devices (tenant_id, user_id, token, platform)
             SELECT tenant_id, id, id::text, 'ios' FROM users",
            vec![ana, ben],
        ),
        // What is still on its way to somebody is called back when they are gone for good.
        (
            "DELETE FROM users",
            vec![Change::Erased(ANA), Change::Erased(BEN), ana, ben],
        ),
    ] {
        assert_eq!(scene.told(statements).await, expected, "{statements}");
    }
}

#[tokio::test]
async fn unknown_notice_is_passed_over() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let mut scene = Scene {
        changes: Changes::open(&pool).await.unwrap(),
        c: pool.dedicated().await.unwrap(),
    };
    let odd = "NOTIFY herald_changes, 'from a newer version'; NOTIFY herald_changes, 'accounts'";
    assert_eq!(scene.told(odd).await, [Change::Accounts]);
}

#[tokio::test]
async fn a_call_is_heard_by_the_listener_that_it_is_for_alone() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let mut called = Changes::open(&pool).await.unwrap();
    let mut other = Changes::open(&pool).await.unwrap();
    called.echo().call(&pool, 7).await.unwrap();
    assert_eq!(called.next().await, Ok(Heard::Echo(7)));
    called.echo().call(&pool, 8).await.unwrap();
    assert_eq!(called.catch_up().await, Ok(vec![Heard::Echo(8)]));
    assert_eq!(other.catch_up().await, Ok(vec![]));
}

/// Within two seconds, and some for a busy machine.
async fn is_noticed(changes: &mut Changes) {
    let end = timeout(Duration::from_secs(4), changes.next()).await;
    let end = end.expect("it is noticed");
    assert!(matches!(end, Err(StoreError::Unavailable(_))), "{end:?}");
}

#[tokio::test]
async fn the_end_of_the_session_is_noticed() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let mut changes = Changes::open(&pool).await.unwrap();
    let mut owner = database.owner().await;
    let ended = lines(
        &mut owner,
        "SELECT pg_terminate_backend(pid)::text AS text FROM pg_stat_activity
         WHERE datname = current_database() AND query LIKE '%herald_changes%'
           AND pid <> pg_backend_pid()",
    );
    assert_eq!(ended.await, ["true"]);
    is_noticed(&mut changes).await;
    is_noticed(&mut changes).await;
}

#[tokio::test]
async fn a_server_that_falls_silent_is_noticed() {
    let database = TestDatabase::create().await;
    let proxy = Proxy::before(database.url()).await.unwrap();
    let pool = database.pool_at(proxy.url(database.url())).await;
    let mut changes = Changes::open(&pool).await.unwrap();
    proxy.stall();
    is_noticed(&mut changes).await;
}

/// The worker of a subscription sets `session_replication_role`, and TRUNCATE has no rows.
#[tokio::test]
async fn what_replication_and_truncate_change_is_told_of_too() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let mut c = database.owner().await;
    c.batch_execute("SET search_path TO notification_schema")
        .await
        .unwrap();
    let changes = Changes::open(&pool).await.unwrap();
    let mut scene = Scene { changes, c };
    assert_eq!(scene.told(PEOPLE).await, []);
    let wish = "INSERT INTO notification_preferences (tenant_id, user_id, channel, enabled)
        VALUES ('00000000-0000-7000-8000-000000000001', '0190c1a0-0000-7000-8000-000000000001', 'email', false)";
    let replicated =
        format!("SET session_replication_role = replica; {wish}; RESET session_replication_role");
    assert_eq!(scene.told(&replicated).await, [person(ANA)]);
    for (table, change) in [
        ("notification_preferences", Change::People),
        ("user_devices", Change::People),
        ("notification_templates", Change::Templates),
        ("provider_configs", Change::Accounts),
        ("api_keys", Change::ApiKeys),
        ("notification_webhooks", Change::Webhooks),
    ] {
        let told = scene.told(&format!("TRUNCATE {table} CASCADE")).await;
        assert!(told.contains(&change), "{table}: {told:?}");
    }
}
