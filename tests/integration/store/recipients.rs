//! People with their preferences and devices.

use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use herald::domain::preference::{Scope, Setting};
use herald::domain::{Channel, DEFAULT_TENANT, Platform};
use herald::store::devices::{self, DeviceSighting};
use herald::store::preferences::{self, PreferenceFields};
use herald::store::recipients::{self, RecipientConflict, RecipientFields, UpsertError, load};
use herald::store::{WriteChange, tenants};
use jiff::civil::{Weekday, time};
use uuid::Uuid;

use crate::database::{TestDatabase, lines};

fn ana() -> RecipientFields {
    RecipientFields {
        email: Some("ana@example.com".to_owned()),
        username: Some("ana".to_owned()),
        timezone: Some("Europe/Berlin".to_owned()),
        ..RecipientFields::default()
    }
}

async fn write(
    connection: &mut AsyncPgConnection,
    user: Uuid,
    fields: &RecipientFields,
) -> Result<WriteChange, UpsertError> {
    let written = recipients::upsert(connection, DEFAULT_TENANT, user, fields).await;
    written.map(|(_, change)| change)
}

#[tokio::test]
async fn a_person_comes_with_wishes_and_live_devices() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let mut c = pool.get().await.unwrap();
    let (user, nobody) = (Uuid::now_v7(), Uuid::now_v7());
    write(&mut c, user, &ana()).await.unwrap();
    let wish = PreferenceFields {
        scope: Scope::Channel(Channel::Push),
        enabled: None,
        frequency_cap: Setting::None,
        quiet_hours: Setting::Value((time(22, 0, 0, 0), time(7, 0, 0, 0))),
        quiet_hours_days: vec![Weekday::Friday],
        timezone: None,
    };
    preferences::upsert(&mut c, DEFAULT_TENANT, Some(user), &wish)
        .await
        .unwrap();
    for token in ["first", "second", "gone"] {
        let write = devices::upsert(
            &mut c,
            DEFAULT_TENANT,
            user,
            token,
            Platform::Ios,
            DeviceSighting::Reported,
        );
        assert_eq!(write.await, Ok(WriteChange::Created));
    }
    c.batch_execute("UPDATE user_devices SET invalidated_at = now() WHERE token = 'gone'")
        .await
        .unwrap();

    let asked = [
        (DEFAULT_TENANT, user),
        (DEFAULT_TENANT, nobody),
        (nobody, user),
    ];
    let found = load(&c, &asked).await.unwrap().known;
    assert_eq!(
        found.len(),
        1,
        "neither nobody, nor the person under another tenant"
    );
    let person = &found[&(DEFAULT_TENANT, user)];
    assert_eq!(person.email.as_deref(), Some("ana@example.com"));
    let tokens: Vec<_> = person
        .devices
        .iter()
        .map(|device| device.token.as_str())
        .collect();
    assert_eq!(tokens, ["first", "second"]);
    let wish = &person.preferences[0];
    assert_eq!((wish.enabled, wish.frequency_cap), (None, Setting::None));
    let quiet = wish.quiet_hours.as_ref().value().unwrap();
    assert_eq!(
        (quiet.start, quiet.end),
        (time(22, 0, 0, 0), time(7, 0, 0, 0))
    );
    assert_eq!(quiet.days, [Weekday::Friday]);
    assert_eq!(person.preferences[0].zone, None, "the person's own counts");
}

#[tokio::test]
async fn loading_any_number_uses_the_same_three_statements() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let mut c = pool.get().await.unwrap();
    for count in [1, 7, 256] {
        let people: Vec<_> = (0..count)
            .map(|_| (DEFAULT_TENANT, Uuid::now_v7()))
            .collect();
        assert!(load(&c, &people).await.unwrap().known.is_empty());
    }
    let prepared = lines(
        &mut c,
        "SELECT statement AS text FROM pg_prepared_statements
         WHERE statement LIKE '%ANY%' AND statement NOT LIKE '%pg_prepared%'",
    );
    assert_eq!(prepared.await.len(), 3);
}

#[tokio::test]
async fn partial_fields_erase_nothing_and_say_what_changed() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let mut c = pool.get().await.unwrap();
    let user = Uuid::now_v7();
    assert_eq!(write(&mut c, user, &ana()).await, Ok(WriteChange::Created));
    assert_eq!(
        write(&mut c, user, &ana()).await,
        Ok(WriteChange::Unchanged)
    );

    let phone = RecipientFields {
        phone: Some("+4915112345678".to_owned()),
        ..Default::default()
    };
    let (person, change) = recipients::upsert(&mut c, DEFAULT_TENANT, user, &phone)
        .await
        .unwrap();
    assert_eq!(change, WriteChange::Updated);
    assert_eq!(person.email.as_deref(), Some("ana@example.com"));
    assert_eq!(person.phone.as_deref(), Some("+4915112345678"));
    assert!(!phone.differ_from(&person) && !RecipientFields::default().differ_from(&person));

    let moved = RecipientFields {
        timezone: Some("Asia/Tokyo".to_owned()),
        ..Default::default()
    };
    assert!(moved.differ_from(&person));
}

#[tokio::test]
async fn what_is_said_again_or_written_by_hand_is_said_now() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let (mut c, mut owner) = (pool.get().await.unwrap(), database.owner().await);
    let user = Uuid::now_v7();
    write(&mut c, user, &ana()).await.unwrap();
    let long_ago =
        "UPDATE notification_schema.users SET recipient_as_of = now() - interval '1 day'";
    let as_of = "SELECT (recipient_as_of > now() - interval '1 hour')::text AS text FROM users";
    owner.batch_execute(long_ago).await.unwrap();
    assert_eq!(lines(&mut c, as_of).await, ["false"]);
    assert_eq!(
        write(&mut c, user, &ana()).await,
        Ok(WriteChange::Unchanged)
    );
    assert_eq!(lines(&mut c, as_of).await, ["true"], "it was said again");
    owner.batch_execute(long_ago).await.unwrap();
    let by_hand = "UPDATE notification_schema.users SET phone = '+4930123456'";
    owner.batch_execute(by_hand).await.unwrap();
    assert_eq!(lines(&mut c, as_of).await, ["true"], "by hand");
}

#[tokio::test]
async fn recipient_fields_of_another_user_are_a_conflict() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let mut c = pool.get().await.unwrap();
    let user = Uuid::now_v7();
    write(
        &mut c,
        user,
        &RecipientFields {
            external_id: Some("7".to_owned()),
            ..ana()
        },
    )
    .await
    .unwrap();

    let only = |set: fn(&mut RecipientFields)| {
        let mut fields = RecipientFields::default();
        set(&mut fields);
        fields
    };
    for (fields, conflict) in [
        (
            only(|f| f.email = Some("ANA@example.com".into())),
            RecipientConflict::Email,
        ),
        (
            only(|f| f.username = Some("ana".into())),
            RecipientConflict::Username,
        ),
        (
            only(|f| f.external_id = Some("7".into())),
            RecipientConflict::ExternalId,
        ),
    ] {
        let refused = write(&mut c, Uuid::now_v7(), &fields).await;
        assert_eq!(refused, Err(UpsertError::Conflict(conflict)));
    }

    let tenant = Uuid::now_v7();
    let unknown = recipients::upsert(&mut c, tenant, Uuid::now_v7(), &ana()).await;
    assert_eq!(
        unknown,
        Err(UpsertError::Conflict(RecipientConflict::UnknownTenant))
    );
    tenants::upsert(&mut c, tenant, "second", None)
        .await
        .unwrap();
    let stolen = recipients::upsert(&mut c, tenant, user, &ana()).await;
    assert_eq!(
        stolen,
        Err(UpsertError::Conflict(RecipientConflict::OtherTenant))
    );
    let own = recipients::upsert(&mut c, tenant, Uuid::now_v7(), &ana()).await;
    assert!(own.is_ok(), "each tenant has an ana of its own: {own:?}");
}

#[tokio::test]
async fn a_deleted_person_is_not_there_until_somebody_describes_them_again() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let mut c = pool.get().await.unwrap();
    let (user, other) = (Uuid::now_v7(), Uuid::now_v7());
    write(&mut c, user, &ana()).await.unwrap();
    c.batch_execute("UPDATE users SET deleted_at = now()")
        .await
        .unwrap();
    assert!(
        load(&c, &[(DEFAULT_TENANT, user)])
            .await
            .unwrap()
            .known
            .is_empty()
    );

    assert_eq!(
        write(&mut c, user, &RecipientFields::default()).await,
        Ok(WriteChange::Updated)
    );
    c.batch_execute("UPDATE users SET deleted_at = now()")
        .await
        .unwrap();
    assert_eq!(
        write(&mut c, other, &ana()).await,
        Ok(WriteChange::Created),
        "the address is free"
    );
    let taken = write(&mut c, user, &ana()).await;
    assert_eq!(taken, Err(UpsertError::Conflict(RecipientConflict::Email)));
}
