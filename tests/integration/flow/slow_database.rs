//! A database that answers late.

use std::sync::Arc;
use std::time::Duration;

use diesel_async::SimpleAsyncConnection;
use futures_util::future::join_all;
use herald::delivery::eligibility::RecheckSubject;
use herald::domain::{Channel, DEFAULT_TENANT};
use herald::ops::look_watch::LookWatch;
use herald::runtime::{Ending, Health, Shutdown};
use loadtest::harness::proxy::Proxy;
use loadtest::simulator::Provider;
use serde_json::json;
use uuid::Uuid;

use super::rechecks::eligibility;
use crate::database::{PATIENCE, TestDatabase};
use crate::stage::{ANA, Stage, account, ana, envelope, envelope_with};

/// Three round trips take longer than what they find is believed, and one does not. A new connection, of seven
/// or so, takes less than its 5 s.
const LATE: Duration = Duration::from_millis(450);
/// A look takes longer than what it finds is believed.
const TOO_LATE: Duration = Duration::from_millis(900);
const SENT: &str = "SELECT count(*) FROM notifications WHERE status = 'sent'";

#[tokio::test(flavor = "multi_thread")]
async fn what_the_database_answers_late_is_sent_all_the_same() {
    let mut stage = Stage::with_lanes("email.normal,in_app.normal").await;
    let proxy = Proxy::before(stage.database.url()).await.unwrap();
    stage.set("HERALD__DATABASE__URL", proxy.url(stage.database.url()));
    let sendgrid = stage.simulator(Provider::SendGrid);
    let capped = format!(
        "[[preferences]]\nuser_id = \"{ANA}\"\ncategory = \"news\"\nfrequency_cap = 1000\n\
         [[preferences]]\nuser_id = \"{ANA}\"\ncategory = \"off\"\nenabled = false\n"
    );
    stage.apply(&format!("{}{}{capped}", ana(), account(&sendgrid)));
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    let publisher = stage.publisher().await;
    proxy.delay(LATE);
    let news = json!({ "category": "news" });
    for channel in ["email", "in_app"] {
        publisher.publish(&envelope(channel)).await;
        publisher
            .publish(&envelope_with(channel, news.clone()))
            .await;
    }
    outcomes.until_count(SENT, 4).await;
    let off = json!({ "category": "off" });
    publisher.publish(&envelope_with("email", off)).await;
    let refused = "SELECT count(*) FROM notifications WHERE reason = 'category_disabled'";
    outcomes.until_count(refused, 1).await;
    assert_eq!(stage.ledger.accepted(), 2);
}

#[tokio::test]
async fn looks_that_take_too_long_are_told_until_one_is_quick() {
    let database = TestDatabase::create().await;
    let proxy = Proxy::before(database.url()).await.unwrap();
    let pool = database.pool_at(proxy.url(database.url())).await;
    let eligibility = Arc::new(eligibility(&pool));
    let (health, stop) = (Health::new(), Shutdown::new());
    let watch = LookWatch {
        eligibility: Arc::clone(&eligibility),
        health: health.clone(),
        stop: stop.clone(),
    };
    let look = || {
        eligibility.recheck(vec![RecheckSubject {
            id: Uuid::now_v7(),
            recipient_key: (DEFAULT_TENANT, Uuid::now_v7()),
            channel: Channel::Email,
            to: None,
            category: None,
            recipient: None,
        }])
    };
    let told = async {
        // Each of the four connections is there, and knows the statements, before it becomes slow.
        let lent = join_all((0..4).map(|_| pool.get())).await;
        assert!(lent.iter().all(Result::is_ok), "{lent:?}");
        drop(lent);
        for _ in 0..8 {
            assert!(look().await.is_some());
        }
        proxy.delay(TOO_LATE);
        for _ in 0..3 {
            assert!(look().await.is_some());
        }
        let is_told = until_part(&health, "lookups", |why| {
            why.contains("is believed for 0.8 s")
        });
        assert!(is_told.await, "{:?}", health.parts());
        proxy.delay(Duration::ZERO);
        assert!(look().await.is_some());
        let is_quick = until_part(&health, "lookups", str::is_empty);
        assert!(is_quick.await, "{:?}", health.parts());
        stop.raise(Ending::Asked);
    };
    tokio::join!(watch.run(), told);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_that_never_succeeds_is_told_of_with_its_cause_and_nothing_is_lost() {
    let stage = Stage::with_lanes("email.normal").await;
    let sendgrid = stage.simulator(Provider::SendGrid);
    stage.apply(&format!("{}{}", ana(), account(&sendgrid)));
    let mut outcomes = stage.outcomes().await;
    let mut owner = stage.database.owner().await;
    let engine = stage.start().await;
    let publisher = stage.publisher().await;
    let table = "ON notification_schema.suppressions";
    let revoke = format!("REVOKE SELECT {table} FROM herald_notifications");
    owner.batch_execute(&revoke).await.unwrap();
    publisher.publish(&envelope("email")).await;
    let is_told = until_part(&engine.health, "database work", |why| {
        why.contains("permission denied for table suppressions")
    });
    assert!(is_told.await, "{:?}", engine.health.parts());
    let grant = format!("GRANT SELECT {table} TO herald_notifications");
    owner.batch_execute(&grant).await.unwrap();
    outcomes.until_count(SENT, 1).await;
    let ready = tokio::time::timeout(PATIENCE, engine.health.ready()).await;
    assert!(ready.is_ok(), "{:?}", engine.health.parts());
}

/// Whether why the part is down becomes like this; nothing while it is up.
async fn until_part(health: &Health, part: &str, is_it: impl Fn(&str) -> bool) -> bool {
    let looks = async {
        while !health
            .parts()
            .get(part)
            .is_some_and(|why| is_it(why.as_deref().unwrap_or_default()))
        {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, looks).await.is_ok()
}
