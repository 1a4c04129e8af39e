//! People, rules and suppressions that cannot be read: their neighbours can.

use std::collections::HashSet;

use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use herald::domain::{Channel, DEFAULT_TENANT};
use herald::store::{StoreError, recipients, rules, suppressions};
use uuid::Uuid;

use crate::database::TestDatabase;

const SHOP: Uuid = Uuid::from_u128(7);

/// Storage is damaged where these rows are: the server says so to whoever reads them.
async fn damage(owner: &mut AsyncPgConnection, table: &str, which: &str) {
    let damage = format!(
        "SET search_path TO notification_schema;
         CREATE FUNCTION damaged() RETURNS boolean LANGUAGE plpgsql AS
             $$ BEGIN RAISE EXCEPTION 'invalid page in block 7' USING ERRCODE = 'XX001'; END $$;
         ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
         CREATE POLICY damaged ON {table} USING (CASE WHEN {which} THEN damaged() ELSE true END)"
    );
    owner.batch_execute(&damage).await.unwrap();
}

#[tokio::test]
async fn neither_damaged_storage_nor_an_odd_value_of_one_person_hides_another() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let mut owner = database.owner().await;
    let people: Vec<Uuid> = (1..=40).map(Uuid::from_u128).collect();
    let (odd, damaged) = (people[3], people[30]);
    let prepare = format!(
        "SET search_path TO notification_schema;
         INSERT INTO users (id, tenant_id)
         SELECT ('00000000-0000-0000-0000-0000000000' || lpad(to_hex(n), 2, '0'))::uuid, '{DEFAULT_TENANT}'
         FROM generate_series(1, 40) AS n;
         ALTER TABLE users DROP CONSTRAINT users_readable_as_of_check;
         UPDATE users SET recipient_as_of = 'infinity' WHERE id = '{odd}'"
    );
    owner.batch_execute(&prepare).await.unwrap();
    damage(&mut owner, "users", &format!("id = '{damaged}'")).await;
    let asked: Vec<(Uuid, Uuid)> = people.iter().map(|user| (DEFAULT_TENANT, *user)).collect();
    let connection = pool.get().await.unwrap();
    let read = recipients::load(&connection, &asked).await.unwrap();
    assert_eq!(read.known.len(), 38);
    let why = |user| &read.unreadable[&(DEFAULT_TENANT, user)];
    assert!(matches!(why(odd), StoreError::Corrupt(_)), "{:?}", why(odd));
    assert!(
        why(odd).without_data().contains("users: ")
            && why(odd).without_data().contains("recipient_as_of"),
        "{}",
        why(odd)
    );
    assert_eq!(why(damaged).code().as_str(), "XX001");
    assert_eq!(
        why(damaged).without_data(),
        "the server is damaged or has a bug"
    );
    // The session is as good as before.
    let read = recipients::load(&connection, &asked[..3]).await.unwrap();
    assert_eq!((read.known.len(), read.unreadable.len()), (3, 0));
}

#[tokio::test]
async fn what_cannot_be_read_for_anybody_is_an_error() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let mut owner = database.owner().await;
    let revoke = "REVOKE SELECT ON notification_schema.users FROM herald_notifications";
    owner.batch_execute(revoke).await.unwrap();
    let connection = pool.get().await.unwrap();
    let asked = [(DEFAULT_TENANT, Uuid::nil())];
    let error = recipients::load(&connection, &asked).await.unwrap_err();
    assert_eq!(error.code().as_str(), "42501");
}

#[tokio::test]
async fn a_tenants_damaged_rules_and_a_damaged_suppression_hide_no_others() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let mut owner = database.owner().await;
    let prepare = format!(
        "SET search_path TO notification_schema;
         INSERT INTO tenants (id, name, locale) VALUES ('{SHOP}', 'shop', 'de');
         INSERT INTO suppressions (tenant_id, channel, address, reason)
         SELECT '{DEFAULT_TENANT}', 'email', name || '@example.com', 'manual'
         FROM (VALUES ('ana'), ('ben')) AS listed (name);
         ALTER TABLE notification_preferences DROP CONSTRAINT notification_preferences_flat_days_check;
         INSERT INTO notification_preferences (tenant_id, quiet_hours_days)
         VALUES ('{DEFAULT_TENANT}', '{{{{mon,tue}},{{wed,thu}}}}')"
    );
    owner.batch_execute(&prepare).await.unwrap();
    damage(&mut owner, "suppressions", "address = 'ben@example.com'").await;
    let connection = pool.get().await.unwrap();
    let read = rules::of(&connection, &[SHOP, DEFAULT_TENANT])
        .await
        .unwrap();
    assert_eq!(read.known[&SHOP].locale.as_deref(), Some("de"));
    assert!(
        read.unreadable[&DEFAULT_TENANT]
            .without_data()
            .contains("quiet_hours_days")
    );
    let address = |name: &str| {
        (
            DEFAULT_TENANT,
            Channel::Email,
            format!("{name}@example.com"),
            None,
        )
    };
    let asked = ["ana", "ben", "eve"].map(address);
    let read = suppressions::among(&connection, &asked).await.unwrap();
    let known: HashSet<_> = read.known.into_keys().collect();
    assert_eq!(known, HashSet::from([address("ana")]));
    assert_eq!(read.unreadable[&address("ben")].code().as_str(), "XX001");
}

#[tokio::test]
async fn a_moment_that_no_client_reads_is_refused() {
    let database = TestDatabase::create().await;
    let mut owner = database.owner().await;
    let somebody = format!(
        "SET search_path TO notification_schema;
         INSERT INTO users (id, tenant_id) VALUES ('{SHOP}', '{DEFAULT_TENANT}')"
    );
    owner.batch_execute(&somebody).await.unwrap();
    for moment in ["infinity", "-infinity", "294276-12-31", "4713-01-01 BC"] {
        let said = format!("UPDATE users SET recipient_as_of = '{moment}'");
        let refused = owner.batch_execute(&said).await.unwrap_err();
        assert!(
            refused.to_string().contains("users_readable_as_of_check"),
            "{refused}"
        );
    }
    for moment in ["now()", "NULL"] {
        let said = format!("UPDATE users SET recipient_as_of = {moment}");
        owner.batch_execute(&said).await.unwrap();
    }
}

#[tokio::test]
async fn an_array_of_arrays_is_refused() {
    let database = TestDatabase::create().await;
    let mut owner = database.owner().await;
    for (table, columns, values) in [
        (
            "notification_preferences",
            "tenant_id, quiet_hours_days",
            "'{{mon,tue},{wed,thu}}'",
        ),
        (
            "suppressions",
            "tenant_id, channel, address, reason, accounts",
            "'email', 'a@b.c', 'manual', ARRAY[ARRAY[gen_random_uuid()]]",
        ),
    ] {
        let insert = format!(
            "INSERT INTO notification_schema.{table} ({columns}) VALUES ('{DEFAULT_TENANT}', {values})"
        );
        let error = StoreError::from(owner.batch_execute(&insert).await.unwrap_err());
        assert!(
            matches!(&error, StoreError::CheckViolation { constraint } if constraint.contains("_flat_")),
            "{error:?}"
        );
    }
}
