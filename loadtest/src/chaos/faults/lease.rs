//! One engine's lease ends while it lives, and the other one waits for what it has in hand.

use std::time::Duration;

use anyhow::Result;
use tokio::time::{Instant, sleep};

use super::{Spec, limits, ordinary};
use crate::chaos::finding::Finding;
use crate::chaos::round::Round;
use crate::chaos::seed::Special;

/// Longer than any lease lasts.
const HELD: Duration = Duration::from_secs(12);

/// No call is started after the other may have taken it, so that there is nothing to excuse. The rate
/// limit of an account makes jobs wait at it, which is where they would be sent too late.
pub(super) async fn lost(spec: Spec<'_>) -> Result<Finding> {
    let special = Special {
        strict: Some(limits::strict(spec.scale)),
        ..ordinary()
    };
    let environment = spec.environment(special).await?;
    let mut round = spec.round_on(environment).await?;
    let taken_over = "SELECT count(*) FROM notification_schema.engine_nodes
        WHERE ended_at IS NOT NULL";
    for (from, to) in [(0.1, 0.2), (0.25, 0.35), (0.4, 0.5)] {
        round.moment(from, to).await;
        let ended = end_its_session(&round).await?;
        round
            .finding
            .must(ended > 0, || "no session of the lease was found".into());
        round.recovers(Instant::now()).await;
    }
    let taken_over = round.environment.database.count(taken_over).await?;
    round.finding.must(taken_over == 0, || {
        "a node that only lost its session was taken for dead".into()
    });
    round.moment(0.6, 0.8).await;
    let node = round.engine.name();
    let beat = format!(
        "SELECT FROM notification_schema.engine_nodes WHERE node_name = '{node}' FOR UPDATE"
    );
    let held = round.environment.database.hold(&beat).await?;
    // What the limit puts off must end within the round.
    round.load.hold().await?;
    sleep(HELD).await;
    drop(held);
    round.recovers(Instant::now()).await;
    round.finding.note(format!(
        "its session is ended three times; then its heartbeats are kept from the table for {} s",
        HELD.as_secs()
    ));
    round.finish().await
}

/// Ends the session by which the first engine keeps its lease, as an operator or a fail-over would.
async fn end_its_session(round: &Round<'_>) -> Result<usize> {
    let query = format!(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = current_database() AND application_name = 'herald {}'
           AND (query ILIKE '%engine_nodes%'
                OR pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory'))",
        round.engine.name()
    );
    Ok(round.environment.database.ask(&query).await?.len())
}
