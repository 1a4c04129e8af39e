//! Templates and their versions.

use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use herald::domain::{Channel, DEFAULT_TENANT};
use herald::store::templates::{StoredTemplate, TemplateFields, active, fingerprint, load, upsert};
use herald::store::{StoreError, WriteChange};
use uuid::Uuid;

use crate::database::{TestDatabase, lines};

fn shipped(locale: &str, body: &str) -> TemplateFields {
    TemplateFields {
        tenant_id: DEFAULT_TENANT,
        name: "order-shipped".to_owned(),
        channel: Channel::Email,
        locale: locale.to_owned(),
        subject: Some("Order {{ order }} is on its way".to_owned()),
        title: None,
        body: body.to_owned(),
        html: None,
        variables: vec!["order".to_owned(), "name".to_owned()],
    }
}

async fn all(c: &mut AsyncPgConnection) -> Vec<StoredTemplate> {
    let active = active(c).await.unwrap();
    let ids: Vec<Uuid> = active.iter().map(|row| row.id).collect();
    load(c, &ids).await.unwrap()
}

#[tokio::test]
async fn changed_content_is_a_new_version_and_the_only_active_one() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let mut c = pool.get().await.unwrap();
    let (first, second) = (shipped("en", "Hello"), shipped("en", "Hello {{ name }}"));
    assert_eq!(upsert(&mut c, &first).await, Ok(WriteChange::Created));
    assert_eq!(upsert(&mut c, &first).await, Ok(WriteChange::Unchanged));
    assert_eq!(
        upsert(&mut c, &shipped("de", "Hallo")).await,
        Ok(WriteChange::Created)
    );
    assert_eq!(upsert(&mut c, &second).await, Ok(WriteChange::Updated));

    let mut active = all(&mut c).await;
    active.sort_by(|a, b| a.fields.locale.cmp(&b.fields.locale));
    let versions: Vec<_> = active
        .iter()
        .map(|StoredTemplate { version, .. }| *version)
        .collect();
    assert_eq!(versions, [1, 2]);
    assert_eq!(active[1].fields, second);
    let all = "SELECT version || ' ' || is_active AS text FROM notification_templates
               WHERE locale = 'en' ORDER BY version";
    assert_eq!(lines(&mut c, all).await, ["1 false", "2 true"]);

    assert_eq!(
        upsert(&mut c, &first).await,
        Ok(WriteChange::Updated),
        "back to what it was: version 3"
    );
}

#[tokio::test]
async fn writers_of_one_template_leave_one_active_version() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    upsert(&mut pool.get().await.unwrap(), &shipped("en", "first"))
        .await
        .unwrap();
    let write = async |body: &str| {
        let mut connection = pool.get().await?;
        upsert(&mut connection, &shipped("en", body)).await
    };
    let written = tokio::join!(write("a"), write("b"), write("c"));
    for written in [written.0, written.1, written.2] {
        let lost = matches!(&written, Err(StoreError::UniqueViolation { .. }));
        assert!(lost || written == Ok(WriteChange::Updated), "{written:?}");
    }
    let active = all(&mut pool.get().await.unwrap()).await;
    assert_eq!(active.len(), 1);
}

#[tokio::test]
async fn a_fingerprint_changes_with_the_templates_and_only_then() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let mut c = pool.get().await.unwrap();
    let empty = fingerprint(&mut c).await.unwrap();
    upsert(&mut c, &shipped("en", "Hello")).await.unwrap();
    let one = fingerprint(&mut c).await.unwrap();
    assert_ne!(empty, one);
    upsert(&mut c, &shipped("en", "Hello")).await.unwrap();
    assert_eq!(fingerprint(&mut c).await.unwrap(), one);
    upsert(&mut c, &shipped("en", "Bye")).await.unwrap();
    assert_ne!(fingerprint(&mut c).await.unwrap(), one);
}

#[tokio::test]
async fn a_transaction_that_began_earlier_and_ends_later_is_not_missed() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let mut poller = pool.get().await.unwrap();
    let mut seen = None;
    let slow: Result<(), StoreError> = pool
        .transaction(async |slow| {
            // The transaction's `now()` is fixed here, before the other one's.
            lines(slow, "SELECT now()::text AS text").await;
            upsert(&mut *pool.get().await?, &shipped("en", "quick")).await?;
            seen = Some(fingerprint(&mut poller).await?);
            upsert(slow, &shipped("de", "slow")).await?;
            Ok(())
        })
        .await;
    slow.unwrap();
    assert_ne!(fingerprint(&mut poller).await.ok(), seen);
}

#[tokio::test]
async fn a_template_needs_its_tenant() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let mut c = pool.get().await.unwrap();
    let stranger = TemplateFields {
        tenant_id: Uuid::now_v7(),
        ..shipped("en", "Hello")
    };
    let refused = upsert(&mut c, &stranger).await;
    assert!(
        matches!(refused, Err(StoreError::ForeignKey { .. })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_template_that_cannot_be_read_hides_no_other() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let mut c = pool.get().await.unwrap();
    for (locale, body) in [("en", "Hello"), ("de", "Hallo"), ("fr", "Bonjour")] {
        upsert(&mut c, &shipped(locale, body)).await.unwrap();
    }
    let odd = "SET search_path TO notification_schema;
        ALTER TABLE notification_templates DISABLE TRIGGER USER;
        UPDATE notification_templates SET variables = '[1]' WHERE locale = 'de';
        UPDATE notification_templates SET updated_at = 'infinity' WHERE locale = 'fr'";
    database.owner().await.batch_execute(odd).await.unwrap();
    let mut read = all(&mut c).await;
    read.sort_by(|a, b| a.fields.locale.cmp(&b.fields.locale));
    let troubles: Vec<bool> = read.iter().map(|one| one.trouble.is_some()).collect();
    assert_eq!(troubles, [true, false, false]);
    assert_eq!(read[2].fields, shipped("fr", "Bonjour"));
    fingerprint(&mut c).await.unwrap();
}
