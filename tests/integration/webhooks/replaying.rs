//! Replays: what was missed in a chosen span of time is sent, all of it, once, and nobody else's.

use std::time::Duration;

use diesel_async::SimpleAsyncConnection;
use herald::domain::DEFAULT_TENANT;
use herald::runtime::clock;
use herald::store::jobs::{self, JobOrder, NewJob};
use herald::store::seal::Sealer;
use herald::store::webhooks::deliveries::{self, WebhookResult};
use herald::store::webhooks::replays::{self, ReplayWindow, WebhookReplay};
use uuid::Uuid;

use super::{Desk, fields, made};
use crate::database::{PATIENCE, TestDatabase, lines};

/// The last hour.
fn window(everything: bool) -> ReplayWindow {
    let now = clock::now();
    ReplayWindow {
        since: now - Duration::from_secs(3_600),
        until: now + Duration::from_secs(60),
        everything,
    }
}

/// What a job is to do for it.
fn meant(webhook_id: Uuid, window: ReplayWindow) -> WebhookReplay {
    WebhookReplay {
        webhook_id,
        since: window.since,
        until: window.until,
        everything: window.everything,
    }
}

/// Deliveries of a webhook as SQL writes them: `count` of them, in a state.
fn rows(webhook: Uuid, count: u32, delivered: bool, minutes_ago: u32) -> String {
    format!(
        "INSERT INTO webhook_deliveries
             (id, tenant_id, webhook_id, notification_id, event_type, payload, delivered, attempt_count)
         SELECT (left(uuid_bound(now() - interval '{minutes_ago} minutes')::text, 14) || '7'
                 || substr(gen_random_uuid()::text, 16))::uuid,
                '{DEFAULT_TENANT}', '{webhook}', gen_random_uuid(), 'notification.sent', '{{}}', {delivered}, 4
         FROM generate_series(1, {count})"
    )
}

#[tokio::test]
async fn a_replay_sends_what_was_missed_in_its_span_all_of_it_and_nobody_elses() {
    let database = TestDatabase::create().await;
    let (pool, sealer) = (database.pool().await, Sealer::new(&[[7; 32]]).unwrap());
    let (id, _) = made(&pool, &sealer, &fields("https://example.com/"), 1).await;
    let (other, _) = made(&pool, &sealer, &fields("https://example.com/other"), 2).await;
    let mut c = pool.get().await.unwrap();
    for rows in [
        rows(id, 2_501, false, 10),
        rows(id, 100, true, 10),
        rows(id, 50, false, 90),
        rows(other, 70, false, 10),
    ] {
        c.batch_execute(&rows).await.unwrap();
    }
    let counted = replays::count(&mut c, DEFAULT_TENANT, id, window(false))
        .await
        .unwrap();
    assert_eq!(counted, 2_501);
    let all = replays::count(&mut c, DEFAULT_TENANT, id, window(true))
        .await
        .unwrap();
    assert_eq!(all, 2_601);
    let foreign = replays::count(&mut c, Uuid::nil(), id, window(true))
        .await
        .unwrap();
    assert_eq!(foreign, 0, "another tenant's key");
    let meant = meant(id, window(false));
    // A part that dies leaves no trace.
    c.batch_execute("BEGIN").await.unwrap();
    let first = replays::part(&mut c, &meant, None, 1_000).await.unwrap();
    assert!(first.is_some());
    c.batch_execute("ROLLBACK").await.unwrap();
    let (mut place, mut replayed) = (None, 0);
    while let Some(part) = replays::part(&mut c, &meant, place, 1_000).await.unwrap() {
        (place, replayed) = (Some(part.place), replayed + part.replayed);
    }
    assert_eq!(u64::from(replayed), counted);
    let due = "SELECT concat_ws(' ', webhook_id, count(*)) AS text FROM webhook_deliveries
               WHERE next_retry_at <= now() AND NOT delivered AND attempt_count = 0 GROUP BY webhook_id";
    assert_eq!(lines(&mut c, due).await, [format!("{id} 2501")]);
    let delivered = "SELECT count(*)::text AS text FROM webhook_deliveries WHERE delivered";
    assert_eq!(lines(&mut c, delivered).await, ["100"]);
    // What is on its way is not counted a second time.
    assert_eq!(
        replays::count(&mut c, DEFAULT_TENANT, id, window(false))
            .await
            .unwrap(),
        0
    );
}

#[tokio::test]
async fn what_a_run_has_taken_is_its_own_until_it_is_dead_and_a_result_of_another_changes_nothing()
{
    let database = TestDatabase::create().await;
    let (pool, sealer) = (database.pool().await, Sealer::new(&[[7; 32]]).unwrap());
    let (id, _) = made(&pool, &sealer, &fields("https://example.com/"), 1).await;
    let mut c = pool.get().await.unwrap();
    c.batch_execute(&rows(id, 5, false, 10)).await.unwrap();
    c.batch_execute("UPDATE webhook_deliveries SET next_retry_at = now()")
        .await
        .unwrap();
    let register = "INSERT INTO engine_nodes (node_name, version, lives_until)
                    SELECT n, '1', now() + interval '1 hour' FROM unnest(ARRAY['a', 'b']) n
                    RETURNING run_id::text AS text";
    let runs: Vec<i32> = lines(&mut c, register)
        .await
        .iter()
        .map(|run| run.parse().unwrap())
        .collect();
    let run = |at: usize| herald::domain::RunId(runs[at]);
    let taken = deliveries::take(&pool, run(0), &[(id, 3)]).await.unwrap();
    assert_eq!(taken.len(), 3);
    let rest = deliveries::take(&pool, run(1), &[(id, 9)]).await.unwrap();
    assert_eq!(rest.len(), 2, "the others only");
    let end = format!(
        "UPDATE engine_nodes SET ended_at = now() WHERE run_id = {}",
        runs[0]
    );
    c.batch_execute(&end).await.unwrap();
    let inherited = deliveries::take(&pool, run(1), &[(id, 9)]).await.unwrap();
    assert_eq!(inherited.len(), 3, "those of the dead");
    let late = WebhookResult {
        id: taken[0].id,
        is_delivered: true,
        wait: None,
        status: Some(204),
        answer: None,
        error: None,
    };
    deliveries::record(&pool, run(0), &[late]).await.unwrap();
    let delivered = "SELECT count(*)::text AS text FROM webhook_deliveries WHERE delivered";
    assert_eq!(
        lines(&mut c, delivered).await,
        ["0"],
        "it is another's by now"
    );
    deliveries::give_back(&pool, run(1), vec![rest[0].id])
        .await
        .unwrap();
    let again = deliveries::take(&pool, run(1), &[(id, 9)]).await.unwrap();
    assert_eq!(again.len(), 1, "what was given back");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_goes_on_with_a_replay_and_each_missed_event_arrives_once() {
    let mut desk = Desk::open().await;
    let (receiver, id) = desk.receiver(1).await;
    desk.outcomes.execute(&rows(id, 3_000, false, 10)).await;
    let _engine = desk.stage.start().await;
    let order = JobOrder::WebhookReplay(meant(id, window(false)));
    let job = NewJob {
        tenant_id: Some(DEFAULT_TENANT),
        order: &order,
        rate: 1_000,
        planned: 3_000,
        request: None,
    };
    let mut c = desk.pool.get().await.unwrap();
    let job = jobs::order(&mut c, &job).await.unwrap().unwrap();
    drop(c);
    desk.until(id, "delivered", 3_000).await;
    let stats = receiver.stats();
    assert_eq!((stats.distinct, stats.repeated), (3_000, 0), "{stats:?}");
    let mut c = desk.pool.get().await.unwrap();
    let ended = tokio::time::timeout(PATIENCE, async {
        loop {
            let job = jobs::find(&mut c, None, job).await.unwrap().unwrap();
            if !job.state.is_open() {
                break job;
            }
        }
    });
    let ended = ended.await.unwrap();
    assert_eq!((ended.done, ended.counts["replayed"]), (3_000, 3_000));
}
