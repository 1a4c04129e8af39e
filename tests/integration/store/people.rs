//! Repeatable writes about people and tenants: each says what it changed.

use std::collections::HashMap;

use diesel_async::SimpleAsyncConnection;
use herald::domain::preference::{Scope, Setting};
use herald::domain::{
    Category, Channel, DEFAULT_TENANT, OnUnknown, OverCap, Platform, Suppression, SuppressionReason,
};
use herald::store::devices::{self, DeviceRetirement, DeviceSighting};
use herald::store::preferences::{self, PreferenceFields};
use herald::store::recipients::{self, RecipientFields};
use herald::store::{StoreError, WriteChange, categories, rules, suppressions, tenants};
use uuid::Uuid;

use crate::database::{TestDatabase, lines};

#[tokio::test]
async fn tenants_and_categories() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let mut c = pool.get().await.unwrap();
    let tenant = Uuid::now_v7();
    assert_eq!(
        tenants::upsert(&mut c, tenant, "shop", None).await,
        Ok(WriteChange::Created)
    );
    assert_eq!(
        tenants::upsert(&mut c, tenant, "shop", None).await,
        Ok(WriteChange::Unchanged)
    );
    assert_eq!(
        tenants::upsert(&mut c, tenant, "store", Some("de")).await,
        Ok(WriteChange::Updated)
    );
    let taken = tenants::upsert(&mut c, Uuid::now_v7(), "store", None)
        .await
        .unwrap_err();
    assert!(taken.breaks("tenants_name_key"));

    let mut orders = Category::undeclared(tenant, "orders");
    assert_eq!(
        categories::upsert(&mut c, &orders).await,
        Ok(WriteChange::Created)
    );
    assert_eq!(
        categories::upsert(&mut c, &orders).await,
        Ok(WriteChange::Unchanged)
    );
    orders.over_cap = OverCap::Defer;
    orders.on_unknown = Some(OnUnknown::FailOver);
    orders.may_disable = false;
    assert_eq!(
        categories::upsert(&mut c, &orders).await,
        Ok(WriteChange::Updated)
    );
    let mut rules = rules::of(&c, &[tenant]).await.unwrap();
    let rules = rules.known.remove(&tenant).unwrap();
    assert_eq!(rules.categories, [orders]);
}

#[tokio::test]
async fn preferences_by_channel_and_by_category() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let mut c = pool.get().await.unwrap();
    let user = Uuid::now_v7();
    let wish = |scope: Scope, enabled: bool| PreferenceFields {
        scope,
        enabled: Some(enabled),
        frequency_cap: Setting::Inherit,
        quiet_hours: Setting::Inherit,
        quiet_hours_days: Vec::new(),
        timezone: None,
    };
    let channel = wish(Scope::Channel(Channel::Sms), true);
    let unknown = preferences::upsert(&mut c, DEFAULT_TENANT, Some(user), &channel).await;
    assert_eq!(unknown, Err(StoreError::NotFound));

    let nothing = RecipientFields::default();
    recipients::upsert(&mut c, DEFAULT_TENANT, user, &nothing)
        .await
        .unwrap();
    let category = wish(Scope::Category("marketing".to_owned()), true);
    for wish in [channel, category] {
        let mut write = async |wish: &PreferenceFields| {
            preferences::upsert(&mut c, DEFAULT_TENANT, Some(user), wish).await
        };
        assert_eq!(write(&wish).await, Ok(WriteChange::Created));
        assert_eq!(write(&wish).await, Ok(WriteChange::Unchanged));
        let off = PreferenceFields {
            enabled: Some(false),
            ..wish
        };
        assert_eq!(write(&off).await, Ok(WriteChange::Updated));
        for (frequency_cap, quiet_hours) in [
            (Setting::None, Setting::Inherit),
            (Setting::Value(2), Setting::None),
        ] {
            let said = PreferenceFields {
                enabled: None,
                frequency_cap,
                quiet_hours,
                ..off.clone()
            };
            assert_eq!(write(&said).await, Ok(WriteChange::Updated));
            assert_eq!(write(&said).await, Ok(WriteChange::Unchanged));
        }
    }
    let elsewhere = wish(Scope::Channel(Channel::Email), true);
    let stranger = preferences::upsert(&mut c, Uuid::now_v7(), Some(user), &elsewhere).await;
    assert_eq!(
        stranger,
        Err(StoreError::NotFound),
        "another tenant cannot touch the person"
    );
}

#[tokio::test]
async fn a_device_moves_with_its_token_and_is_retired_once() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let mut c = pool.get().await.unwrap();
    let (ana, ben) = (Uuid::now_v7(), Uuid::now_v7());
    for user in [ana, ben] {
        let nothing = RecipientFields::default();
        recipients::upsert(&mut c, DEFAULT_TENANT, user, &nothing)
            .await
            .unwrap();
    }
    let mut write = async |user: Uuid, sighting: DeviceSighting| {
        devices::upsert(
            &mut c,
            DEFAULT_TENANT,
            user,
            "token",
            Platform::Android,
            sighting,
        )
        .await
    };
    assert_eq!(
        write(ana, DeviceSighting::Declared).await,
        Ok(WriteChange::Created)
    );
    assert_eq!(
        write(ana, DeviceSighting::Declared).await,
        Ok(WriteChange::Unchanged)
    );
    assert_eq!(
        write(ben, DeviceSighting::Declared).await,
        Ok(WriteChange::Updated),
        "it moved"
    );

    let ids = lines(&mut c, "SELECT id::text AS text FROM user_devices").await;
    let device: Uuid = ids[0].parse().unwrap();
    let early = "2020-01-01T00:00:00Z".parse().unwrap();
    let retire = async |c: &mut _, asked_at| {
        let gone = DeviceRetirement {
            tenant_id: DEFAULT_TENANT,
            device_id: device,
            asked_at,
        };
        devices::retire(c, &[gone, gone]).await
    };
    assert_eq!(
        retire(&mut c, early).await,
        Ok(vec![]),
        "the app has reported since"
    );
    let later = herald::runtime::clock::now() + jiff::SignedDuration::from_secs(60);
    assert_eq!(retire(&mut c, later).await, Ok(vec![device]));
    assert_eq!(retire(&mut c, later).await, Ok(vec![]));

    let mut write = async |sighting: DeviceSighting| {
        devices::upsert(
            &mut c,
            DEFAULT_TENANT,
            ben,
            "token",
            Platform::Android,
            sighting,
        )
        .await
    };
    assert_eq!(
        write(DeviceSighting::Declared).await,
        Ok(WriteChange::Unchanged),
        "retired stays retired"
    );
    assert_eq!(
        write(DeviceSighting::Reported).await,
        Ok(WriteChange::Updated),
        "the app is there again"
    );
    let live = "SELECT count(*)::text AS text FROM user_devices WHERE invalidated_at IS NULL";
    assert_eq!(lines(&mut c, live).await, ["1"]);
}

#[tokio::test]
async fn suppressions_know_an_address_in_any_spelling() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let mut c = pool.get().await.unwrap();
    let mut entry = Suppression {
        tenant_id: DEFAULT_TENANT,
        channel: Channel::Email,
        address: "Ana@Example.com ".to_owned(),
        reason: SuppressionReason::HardBounce,
        category: None,
    };
    assert_eq!(
        suppressions::upsert(&mut c, &entry).await,
        Ok(WriteChange::Created)
    );
    assert_eq!(
        suppressions::upsert(&mut c, &entry).await,
        Ok(WriteChange::Unchanged)
    );
    entry.reason = SuppressionReason::Manual;
    assert_eq!(
        suppressions::upsert(&mut c, &entry).await,
        Ok(WriteChange::Created),
        "another reason is another entry"
    );

    let other = Uuid::now_v7();
    let asked = [
        (DEFAULT_TENANT, Channel::Email, "ANA@example.com"),
        (DEFAULT_TENANT, Channel::Email, " ana@example.com"),
        (DEFAULT_TENANT, Channel::Email, "ben@example.com"),
        (DEFAULT_TENANT, Channel::Chat, "ana@example.com"),
        (other, Channel::Email, "ana@example.com"),
    ]
    .map(|(tenant, channel, address)| (tenant, channel, address.to_owned(), None));
    let connection = &*c;
    let (found, none) = futures_util::future::try_join(
        suppressions::among(connection, &asked),
        suppressions::among(connection, &asked[2..]),
    )
    .await
    .unwrap();
    let ana = (
        DEFAULT_TENANT,
        Channel::Email,
        "ana@example.com".to_owned(),
        None,
    );
    assert_eq!(found.known, [(ana, ())].into());
    assert_eq!(none.known, HashMap::new());

    // Also one that somebody writes by hand.
    let by_hand = format!(
        "INSERT INTO suppressions (id, tenant_id, channel, address, reason)
         SELECT gen_random_uuid(), '{DEFAULT_TENANT}', channel, address, 'manual' FROM (VALUES
             ('email', E' Zed@Example.COM\t'), ('sms', '+49 (0) 151-99/88')) AS list (channel, address)"
    );
    c.batch_execute(&by_hand).await.unwrap();
    let spelt = "SELECT address AS text FROM suppressions WHERE reason = 'manual' AND address ~ '[z9]' ORDER BY 1";
    let spelt = lines(&mut c, spelt).await;
    assert_eq!(spelt, ["+491519988", "zed@example.com"]);

    let remove = async |c: &mut _| {
        suppressions::remove(c, DEFAULT_TENANT, Channel::Email, "ana@example.COM").await
    };
    assert_eq!(remove(&mut c).await, Ok(true));
    assert_eq!(remove(&mut c).await, Ok(false));
}

#[tokio::test]
async fn a_change_is_stamped() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let mut c = pool.get().await.unwrap();
    c.batch_execute("UPDATE tenants SET updated_at = '2020-01-01'; UPDATE tenants SET name = 'x'")
        .await
        .unwrap();
    let fresh = "SELECT (updated_at > now() - interval '1 minute')::text AS text FROM tenants";
    assert_eq!(lines(&mut c, fresh).await, ["true"]);
}

/// Whoever writes them, wishes and devices are those of their person's tenant.
#[tokio::test]
async fn wishes_and_devices_follow_their_person_to_another_tenant() {
    let database = TestDatabase::create().await;
    let mut c = database.owner().await;
    let (shop, ana) = (Uuid::now_v7(), Uuid::now_v7());
    c.batch_execute(&format!(
        "SET search_path TO notification_schema;
         INSERT INTO tenants (id, name) VALUES ('{shop}', 'shop');
         INSERT INTO users (id, tenant_id) VALUES ('{ana}', '{DEFAULT_TENANT}');
         INSERT INTO user_devices (tenant_id, user_id, token, platform)
         VALUES ('{DEFAULT_TENANT}', '{ana}', 'token', 'ios');
         INSERT INTO notification_preferences (tenant_id, user_id, channel, enabled)
         VALUES ('{DEFAULT_TENANT}', '{ana}', 'email', false);
         UPDATE users SET tenant_id = '{shop}' WHERE id = '{ana}';
         INSERT INTO notification_preferences (tenant_id, user_id, channel, enabled)
         VALUES ('{DEFAULT_TENANT}', '{ana}', 'sms', false)"
    ))
    .await
    .unwrap();
    let mut found = recipients::load(&c, &[(shop, ana)]).await.unwrap();
    let ana = found.known.remove(&(shop, ana)).unwrap();
    let off = |channel| {
        let of = ana
            .preferences
            .iter()
            .find(|wish| wish.scope == Scope::Channel(channel));
        of.is_some_and(|wish| wish.enabled == Some(false))
    };
    assert!(
        off(Channel::Email) && off(Channel::Sms),
        "{:?}",
        ana.preferences
    );
    assert_eq!(ana.devices.len(), 1);
}

#[tokio::test]
async fn wish_about_a_category_without_a_name_is_refused_and_an_old_one_is_about_everything() {
    let database = TestDatabase::create().await;
    let mut c = database.owner().await;
    let ana = Uuid::now_v7();
    let wish = format!(
        "INSERT INTO notification_schema.notification_preferences (tenant_id, user_id, category, enabled)
         VALUES ('{DEFAULT_TENANT}', '{ana}', '  ', false)"
    );
    c.batch_execute(&format!(
        "INSERT INTO notification_schema.users (id, tenant_id) VALUES ('{ana}', '{DEFAULT_TENANT}')"
    ))
    .await
    .unwrap();
    let refused = c.batch_execute(&wish).await.unwrap_err().to_string();
    assert!(
        refused.contains("notification_preferences_category_check"),
        "{refused}"
    );
    c.batch_execute(
        "ALTER TABLE notification_schema.notification_preferences
         DROP CONSTRAINT notification_preferences_category_check",
    )
    .await
    .unwrap();
    c.batch_execute(&wish).await.unwrap();
    let mut found = recipients::load(&c, &[(DEFAULT_TENANT, ana)])
        .await
        .unwrap();
    let ana = found.known.remove(&(DEFAULT_TENANT, ana)).unwrap();
    assert_eq!(ana.preferences[0].scope, Scope::All);
    assert_eq!(ana.preferences[0].enabled, Some(false));
}
