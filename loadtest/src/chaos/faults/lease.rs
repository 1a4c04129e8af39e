//! One engine's lease ends while it lives, and the other one waits for what it has in hand.

use std::time::Duration;

use anyhow::Result;
use tokio::time::{Instant, sleep};

use super::{Ground, limits, ordinary};
use crate::chaos::finding::Finding;
use crate::chaos::play::Play;
use crate::chaos::scene::Wishes;

/// Longer than any lease lasts.
const HELD: Duration = Duration::from_secs(12);

/// No call is started after the other may have taken it, so that there is nothing to excuse. The rate
/// limit of an account makes jobs wait at it, which is where they would be sent too late.
pub(super) async fn lost(ground: Ground<'_>) -> Result<Finding> {
    let wishes = Wishes {
        strict: Some(limits::strict(ground.scale)),
        ..ordinary()
    };
    let scene = ground.scene(wishes).await?;
    let mut play = ground.play_on(scene).await?;
    play.moment(0.2, 0.4).await;
    let ended = end_its_session(&play).await?;
    play.finding
        .must(ended > 0, || "no session of the lease was found".into());
    play.recovers(Instant::now()).await;
    play.moment(0.5, 0.8).await;
    let node = play.engine.node();
    let beat = format!(
        "SELECT FROM notification_schema.engine_nodes WHERE node_name = '{node}' FOR UPDATE"
    );
    let held = play.scene.database.hold(&beat).await?;
    // What the limit puts off must end within the round.
    play.load.hold().await?;
    sleep(HELD).await;
    drop(held);
    play.recovers(Instant::now()).await;
    play.finding.note(format!(
        "its session is ended; then its heartbeats are kept from the table for {} s",
        HELD.as_secs()
    ));
    play.finish().await
}

/// Ends the session by which the first engine keeps its lease, as an operator or a fail-over would.
async fn end_its_session(play: &Play<'_>) -> Result<usize> {
    let query = format!(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = current_database() AND application_name = 'herald {}'
           AND (query ILIKE '%engine_nodes%'
                OR pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory'))",
        play.engine.node()
    );
    Ok(play.scene.database.ask(&query).await?.len())
}
