//! Accounts, and their secrets.

use std::time::Duration;

use diesel_async::SimpleAsyncConnection;
use herald::domain::{Channel, ProviderKind};
use herald::store::WriteChange;
use herald::store::accounts::{AccountFields, fingerprint, load, upsert};
use herald::store::seal::Sealer;

use crate::database::{TestDatabase, lines};

const OLD: [u8; 32] = [1; 32];
const NEW: [u8; 32] = [2; 32];

fn sendgrid() -> AccountFields {
    AccountFields {
        name: "sendgrid-main".to_owned(),
        kind: ProviderKind::Sendgrid,
        channel: Channel::Email,
        is_active: true,
        priority: 10,
        weight: 2,
        rate_limit: Some(6000),
        timeout: Duration::from_secs(30),
        api_key: Some("SG.very-secret".to_owned()),
        api_secret: None,
        config: serde_json::json!({ "from": "hello@example.com" })
            .as_object()
            .unwrap()
            .clone(),
    }
}

#[tokio::test]
async fn an_account_comes_back_opened_and_lies_there_sealed() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let mut c = pool.get().await.unwrap();
    let sealer = Sealer::new(&[NEW]).unwrap();
    assert_eq!(
        upsert(&mut c, &sealer, &sendgrid()).await,
        Ok(WriteChange::Created)
    );
    assert_eq!(
        upsert(&mut c, &sealer, &sendgrid()).await,
        Ok(WriteChange::Unchanged)
    );

    let accounts = load(&mut c, &sealer).await.unwrap();
    let account = &accounts.opened[0];
    assert_eq!(account.api_key.as_deref(), Some("SG.very-secret"));
    assert_eq!(
        (account.priority, account.weight, account.rate_limit),
        (10, 2, Some(6000))
    );
    assert_eq!(account.config, sendgrid().config);
    assert!(!format!("{accounts:?}").contains("very-secret"));

    let stored = lines(
        &mut c,
        "SELECT encode(api_key, 'escape') || encode(config_json, 'escape') AS text FROM provider_configs",
    )
    .await;
    assert!(!stored[0].contains("secret") && !stored[0].contains("example"));
}

#[tokio::test]
async fn absent_account_fields_are_cleared_and_inactive_accounts_not_loaded() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let mut c = pool.get().await.unwrap();
    let sealer = Sealer::new(&[NEW]).unwrap();
    upsert(&mut c, &sealer, &sendgrid()).await.unwrap();
    let before = fingerprint(&mut c).await.unwrap();

    let bare = AccountFields {
        api_key: None,
        rate_limit: None,
        ..sendgrid()
    };
    assert_eq!(
        upsert(&mut c, &sealer, &bare).await,
        Ok(WriteChange::Updated)
    );
    assert_ne!(fingerprint(&mut c).await.unwrap(), before);
    let account = load(&mut c, &sealer).await.unwrap().opened.remove(0);
    assert_eq!((account.api_key, account.rate_limit), (None, None));

    let off = AccountFields {
        is_active: false,
        ..bare
    };
    assert_eq!(
        upsert(&mut c, &sealer, &off).await,
        Ok(WriteChange::Updated)
    );
    assert!(load(&mut c, &sealer).await.unwrap().opened.is_empty());
}

#[tokio::test]
async fn a_rotated_key_is_taken_up_by_the_next_apply() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let mut c = pool.get().await.unwrap();
    upsert(&mut c, &Sealer::new(&[OLD]).unwrap(), &sendgrid())
        .await
        .unwrap();

    let rotating = Sealer::new(&[NEW, OLD]).unwrap();
    assert_eq!(load(&mut c, &rotating).await.unwrap().opened.len(), 1);
    assert_eq!(
        upsert(&mut c, &rotating, &sendgrid()).await,
        Ok(WriteChange::Updated)
    );
    assert_eq!(
        upsert(&mut c, &rotating, &sendgrid()).await,
        Ok(WriteChange::Unchanged)
    );
    assert_eq!(
        load(&mut c, &Sealer::new(&[NEW]).unwrap())
            .await
            .unwrap()
            .opened
            .len(),
        1
    );
}

#[tokio::test]
async fn unreadable_account_does_not_hide_the_others() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let mut c = pool.get().await.unwrap();
    upsert(&mut c, &Sealer::new(&[OLD]).unwrap(), &sendgrid())
        .await
        .unwrap();
    let sealer = Sealer::new(&[NEW]).unwrap();
    let other = AccountFields {
        name: "sendgrid-spare".to_owned(),
        ..sendgrid()
    };
    upsert(&mut c, &sealer, &other).await.unwrap();

    let accounts = load(&mut c, &sealer).await.unwrap();
    assert_eq!(accounts.opened[0].name, "sendgrid-spare");
    assert_eq!(accounts.unreadable[0].name, "sendgrid-main");
    assert!(
        accounts.unreadable[0]
            .reason
            .contains("not among the configured")
    );

    let renewed = upsert(&mut c, &sealer, &sendgrid()).await;
    assert_eq!(
        renewed,
        Ok(WriteChange::Updated),
        "an operator who knows the secret can write it anew"
    );
}

#[tokio::test]
async fn a_secret_moved_to_another_account_does_not_open() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let mut c = pool.get().await.unwrap();
    let sealer = Sealer::new(&[NEW]).unwrap();
    upsert(&mut c, &sealer, &sendgrid()).await.unwrap();
    let other = AccountFields {
        name: "sendgrid-spare".to_owned(),
        ..sendgrid()
    };
    upsert(&mut c, &sealer, &other).await.unwrap();
    c.batch_execute(
        "UPDATE provider_configs SET api_key =
             (SELECT api_key FROM provider_configs WHERE provider_name = 'sendgrid-main')
         WHERE provider_name = 'sendgrid-spare'",
    )
    .await
    .unwrap();
    let accounts = load(&mut c, &sealer).await.unwrap();
    assert_eq!(accounts.unreadable[0].name, "sendgrid-spare");
}
