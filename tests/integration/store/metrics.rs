//! Hourly rollups.

use herald::domain::{Channel, DEFAULT_TENANT};
use herald::store::lease::RunId;
use herald::store::metrics::{HourlyDelta, RollupBatch, add};

use crate::database::{TestDatabase, lines};

fn delta(at: &str, sent: i32, delivery_ms: i64) -> HourlyDelta {
    HourlyDelta {
        tenant_id: DEFAULT_TENANT,
        at: at.parse().unwrap(),
        provider: "sendgrid-main".to_owned(),
        channel: Channel::Email,
        sent,
        failed: 1,
        pending: -1,
        delivery_ms,
    }
}

const fn batch(run: i32, number: i64, deltas: Vec<HourlyDelta>) -> RollupBatch {
    RollupBatch {
        run: RunId(run),
        number,
        deltas,
    }
}

#[tokio::test]
async fn differences_add_up_by_hour() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let mut c = pool.get().await.unwrap();
    let hour = vec![
        delta("2126-03-29T00:59:59.9Z", 2, 100),
        delta("2126-03-29T01:00:00Z", 0, 0),
        delta("2126-03-29T01:59:59Z", 3, 50),
    ];
    add(&mut c, &batch(1, 1, hour.clone())).await.unwrap();
    add(&mut c, &batch(1, 2, hour)).await.unwrap();
    add(&mut c, &batch(1, 3, vec![])).await.unwrap();
    let rows = lines(
        &mut c,
        "SELECT concat_ws(' ', date, hour, total_sent, total_failed, total_pending, avg_delivery_ms)
         AS text FROM notification_metrics ORDER BY hour",
    );
    assert_eq!(
        rows.await,
        ["2126-03-29 0 4 2 -2 50", "2126-03-29 1 6 4 -4 16"]
    );
}

#[tokio::test]
async fn a_batch_whose_answer_was_lost_is_added_once() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let mut c = pool.get().await.unwrap();
    let hour = vec![delta("2126-03-29T01:00:00Z", 2, 100)];
    for (run, number) in [(1, 1), (1, 1), (2, 1), (1, 2), (2, 1), (1, 2)] {
        add(&mut c, &batch(run, number, hour.clone()))
            .await
            .unwrap();
    }
    let sum = "SELECT sum(total_sent)::text AS text FROM notification_metrics";
    assert_eq!(lines(&mut c, sum).await, ["6"], "three batches, each once");
}

#[tokio::test]
async fn nodes_that_add_at_once_do_not_wait_for_each_other_in_a_circle() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let hours: Vec<_> = (10..20)
        .map(|hour| delta(&format!("2126-03-29T{hour}:00:00Z"), 1, 1))
        .collect();
    let backwards: Vec<_> = hours.iter().rev().cloned().collect();
    let work = async |run: i32, deltas: &[HourlyDelta]| {
        let mut connection = pool.get().await?;
        for number in 1..=20 {
            add(&mut connection, &batch(run, number, deltas.to_vec())).await?;
        }
        Ok::<_, herald::store::StoreError>(())
    };
    let done = tokio::join!(work(1, &hours), work(2, &backwards));
    assert_eq!(done, (Ok(()), Ok(())));
    let sum = "SELECT sum(total_sent)::text AS text FROM notification_metrics";
    assert_eq!(lines(&mut pool.get().await.unwrap(), sum).await, ["400"]);
}
