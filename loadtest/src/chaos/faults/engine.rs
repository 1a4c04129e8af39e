//! The engine dies, ends, or dies beside another one.

use anyhow::Result;
use tokio::time::Instant;

use super::{Ground, limits, ordinary};
use crate::chaos::finding::Finding;
use crate::chaos::play::DEADLINE;
use crate::chaos::scene::Wishes;

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

/// One account has a rate limit and some people have daily caps, which hold for both together.
pub(super) async fn one_of_two(ground: Ground<'_>) -> Result<Finding> {
    let strict = limits::strict(ground.scale);
    let wishes = Wishes {
        strict: Some(strict),
        ..ordinary()
    };
    let scene = ground.scene(wishes).await?;
    let mut play = ground.play_on(scene).await?;
    let living = play.scene.another_engine("two").await?;
    let mut capped = limits::Capped::new(strict)?;
    play.moment(0.3, 0.7).await;
    capped.publish(&play).await?;
    let run = play.engine.run().await?;
    // It stops and keeps what it holds, which can be counted, and which nobody may take.
    play.engine.signal("STOP").await?;
    let in_flight = play.scene.database.in_flight(run).await?;
    play.excuse(in_flight);
    play.engine.kill().await?;
    let killed = Instant::now();
    play.engine = living;
    capped.publish(&play).await?;
    // What the limit has put off takes long enough.
    play.load.hold().await?;
    play.recovers(killed).await;
    capped.judge(&mut play).await?;
    let ledger = play.scene.ledger.clone();
    let mut finding = play.finish().await?;
    limits::judge_rate(&mut finding, &ledger, strict);
    Ok(finding)
}
