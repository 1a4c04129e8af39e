//! The engine dies, ends, or dies beside another one.

use anyhow::Result;
use tokio::time::Instant;

use super::Ground;
use crate::chaos::finding::Finding;
use crate::chaos::play::DEADLINE;

pub(super) async fn killed(ground: Ground<'_>) -> Result<Finding> {
    let mut play = ground.play().await?;
    for (from, to) in [(0.1, 0.4), (0.5, 0.9)] {
        play.moment(from, to).await;
        let run = play.engine.run().await?;
        play.engine.kill().await?;
        let killed = Instant::now();
        // What its sessions were still doing ends with it, as when its machine dies.
        play.scene.database.end_sessions().await?;
        let in_flight = play.scene.database.in_flight(run).await?;
        play.excuse(in_flight);
        play.engine = play.scene.engine().await?;
        play.recovers(killed).await;
    }
    play.finish().await
}

pub(super) async fn terminated(ground: Ground<'_>) -> Result<Finding> {
    let mut play = ground.play().await?;
    for (from, to) in [(0.1, 0.4), (0.5, 0.9)] {
        play.moment(from, to).await;
        let run = play.engine.run().await?;
        let asked = Instant::now();
        play.engine.signal("TERM").await?;
        let ended = play.engine.ended(DEADLINE).await;
        play.finding
            .must(ended.as_ref().is_ok_and(|status| status.success()), || {
                format!("it did not end within its deadline: {ended:?}")
            });
        let kept = play.scene.database.in_flight(run).await?.len();
        play.finding
            .must(kept == 0, || format!("it ended with {kept} in hand"));
        play.engine = play.scene.engine().await?;
        play.recovers(asked).await;
    }
    play.finish().await
}

pub(super) async fn one_of_two(ground: Ground<'_>) -> Result<Finding> {
    let mut play = ground.play().await?;
    let living = play.scene.another_engine("two").await?;
    play.moment(0.3, 0.7).await;
    let run = play.engine.run().await?;
    // It stops and keeps what it holds, which can be counted, and which nobody may take.
    play.engine.signal("STOP").await?;
    let in_flight = play.scene.database.in_flight(run).await?;
    play.excuse(in_flight);
    play.engine.kill().await?;
    let killed = Instant::now();
    play.engine = living;
    play.recovers(killed).await;
    play.finish().await
}
