//! What waits for somebody's clock is due when that clock or a preference has changed.

use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use herald::runtime::clock;
use herald::store::Database;
use herald::store::due::requeue_changed_preferences;
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::database::{TestDatabase, lines};

const SHOP: Uuid = Uuid::from_u128(1);
const BANK: Uuid = Uuid::from_u128(2);

/// Rows of people of a tenant that wait for the end of their quiet hours, in an hour, decided on at this
/// moment.
async fn waiting(c: &mut AsyncPgConnection, tenant: Uuid, people: u32, each: u32, at: Timestamp) {
    let number = tenant.as_u128();
    let statements = format!(
        "INSERT INTO notification_schema.tenants (id, name) VALUES ('{tenant}', '{tenant}')
         ON CONFLICT DO NOTHING;
         INSERT INTO notification_schema.users (id, tenant_id)
         SELECT md5('{number}-' || n)::uuid, '{tenant}' FROM generate_series(1, {people}) n
         ON CONFLICT DO NOTHING;
         INSERT INTO notification_schema.notifications (id, tenant_id, user_id, idempotency_key,
             message_type, priority, reason, payload, due_at, attempts)
         SELECT (lpad(to_hex((extract(epoch FROM now()) * 1000)::bigint), 12, '0') || '7'
                     || substr(key, 1, 3) || 'b' || substr(key, 4, 15))::uuid,
             '{tenant}', md5('{number}-' || n)::uuid, key || key, 'email', 'normal', 'quiet_hours',
             '{{\"content\": {{\"body\": \"x\"}}}}', now() + interval '1 hour',
             jsonb_build_array(jsonb_build_object('at', '{at}'))
         FROM (SELECT n, md5('{number}-{at}-' || n || '-' || m) AS key
               FROM generate_series(1, {people}) n, generate_series(1, {each}) m) made"
    );
    c.batch_execute(&statements).await.unwrap();
}

async fn due(c: &mut AsyncPgConnection, tenant: Uuid) -> usize {
    let query = format!(
        "SELECT count(*)::text AS text FROM notification_schema.notifications
         WHERE tenant_id = '{tenant}' AND due_at < now() + interval '30 minutes'"
    );
    lines(c, &query).await[0].parse().unwrap()
}

async fn changes(c: &mut AsyncPgConnection) -> usize {
    let query = "SELECT count(*)::text AS text FROM notification_schema.wish_changes";
    lines(c, query).await[0].parse().unwrap()
}

/// Heeds until there is nothing more to look at by then; how many rows were let go of.
async fn heed(pool: &Database, now: Timestamp) -> u64 {
    let mut all = 0;
    while let Some(let_go) = requeue_changed_preferences(pool, now).await.unwrap() {
        all += let_go;
    }
    all
}

fn seconds(later: i64) -> SignedDuration {
    SignedDuration::from_secs(later)
}

#[tokio::test]
async fn a_tenants_change_lets_go_of_all_its_rows_a_part_at_a_time_and_of_nobody_elses() {
    let database = TestDatabase::create().await;
    let (pool, mut c) = (database.pool().await, database.owner().await);
    let now = clock::now();
    waiting(&mut c, SHOP, 1_700, 3, now - seconds(60)).await;
    waiting(&mut c, BANK, 10, 1, now - seconds(60)).await;
    assert_eq!(requeue_changed_preferences(&pool, now).await.unwrap(), None);
    let said = format!(
        "INSERT INTO notification_schema.notification_preferences
             (tenant_id, channel, quiet_hours_start, quiet_hours_end)
         VALUES ('{SHOP}', 'email', '22:00', '07:00')"
    );
    c.batch_execute(&said).await.unwrap();
    assert_eq!(heed(&pool, now).await, 5_100);
    assert_eq!(due(&mut c, SHOP).await, 5_100);
    assert_eq!(due(&mut c, BANK).await, 0);
}

#[tokio::test]
async fn notification_decided_on_old_preferences_is_requeued_later() {
    let database = TestDatabase::create().await;
    let (pool, mut c) = (database.pool().await, database.owner().await);
    let now = clock::now();
    waiting(&mut c, SHOP, 2, 1, now - seconds(60)).await;
    let one = "(SELECT min(id::text)::uuid FROM notification_schema.users)";
    // One of the two moves; what of theirs is in hand is not touched.
    let moves = format!(
        "UPDATE notification_schema.notifications SET owner = 1;
         UPDATE notification_schema.users SET timezone = 'Asia/Tokyo' WHERE id = {one}"
    );
    c.batch_execute(&moves).await.unwrap();
    assert_eq!(heed(&pool, now).await, 0);
    // It is stored now, by what was known before; another one that was decided on since stays.
    let stored = "UPDATE notification_schema.notifications SET owner = NULL";
    c.batch_execute(stored).await.unwrap();
    waiting(&mut c, SHOP, 2, 1, now + seconds(3)).await;
    assert_eq!(heed(&pool, now + seconds(2)).await, 0, "not yet");
    assert_eq!(heed(&pool, now + seconds(4)).await, 1);
    assert_eq!(changes(&mut c).await, 1);
    // And once more, for what had waited to be decided on.
    assert_eq!(heed(&pool, now + seconds(70)).await, 1);
    assert_eq!(changes(&mut c).await, 0);
    assert_eq!(due(&mut c, SHOP).await, 2);
}

/// A trigger refuses one row, and the last line of another says no time.
async fn spoil(c: &mut AsyncPgConnection) {
    let spoil = "SET search_path TO notification_schema;
         CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN RAISE EXCEPTION 'not this one'; END $$;
         CREATE TABLE spoilt AS SELECT id, row_number() OVER (ORDER BY id) AS number FROM notifications;
         ALTER TABLE notifications ADD COLUMN is_refused boolean;
         UPDATE notifications n SET is_refused = true FROM spoilt s WHERE s.id = n.id AND s.number = 3;
         UPDATE notifications n SET attempts = '[{\"at\": \"long ago\"}]' FROM spoilt s
         WHERE s.id = n.id AND s.number = 20;
         CREATE TRIGGER refuse BEFORE UPDATE ON notifications FOR EACH ROW WHEN (OLD.is_refused)
             EXECUTE FUNCTION refuse()";
    c.batch_execute(spoil).await.unwrap();
}

#[tokio::test]
async fn rows_that_refuse_stop_no_other_persons_change_and_are_tried_again() {
    let database = TestDatabase::create().await;
    let (pool, mut c) = (database.pool().await, database.owner().await);
    let now = clock::now();
    waiting(&mut c, SHOP, 40, 1, now - seconds(60)).await;
    spoil(&mut c).await;
    let moves = "UPDATE notification_schema.users SET timezone = 'Asia/Tokyo'";
    c.batch_execute(moves).await.unwrap();
    assert_eq!(heed(&pool, now).await, 38);
    assert_eq!(due(&mut c, SHOP).await, 38);
    // All has been looked at three times; of the two, the change is kept.
    assert_eq!(heed(&pool, now + seconds(4)).await, 0);
    assert_eq!(heed(&pool, now + seconds(70)).await, 0);
    assert_eq!(changes(&mut c).await, 2);
    c.batch_execute("DROP TRIGGER refuse ON notification_schema.notifications")
        .await
        .unwrap();
    assert_eq!(heed(&pool, now + seconds(140)).await, 1);
    assert_eq!(changes(&mut c).await, 1);
}

#[tokio::test]
async fn a_row_that_refuses_stops_no_other_of_its_tenant() {
    let database = TestDatabase::create().await;
    let (pool, mut c) = (database.pool().await, database.owner().await);
    let now = clock::now();
    waiting(&mut c, SHOP, 40, 1, now - seconds(60)).await;
    spoil(&mut c).await;
    let said = format!(
        "INSERT INTO notification_schema.notification_preferences (tenant_id, channel, frequency_cap)
         VALUES ('{SHOP}', 'email', 5)"
    );
    c.batch_execute(&said).await.unwrap();
    assert_eq!(heed(&pool, now).await, 38);
    assert_eq!(due(&mut c, SHOP).await, 38);
}

/// What nobody may do is no row's fault: the changes wait until it may be done.
#[tokio::test]
async fn a_right_that_is_missing_uses_no_change_up() {
    let database = TestDatabase::create().await;
    let (pool, mut c) = (database.pool().await, database.owner().await);
    let now = clock::now();
    waiting(&mut c, SHOP, 2, 1, now - seconds(60)).await;
    let revoke = "UPDATE notification_schema.users SET timezone = 'Asia/Tokyo';
         REVOKE UPDATE ON notification_schema.notifications FROM herald_notifications";
    c.batch_execute(revoke).await.unwrap();
    assert!(requeue_changed_preferences(&pool, now).await.is_err());
    let grant = "GRANT UPDATE ON notification_schema.notifications TO herald_notifications";
    c.batch_execute(grant).await.unwrap();
    assert_eq!(heed(&pool, now).await, 2);
}

#[tokio::test]
async fn only_what_concerns_a_clock_is_a_change() {
    let database = TestDatabase::create().await;
    let mut c = database.owner().await;
    waiting(&mut c, SHOP, 1, 1, clock::now()).await;
    let wishes = "notification_schema.notification_preferences";
    let users = "notification_schema.users";
    for (statement, seen) in [
        (
            format!(
                "INSERT INTO {wishes} (tenant_id, channel, enabled) VALUES ('{SHOP}', 'sms', false)"
            ),
            0,
        ),
        (format!("UPDATE {wishes} SET enabled = true"), 0),
        (format!("UPDATE {wishes} SET frequency_cap = 1"), 1),
        (
            format!("UPDATE {wishes} SET frequency_cap = 1, enabled = false"),
            1,
        ),
        (format!("UPDATE {users} SET email = 'ana@example.com'"), 1),
        (format!("UPDATE {users} SET timezone = 'Europe/Berlin'"), 2),
        (
            format!("UPDATE {wishes} SET user_id = (SELECT id FROM {users})"),
            4,
        ),
        (format!("DELETE FROM {wishes}"), 5),
    ] {
        c.batch_execute(&statement).await.unwrap();
        assert_eq!(changes(&mut c).await, seen, "{statement}");
    }
}
