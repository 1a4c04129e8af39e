//! RabbitMQ dies, cuts, cancels, or blocks.

use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::time::{Instant, sleep};

use super::{Spec, ordinary};
use crate::chaos::environment::ASIDE;
use crate::chaos::finding::Finding;
use crate::chaos::round::Round;
use crate::chaos::seed::Special;
use crate::chaos::servers::Server;
use crate::harness::engine::CONSUMING;
use crate::harness::proxy::Proxy;
use crate::simulator::{Behaviour, Latency};

/// A RabbitMQ 3.10 that dies half a second after a quorum queue was declared may start again with a
/// queue that never had a leader: that is the broker's fault, and not what is looked for here.
pub(super) const SETTLED: Duration = Duration::from_secs(4);
/// The management's list is not later than that.
const LISTED: Duration = Duration::from_secs(20);
/// Providers that take so long have nearly all in hand that was taken on.
const SLOW_MS: f64 = 300.0;
/// What one engine has in hand comes to the other one while it is still in hand.
const SLOWER_THAN_A_RETURN_MS: f64 = 1_500.0;
const CUT_EVERY: Duration = Duration::from_secs(1);
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// What an engine writes that has lost its connection.
const LOST: &str = "the connection to RabbitMQ was lost";
/// What `script/servers` sets.
const USUAL_MEMORY: [&str; 2] = ["absolute", "2GB"];

fn answering_after<'a>(ms: f64) -> Special<'a> {
    Special {
        behaviour: Behaviour::default().latency(Latency::Fixed { ms }),
        ..ordinary()
    }
}

/// Nothing is sent again, as when connections are cut.
pub(super) async fn killed(mut spec: Spec<'_>) -> Result<Finding> {
    spec.scale.seconds += u32::try_from(SETTLED.as_secs()).unwrap_or(0);
    let environment = spec.environment(answering_after(SLOW_MS)).await?;
    let mut round = spec.round_on(environment).await?;
    round.repeats_nothing();
    sleep(SETTLED).await;
    round.moment(0.5, 0.9).await;
    round.servers.kill(Server::Rabbitmq).await?;
    round.servers.boot(Server::Rabbitmq).await?;
    round.recovers(Instant::now()).await;
    round.finish().await
}

/// Connections are closed by the broker, and cut by the network. Nothing is sent again: both engines
/// live, and leave each other's claims alone.
pub(super) async fn cut(spec: Spec<'_>) -> Result<Finding> {
    let slow = answering_after(SLOWER_THAN_A_RETURN_MS);
    let mut environment = spec.environment(slow).await?;
    let proxy = Proxy::before(environment.vhost.url()).await?;
    environment.set_first("HERALD__BROKER__URL", proxy.url(environment.vhost.url()));
    let mut round = spec.round_on(environment).await?;
    round.repeats_nothing();
    for (from, to) in [(0.1, 0.3), (0.35, 0.6), (0.65, 0.9)] {
        round.moment(from, to).await;
        let consuming = round.engines().map(|engine| engine.said(CONSUMING));
        cut_both(&round).await?;
        let cut = Instant::now();
        for (engine, before) in round.engines().into_iter().zip(consuming) {
            engine.says_times(CONSUMING, before + 1).await?;
        }
        round.recovers(cut).await;
        let consuming = round.engine.said(CONSUMING);
        let cut = Instant::now();
        proxy.cut();
        round.engine.says_times(CONSUMING, consuming + 1).await?;
        round.recovers(cut).await;
    }
    let runs = "SELECT count(DISTINCT owner) FROM notification_schema.notification_deduplication";
    let runs = round.environment.database.count(runs).await?;
    round.finding.must(runs == 2, || {
        format!("{runs} runs took messages on, not the two")
    });
    round.finish().await
}

/// Cuts until both engines have lost their connections: the management's list of them is a little
/// late.
async fn cut_both(round: &Round<'_>) -> Result<()> {
    let before = round.engines().map(|engine| engine.said(LOST));
    let deadline = Instant::now() + LISTED;
    let both_lost = || {
        let mut engines = round.engines().into_iter().zip(before);
        engines.all(|(engine, before)| engine.said(LOST) > before)
    };
    while !both_lost() {
        ensure!(
            Instant::now() < deadline,
            "the engines kept their connections"
        );
        round.environment.vhost.cut_connections().await?;
        let heard_by = Instant::now() + CUT_EVERY;
        while !both_lost() && Instant::now() < heard_by {
            sleep(LOOK_EVERY).await;
        }
    }
    Ok(())
}

/// The queue of a lane that is empty is deleted: what is in a queue would go with it.
pub(super) async fn cancelled(spec: Spec<'_>) -> Result<Finding> {
    let mut round = spec.round().await?;
    round.repeats_nothing();
    round.moment(0.2, 0.8).await;
    let queue = format!("herald.{ASIDE}");
    round.environment.vhost.delete_queue(&queue).await?;
    let cancelled = Instant::now();
    for engine in round.engines() {
        engine.says("the consumer of a lane ended").await?;
    }
    round.recovers(cancelled).await;
    let note = "the queue of an empty lane is deleted: RabbitMQ cancels its consumers";
    round.finding.note(note);
    round.finish().await
}

pub(super) async fn out_of_memory(spec: Spec<'_>) -> Result<Finding> {
    let mut round = spec.round().await?;
    round.moment(0.2, 0.6).await;
    let set = "set_vm_memory_high_watermark";
    let block = async |round: &mut Round<'_>| round.servers.rabbitmqctl(&[set, "0.0001"]).await;
    round.excuse_what_is_in_hand(block).await?;
    let blocked = round.scale.choose(2, 10);
    sleep(Duration::from_secs(blocked)).await;
    let usual = [&[set][..], &USUAL_MEMORY].concat();
    round.servers.rabbitmqctl(&usual).await?;
    round.recovers(Instant::now()).await;
    round.finding.note(format!("the alarm lasted {blocked} s"));
    round.finish().await
}
