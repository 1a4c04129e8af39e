//! Messages whose keys another living run works on: they wait together, and nothing waits for them.

use std::time::Duration;

use herald::store::lease::LeaseConnection;
use loadtest::simulator::{Behaviour, Fault, Provider};

use crate::database::lines;
use crate::stage::{Stage, account, ana, envelope};

/// Messages that wait.
const COUNT: i64 = 300;
const LONG: Duration = Duration::from_secs(600);
const SENT: &str = "SELECT count(*) FROM notifications WHERE status = 'sent'";

/// Transactions of the engine's database, as far as the sessions that have ended have told.
async fn transactions(stage: &Stage) -> i64 {
    let query = "SELECT xact_commit::text AS text FROM pg_stat_database
        WHERE datname = current_database()";
    let told = lines(&mut stage.database.owner().await, query).await;
    told[0].parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn hundreds_that_wait_for_another_run_are_looked_up_together_and_go_on_when_it_ends() {
    let mut stage = Stage::with_lanes("email.*").await;
    stage.set("HERALD__ENGINE__SHUTDOWN_DEADLINE", "1s");
    stage.set("HERALD__ENGINE__SCHEDULER_POLL", "1s");
    let sendgrid = stage.behaving(Provider::SendGrid, Behaviour::failing(Fault::Hang));
    // What hangs must hang until the end: an outcome would be stored, and a circuit that opens would pause
    // the lane.
    let patient = account(&sendgrid).replace("timeout_seconds = 2", "timeout_seconds = 120");
    stage.apply(&format!("{}{patient}", ana()));
    let mut outcomes = stage.outcomes().await;
    let engine = stage.start().await;
    let publisher = stage.publisher().await;
    for _ in 0..COUNT {
        publisher.publish(&envelope("email")).await;
    }
    let claimed = "SELECT count(*) FROM notification_deduplication WHERE owner IS NOT NULL";
    outcomes.until_count(claimed, COUNT).await;
    engine.stop().await;
    // Another run has them in hand, that lives.
    let pool = stage.database.pool().await;
    let mut lease = LeaseConnection::open(&pool, LONG).await.unwrap();
    let (other, _) = lease.register("other", "1", LONG).await.unwrap();
    let taken = format!(
        "UPDATE notification_deduplication SET owner = {run}, take = {run}::bigint << 32",
        run = other.run.0
    );
    outcomes.execute(&taken).await;

    sendgrid.set_behaviour(Behaviour::default());
    let before = transactions(&stage).await;
    let engine = stage.start().await;
    // Others are not held up, though all of these are in hand.
    for priority in ["urgent", "normal", "low"] {
        let mut other = envelope("email");
        other["priority"] = priority.into();
        publisher.publish(&other).await;
    }
    outcomes.until_count(SENT, 3).await;
    lease.end(&other).await.unwrap();
    outcomes.until_count(SENT, COUNT + 3).await;
    let total = u64::try_from(COUNT + 3).unwrap();
    assert_eq!(stage.ledger.accepted(), total, "each is sent once");
    assert!(engine.stop().await.drained);
    let used = transactions(&stage).await - before;
    // One by one they would need several each and one a second; what all of the engine does besides is some
    // hundreds in that time, on a slow machine.
    assert!(used < 3 * COUNT, "{used} transactions for {COUNT} messages");
}
