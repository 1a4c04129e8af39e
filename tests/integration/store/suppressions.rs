//! How long, and for whom, what a provider's answer taught holds.

use diesel_async::SimpleAsyncConnection;
use herald::domain::{Channel, DEFAULT_TENANT, SuppressionReason};
use herald::store::settle::{DeadAddress, Settlement};
use herald::store::{Database, suppressions};
use uuid::Uuid;

use super::fixtures::cancelled;
use super::settle::{reserved, settle};
use crate::database::TestDatabase;

const ADDRESS: &str = "+4915112345678";

async fn learn(
    pool: &Database,
    outcome: &Settlement,
    reason: SuppressionReason,
    account: Option<Uuid>,
) {
    let dead = DeadAddress::Suppress {
        channel: Channel::Sms,
        address: ADDRESS.to_owned(),
        reason,
        account,
    };
    let outcome = Settlement {
        dead_addresses: vec![dead.clone(), dead],
        ..outcome.clone()
    };
    settle(pool, &[&outcome]).await.unwrap();
}

async fn is_suppressed(pool: &Database) -> bool {
    let connection = pool.get().await.unwrap();
    let asked = [(DEFAULT_TENANT, Channel::Sms, ADDRESS.to_owned())];
    let found = suppressions::among(&connection, &asked).await.unwrap();
    !found.known.is_empty()
}

async fn execute(pool: &Database, sql: &str) {
    let mut connection = pool.get().await.unwrap();
    connection.batch_execute(sql).await.unwrap();
}

const A_WEEK_LATER: &str = "UPDATE suppressions SET ends_at = ends_at - interval '8 days'";
const A_MONTH_LATER: &str = "UPDATE suppressions SET ends_at = ends_at - interval '31 days'";

#[tokio::test]
async fn a_first_bounce_ends_and_a_second_does_not() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let outcome = cancelled(&reserved(&pool, 1).await[0]);
    let bounce = SuppressionReason::HardBounce;
    learn(&pool, &outcome, bounce, None).await;
    assert!(is_suppressed(&pool).await);
    execute(&pool, A_MONTH_LATER).await;
    assert!(!is_suppressed(&pool).await, "a week has gone by");
    learn(&pool, &outcome, bounce, None).await;
    execute(&pool, A_MONTH_LATER).await;
    assert!(is_suppressed(&pool).await, "said again after that");
}

#[tokio::test]
async fn a_stop_holds_for_every_account_of_the_channel_for_a_month() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let outcome = cancelled(&reserved(&pool, 1).await[0]);
    let (one, other) = (Uuid::now_v7(), Uuid::now_v7());
    for (id, name) in [(one, "one"), (other, "other")] {
        let sql = format!(
            "INSERT INTO provider_configs
                 (id, provider_name, kind, channel, is_active, timeout_seconds, priority, weight)
             VALUES ('{id}', '{name}', 'twilio', 'sms', true, 30, 0, 1)"
        );
        execute(&pool, &sql).await;
    }
    let stop = SuppressionReason::Stop;
    learn(&pool, &outcome, stop, Some(one)).await;
    assert!(
        is_suppressed(&pool).await,
        "the other number keeps quiet, too"
    );
    let bounce = SuppressionReason::HardBounce;
    learn(&pool, &outcome, bounce, None).await;
    execute(&pool, A_WEEK_LATER).await;
    assert!(is_suppressed(&pool).await, "a bounce does not shorten it");
    learn(&pool, &outcome, stop, Some(other)).await;
    execute(&pool, A_WEEK_LATER).await;
    assert!(is_suppressed(&pool).await);
    execute(&pool, A_MONTH_LATER).await;
    assert!(!is_suppressed(&pool).await, "a START is not heard of");
}

#[tokio::test]
async fn a_stop_said_while_a_bounce_is_believed_holds_for_its_month() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let outcome = cancelled(&reserved(&pool, 1).await[0]);
    learn(&pool, &outcome, SuppressionReason::HardBounce, None).await;
    let stop = SuppressionReason::Stop;
    learn(&pool, &outcome, stop, Some(Uuid::now_v7())).await;
    execute(&pool, A_WEEK_LATER).await;
    assert!(is_suppressed(&pool).await);
    execute(&pool, A_MONTH_LATER).await;
    assert!(!is_suppressed(&pool).await);
}
