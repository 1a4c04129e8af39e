//! The two calls of a product's page, with many items stored.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::Arguments;
use super::timed::{TimedCalls, times, told};
use crate::command::measuring;
use crate::harness::environment::Environment;
use crate::inbox::PersonTokens;

/// Pages that are timed; before them some that are not.
const PAGES: usize = 3_000;
const WARM: usize = 200;
/// Items of one statement, at most.
const CHUNK: u64 = 200_000;

/// People as in `--streams`, items spread over them evenly, a tenth of each person's unread.
pub(super) async fn measure(
    environment: &Environment,
    arguments: &Arguments,
    items: u64,
) -> Result<bool> {
    environment.engine.migrate().await?;
    let (engine, key) = measuring::serving(environment).await?;
    let PersonTokens(people) = PersonTokens::make(&engine.url(""), &key, arguments.streams).await?;
    let began = Instant::now();
    fill(environment, items, people.len() as u64).await?;
    println!(
        "{items} items of {} people in {:.0} s",
        people.len(),
        began.elapsed().as_secs_f64()
    );
    let calls = TimedCalls::new(engine.url(""));
    let (mut counts, mut list, mut both) = (times()?, times()?, times()?);
    for (at, (_, token)) in people
        .iter()
        .cycle()
        .step_by(7)
        .take(WARM + PAGES)
        .enumerate()
    {
        let bearer = format!("Bearer {token}");
        let header = ("authorization", &*bearer);
        let begun = Instant::now();
        calls.get("/v1/inbox/counts", header, &mut counts).await?;
        calls.get("/v1/inbox?limit=20", header, &mut list).await?;
        both.saturating_record(u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX));
        if at + 1 == WARM {
            (counts, list, both) = (times()?, times()?, times()?);
        }
    }
    println!("counts:      {}", told(&counts));
    println!("first page:  {}", told(&list));
    println!("both:        {}", told(&both));
    measuring::stop(&engine).await?;
    Ok(true)
}

async fn fill(environment: &Environment, items: u64, people: u64) -> Result<()> {
    let client = environment.database.connect().await?;
    let each = items.div_ceil(people);
    let prepare = "SET search_path TO notification_schema; SET statement_timeout = 0; SET synchronous_commit = off;
        INSERT INTO inbox_readers (user_id, tenant_id) SELECT id, tenant_id FROM users ON CONFLICT DO NOTHING";
    client.batch_execute(prepare).await.context("preparing")?;
    let chunk = (CHUNK / people).max(1);
    let mut from = 1;
    while from <= each {
        let to = (from + chunk - 1).min(each);
        let made = format!(
            "INSERT INTO inbox_items (id, user_id, tenant_id, arrival, sequence, delivered_at, category, title, body,
                 seen_at, read_at)
             SELECT gen_random_uuid(), r.user_id, r.tenant_id, n, n, at, 'orders', 'Order ' || n || ' is on its way',
                 'It leaves our house today, and is at yours tomorrow.',
                 CASE WHEN n % 10 > 0 THEN at END, CASE WHEN n % 10 > 0 THEN at END
             FROM generate_series({from}, {to}) n, inbox_readers r,
                 LATERAL (SELECT now() - interval '1 minute' * ({each} - n + 1) AS at) moment"
        );
        client.batch_execute(&made).await.context("making items")?;
        from = to + 1;
    }
    let finish = format!(
        "UPDATE inbox_readers SET last_sequence = {each}; VACUUM ANALYZE inbox_items, inbox_readers; CHECKPOINT"
    );
    for statement in finish.split("; ") {
        client.batch_execute(statement).await.context("vacuuming")?;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    Ok(())
}
