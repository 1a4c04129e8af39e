//! What is written when something happens: in the same transaction, for those who want it, and once.

use herald::domain::{
    Channel, DEFAULT_TENANT, Reason, Status, WebhookCatalog, WebhookEvent, WebhookFilter,
};
use herald::runtime::clock;
use herald::store::Database;
use herald::store::seal::Sealer;
use herald::store::settle::{self, Settlement};
use herald::store::webhooks::{self, desk};
use uuid::Uuid;

use super::{fields, made};
use crate::database::{TestDatabase, lines};
use crate::store::fixtures::{cancelled, people, reservation, sent};

async fn know(pool: &Database) {
    let mut connection = pool.get().await.unwrap();
    let all = webhooks::all(&mut connection).await.unwrap();
    pool.webhooks().put(webhooks::catalog(&all));
}

async fn told(pool: &Database, webhook: Uuid) -> Vec<String> {
    let query = format!(
        "SELECT concat_ws(' ', event_type, notification_id, next_retry_at IS NOT NULL) AS text
         FROM webhook_deliveries WHERE webhook_id = '{webhook}' ORDER BY event_type, id"
    );
    lines(&mut pool.get().await.unwrap(), &query).await
}

async fn stored(pool: &Database, batch: &[&Settlement]) -> usize {
    settle::settle(pool, batch, clock::instant())
        .await
        .unwrap()
        .stored()
}

#[tokio::test]
async fn what_happens_is_told_to_those_who_want_it_by_the_statement_that_stores_it() {
    let database = TestDatabase::create().await;
    let (pool, sealer) = (database.pool().await, Sealer::new(&[[7; 32]]).unwrap());
    let user = people(&mut pool.get().await.unwrap(), 1).await[0];
    let (all, _) = made(&pool, &sealer, &fields("https://example.com/all"), 1).await;
    let failures = herald::store::webhooks::desk::WebhookFields {
        filter: WebhookFilter {
            events: WebhookEvent::Cancelled.into(),
            channels: vec![Channel::Email],
            ..WebhookFilter::default()
        },
        ..fields("https://example.com/some")
    };
    let (some, _) = made(&pool, &sealer, &failures, 2).await;
    let (one, two) = (reservation(user, &[]), reservation(user, &[]));

    // Nobody is known yet: nothing is written.
    assert_eq!(stored(&pool, &[&sent(&reservation(user, &[]))]).await, 1);
    assert!(told(&pool, all).await.is_empty());

    know(&pool).await;
    let batch = [
        sent(&one),
        Settlement {
            refund: false,
            ..cancelled(&two)
        },
    ];
    assert_eq!(stored(&pool, &batch.each_ref()).await, 2);
    let (first, second) = (one.notification_id, two.notification_id);
    let expected = [
        format!("notification.accepted {first} t"),
        format!("notification.accepted {second} t"),
        format!("notification.cancelled {second} t"),
        format!("notification.sent {first} t"),
    ];
    let mut heard = told(&pool, all).await;
    heard.sort();
    assert_eq!(heard, expected);
    assert_eq!(told(&pool, some).await, [&*expected[2]]);
    assert_eq!(pool.webhooks().take_told().len(), 2);

    // The outcome of another, which meets a final state: nobody is told of what was not stored.
    let late = Settlement {
        status: Status::Failed,
        reason: Some(Reason::Expired),
        ..batch[0].clone()
    };
    assert_eq!(stored(&pool, &[&late]).await, 0);
    assert_eq!(told(&pool, all).await.len(), 4);
}

#[tokio::test]
async fn a_disabled_webhook_collects_and_a_deleted_or_another_tenants_one_hears_nothing() {
    let database = TestDatabase::create().await;
    let (pool, sealer) = (database.pool().await, Sealer::new(&[[7; 32]]).unwrap());
    let user = people(&mut pool.get().await.unwrap(), 1).await[0];
    let (off, _) = made(&pool, &sealer, &fields("https://example.com/off"), 1).await;
    let (gone, _) = made(&pool, &sealer, &fields("https://example.com/gone"), 2).await;
    know(&pool).await;
    let mut c = pool.get().await.unwrap();
    // Behind the back of this node, which knows them as they were.
    let stored_off = desk::find(&mut c, Some(DEFAULT_TENANT), off)
        .await
        .unwrap()
        .unwrap();
    let disabled = desk::WebhookFields {
        is_active: false,
        ..fields("https://example.com/off")
    };
    desk::change(&mut c, &stored_off, &disabled).await.unwrap();
    assert!(
        !desk::delete(&mut c, Uuid::nil(), gone).await.unwrap(),
        "another tenant's"
    );
    assert!(desk::delete(&mut c, DEFAULT_TENANT, gone).await.unwrap());
    assert_eq!(stored(&pool, &[&sent(&reservation(user, &[]))]).await, 1);
    let kept = told(&pool, off).await;
    assert!(
        kept.len() == 2 && kept.iter().all(|line| line.ends_with(" f")),
        "{kept:?}"
    );
    assert!(told(&pool, gone).await.is_empty());

    let mut elsewhere = WebhookCatalog::default();
    elsewhere.add(Uuid::from_u128(9), off, fields("").filter);
    pool.webhooks().put(elsewhere);
    assert_eq!(stored(&pool, &[&sent(&reservation(user, &[]))]).await, 1);
    assert_eq!(told(&pool, off).await.len(), 2);
}

#[tokio::test]
async fn secrets_are_sealed_and_one_that_replaces_another_is_the_only_one_after_a_while() {
    let database = TestDatabase::create().await;
    let (pool, sealer) = (database.pool().await, Sealer::new(&[[7; 32]]).unwrap());
    let (id, first) = made(&pool, &sealer, &fields("https://example.com/"), 1).await;
    let mut c = pool.get().await.unwrap();
    let rows = "SELECT row_to_json(w)::text AS text FROM notification_webhooks w";
    let plain = herald::domain::hex(first.expose().as_bytes());
    assert!(!lines(&mut c, rows).await[0].contains(&plain));
    let stored = desk::find(&mut c, Some(DEFAULT_TENANT), id)
        .await
        .unwrap()
        .unwrap();
    let second = herald::domain::WebhookSecret::new([2; 24]);
    let grace = std::time::Duration::from_secs(3_600);
    let until = desk::rotate(&mut c, &sealer, &stored, &second, grace)
        .await
        .unwrap();
    assert!(until > clock::now());
    let turned = desk::find(&mut c, Some(DEFAULT_TENANT), id)
        .await
        .unwrap()
        .unwrap();
    let (now, before) = turned.secrets(&sealer).unwrap();
    assert_eq!(now.expose(), second.expose());
    let (before, signs_until) = before.unwrap();
    assert_eq!((before.expose(), signs_until), (first.expose(), until));
    let other = Sealer::new(&[[8; 32]]).unwrap();
    assert!(turned.secrets(&other).is_err());
}
