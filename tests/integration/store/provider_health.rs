//! What runs make of accounts.

use std::time::Duration;

use diesel_async::SimpleAsyncConnection;
use herald::domain::CircuitState;
use herald::store::lease::LeaseConnection;
use herald::store::provider_health::{HealthChange, load, remove, remove_dead, upsert};
use uuid::Uuid;

use crate::database::TestDatabase;

const LEASE: Duration = Duration::from_secs(60);
const PROVIDER: Uuid = Uuid::from_u128(7);

fn open() -> HealthChange {
    HealthChange {
        provider_id: PROVIDER,
        state: CircuitState::Open,
        available_in: Some(Duration::from_secs(5)),
        cause: Some("failures".to_owned()),
    }
}

#[tokio::test]
async fn each_living_run_has_its_say_and_a_dead_one_none() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let insert = format!(
        "INSERT INTO provider_configs (id, provider_name, kind, channel)
         VALUES ('{PROVIDER}', 'a', 'sendgrid', 'email')"
    );
    pool.get()
        .await
        .unwrap()
        .batch_execute(&insert)
        .await
        .unwrap();
    let mut leases = LeaseConnection::open(&pool, LEASE).await.unwrap();
    let run = leases.register("one", "0", LEASE).await.unwrap().0.run;
    let dead = leases.register("two", "0", LEASE).await.unwrap().0;
    leases.end(&dead).await.unwrap();
    let dead = dead.run;

    upsert(&pool, run, &open()).await.unwrap();
    upsert(&pool, dead, &open()).await.unwrap();
    let first = load(&pool).await.unwrap();
    let [health] = first.as_slice() else {
        panic!("{first:?}")
    };
    assert_eq!((health.run, health.state), (run, CircuitState::Open));
    assert!(health.available_at.is_some_and(|at| at > health.since));
    assert_eq!(health.cause.as_deref(), Some("failures"));

    upsert(&pool, run, &open()).await.unwrap();
    assert_eq!(
        load(&pool).await.unwrap()[0].since,
        health.since,
        "open since the first trip"
    );
    let closed = HealthChange {
        state: CircuitState::Closed,
        available_in: None,
        cause: None,
        ..open()
    };
    upsert(&pool, run, &closed).await.unwrap();
    let closed = load(&pool).await.unwrap().remove(0);
    assert_eq!(
        (closed.state, closed.available_at, closed.cause),
        (CircuitState::Closed, None, None)
    );

    assert_eq!(remove_dead(&pool).await.unwrap(), 1);
    remove(&pool, run, PROVIDER).await.unwrap();
    assert_eq!(load(&pool).await.unwrap(), []);
    assert_eq!(remove_dead(&pool).await.unwrap(), 0);
    let gone = HealthChange {
        provider_id: Uuid::from_u128(8),
        ..open()
    };
    assert_eq!(
        upsert(&pool, run, &gone).await,
        Ok(()),
        "an account that is gone has none"
    );
}
