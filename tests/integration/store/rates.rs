//! Tokens of an account, leased by several nodes at once.

use std::time::Duration;

use diesel_async::SimpleAsyncConnection;
use herald::resilience::TokenRate;
use herald::runtime::clock;
use herald::store::rates::{Lease, TokenRequest, lease, pause};
use herald::store::{Database, StoreError};
use uuid::Uuid;

use crate::database::{TestDatabase, lines};

const PROVIDER: Uuid = Uuid::from_u128(7);

async fn account(pool: &Database) {
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
}

async fn ask(pool: &Database, limit: u32, tokens: u32) -> Lease {
    let TokenRate { interval, burst } = TokenRate::of(limit);
    let ask = TokenRequest {
        provider_id: PROVIDER,
        interval,
        burst,
        tokens,
    };
    lease(pool, ask).await.unwrap()
}

/// Lets time pass: what matters is only how far the row's moments lie from the clock.
async fn pass(pool: &Database, time: Duration) {
    let moved = format!(
        "UPDATE provider_rates SET tat = tat - interval '{0} microseconds',
             paused_until = paused_until - interval '{0} microseconds'",
        time.as_micros()
    );
    pool.get()
        .await
        .unwrap()
        .batch_execute(&moved)
        .await
        .unwrap();
}

#[tokio::test]
async fn the_row_is_made_when_it_is_missing_and_a_burst_is_had_at_once() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    account(&pool).await;
    let first = ask(&pool, 600, 100).await;
    assert_eq!((first.granted, first.retry_in), (10, None));
    let second = ask(&pool, 600, 1).await;
    assert_eq!(second.granted, 0);
    let interval = TokenRate::of(600).interval;
    assert!(second.retry_in.unwrap() <= interval, "{second:?}");
    pass(&pool, second.retry_in.unwrap()).await;
    assert_eq!(ask(&pool, 600, 1).await.granted, 1);
}

#[tokio::test]
async fn a_limit_of_one_a_minute_grants_one_and_then_waits_a_minute() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    account(&pool).await;
    assert_eq!(ask(&pool, 1, 5).await.granted, 1);
    let none = ask(&pool, 1, 5).await;
    assert_eq!(none.granted, 0);
    assert!(none.retry_in.unwrap() > Duration::from_secs(60));
    pass(&pool, none.retry_in.unwrap()).await;
    assert_eq!(ask(&pool, 1, 5).await.granted, 1);
}

#[tokio::test]
async fn nodes_that_ask_at_once_never_have_more_than_the_limit_in_any_minute() {
    let database = TestDatabase::create().await;
    let pools = (database.pool().await, database.pool().await);
    account(&pools.0).await;
    let limit = 600;
    let (start, mut passed, mut granted) = (clock::instant(), Duration::ZERO, vec![]);
    // Steps and preferences in no order, the same in every run.
    for n in 0_u64..300 {
        let mix = n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
        let wish = |part: u64| u32::try_from(part % 7).unwrap() + 1;
        let (one, other) = tokio::join!(
            ask(&pools.0, limit, wish(mix)),
            ask(&pools.1, limit, wish(mix >> 8))
        );
        let now = passed + start.elapsed();
        granted.extend((0..one.granted + other.granted).map(|_| now));
        let step = Duration::from_millis(mix % 700);
        pass(&pools.0, step).await;
        passed += step;
    }
    for (at, first) in granted.iter().enumerate() {
        let minute = *first + Duration::from_secs(60);
        let inside = granted[at..].iter().take_while(|at| **at < minute).count();
        assert!(
            inside <= limit as usize,
            "{inside} in the minute from {first:?}"
        );
    }
    let minutes = (passed + start.elapsed()).as_secs_f64() / 60.0;
    let most = f64::from(limit) * minutes;
    assert!(
        granted.len() as f64 > most * 0.8,
        "{} of {most}",
        granted.len()
    );
}

#[tokio::test]
async fn a_pause_holds_for_everybody_and_never_ends_earlier_than_said() {
    let database = TestDatabase::create().await;
    let pools = (database.pool().await, database.pool().await);
    account(&pools.0).await;
    pause(&pools.0, PROVIDER, Duration::from_secs(30))
        .await
        .unwrap();
    pause(&pools.1, PROVIDER, Duration::from_secs(3))
        .await
        .unwrap();
    let paused = ask(&pools.1, 600, 5).await;
    assert_eq!(paused.granted, 0);
    let wait = paused.paused_for.unwrap();
    assert!(
        wait > Duration::from_secs(25) && wait <= Duration::from_secs(30),
        "{wait:?}"
    );
    pass(&pools.0, wait).await;
    let after = ask(&pools.1, 600, 5).await;
    assert_eq!((after.granted, after.paused_for), (5, None));
}

/// As after the server's clock was set back, or a standby that is behind took its place.
#[tokio::test]
async fn a_moment_of_a_clock_that_ran_ahead_holds_no_longer_than_a_sane_one() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    account(&pool).await;
    assert_eq!(ask(&pool, 600, 1).await.granted, 1);
    let set = async |to: &str| {
        let set = format!("UPDATE provider_rates SET {to}");
        let mut connection = pool.get().await.unwrap();
        connection.batch_execute(&set).await.unwrap();
    };
    for ahead in ["now() + interval '3 days'", "'infinity'"] {
        set(&format!("tat = {ahead}")).await;
        let none = ask(&pool, 600, 5).await;
        assert_eq!(none.granted, 0);
        let wait = none.retry_in.unwrap();
        assert!(wait <= TokenRate::of(600).interval, "{wait:?}");
        pass(&pool, wait).await;
        assert_eq!(ask(&pool, 600, 1).await.granted, 1);
    }
    let hour = Duration::from_secs(3_600);
    for ahead in ["now() + interval '3 days'", "'infinity'"] {
        set(&format!("paused_until = {ahead}")).await;
        let wait = ask(&pool, 600, 5).await.paused_for.unwrap();
        assert!(wait <= hour, "{wait:?}");
        pass(&pool, wait).await;
        assert!(ask(&pool, 600, 1).await.granted > 0);
    }
}

#[tokio::test]
async fn an_account_that_is_gone_has_no_tokens_and_its_row_goes_with_it() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    account(&pool).await;
    assert_eq!(ask(&pool, 60, 1).await.granted, 1);
    let mut connection = pool.get().await.unwrap();
    connection
        .batch_execute("DELETE FROM provider_configs")
        .await
        .unwrap();
    let rates = "SELECT count(*)::text AS text FROM provider_rates";
    assert_eq!(lines(&mut connection, rates).await, ["0"]);
    let TokenRate { interval, burst } = TokenRate::of(60);
    let gone = TokenRequest {
        provider_id: PROVIDER,
        interval,
        burst,
        tokens: 1,
    };
    let failed: Result<Lease, StoreError> = lease(&pool, gone).await;
    assert!(failed.is_err(), "{failed:?}");
}
