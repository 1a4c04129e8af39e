//! RabbitMQ dies, cuts, cancels, or blocks.

use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::time::{Instant, sleep};

use super::Ground;
use crate::chaos::engine::CONSUMING;
use crate::chaos::finding::Finding;
use crate::chaos::play::Play;
use crate::chaos::scene::ASIDE;
use crate::chaos::servers::Server;

/// A RabbitMQ 3.10 that dies half a second after a quorum queue was declared may start again with a
/// queue that never had a leader: that is the broker's fault, and not what is looked for here.
const SETTLED: Duration = Duration::from_secs(4);
/// The management's list is not later than that.
const LISTED: Duration = Duration::from_secs(20);
const CUT_EVERY: Duration = Duration::from_secs(1);
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// What an engine writes that has lost its connection.
const LOST: &str = "the connection to RabbitMQ was lost";
/// What `script/servers` sets.
const USUAL_MEMORY: [&str; 2] = ["absolute", "2GB"];

pub(super) async fn killed(mut ground: Ground<'_>) -> Result<Finding> {
    ground.scale.seconds += u32::try_from(SETTLED.as_secs()).unwrap_or(0);
    let mut play = ground.play().await?;
    sleep(SETTLED).await;
    play.moment(0.5, 0.9).await;
    let kill = async |play: &mut Play<'_>| play.servers.kill(Server::Rabbitmq).await;
    play.excuse_what_is_in_hand(kill).await?;
    play.servers.boot(Server::Rabbitmq).await?;
    play.recovers(Instant::now()).await;
    play.finish().await
}

pub(super) async fn cut(ground: Ground<'_>) -> Result<Finding> {
    let mut play = ground.play().await?;
    for (from, to) in [(0.1, 0.3), (0.35, 0.6), (0.65, 0.9)] {
        play.moment(from, to).await;
        play.excuse_what_is_in_hand(async |_: &mut Play<'_>| Ok(()))
            .await?;
        let consuming = play.engines().map(|engine| engine.said(CONSUMING));
        cut_both(&play).await?;
        let cut = Instant::now();
        for (engine, before) in play.engines().into_iter().zip(consuming) {
            engine.says_times(CONSUMING, before + 1).await?;
        }
        play.recovers(cut).await;
    }
    play.finish().await
}

/// Cuts until both engines have lost their connections: the management's list of them is a little
/// late.
async fn cut_both(play: &Play<'_>) -> Result<()> {
    let before = play.engines().map(|engine| engine.said(LOST));
    let deadline = Instant::now() + LISTED;
    let both_lost = || {
        let mut engines = play.engines().into_iter().zip(before);
        engines.all(|(engine, before)| engine.said(LOST) > before)
    };
    while !both_lost() {
        ensure!(
            Instant::now() < deadline,
            "the engines kept their connections"
        );
        play.scene.vhost.cut_connections().await?;
        let heard_by = Instant::now() + CUT_EVERY;
        while !both_lost() && Instant::now() < heard_by {
            sleep(LOOK_EVERY).await;
        }
    }
    Ok(())
}

/// The queue of a lane that is empty is deleted: what is in a queue would go with it.
pub(super) async fn cancelled(ground: Ground<'_>) -> Result<Finding> {
    let mut play = ground.play().await?;
    play.moment(0.2, 0.8).await;
    let queue = format!("herald.{ASIDE}");
    play.scene.vhost.delete_queue(&queue).await?;
    let cancelled = Instant::now();
    for engine in play.engines() {
        engine.says("the consumer of a lane ended").await?;
    }
    play.recovers(cancelled).await;
    let note = "the queue of an empty lane is deleted: RabbitMQ cancels its consumers";
    play.finding.note(note);
    play.finish().await
}

pub(super) async fn out_of_memory(ground: Ground<'_>) -> Result<Finding> {
    let mut play = ground.play().await?;
    play.moment(0.2, 0.6).await;
    let set = "set_vm_memory_high_watermark";
    let block = async |play: &mut Play<'_>| play.servers.rabbitmqctl(&[set, "0.0001"]).await;
    play.excuse_what_is_in_hand(block).await?;
    let blocked = play.scale.choose(2, 10);
    sleep(Duration::from_secs(blocked)).await;
    let usual = [&[set][..], &USUAL_MEMORY].concat();
    play.servers.rabbitmqctl(&usual).await?;
    play.recovers(Instant::now()).await;
    play.finding.note(format!("the alarm lasted {blocked} s"));
    play.finish().await
}
