//! One of two engines dies, or ends.

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
        let left = play.kill_the_first().await?;
        play.engine = play.scene.engine(play.engine.node()).await?;
        play.recovers(left.at).await;
        play.taken_over(&left).await?;
    }
    play.finish().await
}

pub(super) async fn terminated(ground: Ground<'_>) -> Result<Finding> {
    let mut play = ground.play().await?;
    for (from, to) in [(0.1, 0.4), (0.5, 0.9)] {
        play.moment(from, to).await;
        let runs = play.scene.database.runs(play.engine.node()).await?;
        let asked = Instant::now();
        play.engine.signal("TERM").await?;
        let ended = play.engine.ended(DEADLINE).await;
        play.finding
            .must(ended.as_ref().is_ok_and(|status| status.success()), || {
                format!("it did not end within its deadline: {ended:?}")
            });
        let kept = play.scene.database.in_flight_of(&runs).await?.len();
        play.finding
            .must(kept == 0, || format!("it ended with {kept} in hand"));
        play.engine = play.scene.engine(play.engine.node()).await?;
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
    let mut capped = limits::Capped::new(strict)?;
    play.moment(0.3, 0.7).await;
    capped.publish(&play).await?;
    let left = play.kill_the_first().await?;
    capped.publish(&play).await?;
    // What the limit has put off takes long enough.
    play.load.hold().await?;
    play.taken_over(&left).await?;
    play.engine = play.scene.engine(play.engine.node()).await?;
    play.recovers(Instant::now()).await;
    capped.judge(&mut play).await?;
    let ledger = play.scene.ledger.clone();
    let mut finding = play.finish().await?;
    limits::judge_rate(&mut finding, &ledger, strict);
    Ok(finding)
}
